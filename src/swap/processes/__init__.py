"""The processes of SWAP, one module each: read the runtime, build the application, serve until told to stop.

Apart from one another, so that the portal's process does not load the query engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from swap import bare

HUB_CONFIGURATION: Final = str(Path(__file__).parents[1] / "hub" / "jupyterhub_config.py")
"""What JupyterHub is configured by."""
COMMANDS: Final[dict[str, Sequence[str]]] = {
    "gateway": bare.service("swap.processes.gateway"),
    "web": bare.service("swap.processes.web", needs=("pygments",)),
    "hub": bare.service("swap.processes.hub", HUB_CONFIGURATION, needs=("cryptography",)),
    "worker": bare.service("swap.processes.worker"),
}
"""Process → the command that becomes it.  It finds its runtime through SWAP_RUNTIME."""
WARDENS: Final[dict[str, Sequence[str]]] = {name: bare.service("swap.processes.warded", name) for name in COMMANDS}
"""Process → the command of its warden, which starts it where people have walls."""
