"""The processes of SWAP, one module each: read the runtime, build the application, serve until told to stop.

Apart from one another, so that the portal's process does not load the query engine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

COMMANDS: Final[dict[str, list[str]]] = {
    "gateway": [sys.executable, "-P", "-m", "swap.processes.gateway"],
    "web": [sys.executable, "-P", "-m", "swap.processes.web"],
    "hub": [
        sys.executable,
        "-P",
        "-m",
        "jupyterhub",
        "-f",
        str(Path(__file__).parents[1] / "hub" / "jupyterhub_config.py"),
    ],
}
"""Process → the command that becomes it.  It finds its runtime through SWAP_RUNTIME."""
