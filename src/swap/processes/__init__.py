"""The processes of SWAP, one module each: read the runtime, build the application, serve until told to stop.

Apart from one another, so that the portal's process does not load the query engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from swap import bare

COMMANDS: Final[dict[str, Sequence[str]]] = {
    "gateway": bare.service("swap.processes.gateway"),
    "warden": bare.service("swap.processes.warded"),
    "web": bare.service("swap.processes.web", needs=("pygments",)),
    "web warden": bare.service("swap.processes.warded_web"),
    "hub": bare.service(
        "swap.processes.hub",
        str(Path(__file__).parents[1] / "hub" / "jupyterhub_config.py"),
        needs=("cryptography",),
    ),
}
"""Process → the command that becomes it.  It finds its runtime through SWAP_RUNTIME.

Where people have walls, the gateway and the portal are each started by their warden.
"""
