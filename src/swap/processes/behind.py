"""How a process of SWAP's that has a warden begins: it gives every power up, and then does its work.

Its warden calls it with two descriptors: of what it is told, which is all that it will know of the site, and of the
warden.  Until the walls stand nothing is loaded that others wrote.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from swap import logs
from swap.walls import cell
from swap.walls.kernel import call

_PR_SET_PDEATHSIG: Final = 1


def walls(serve: Callable[[dict[str, Any], socket.socket], None]) -> None:
    """Serve behind walls until told to stop, with what is known and the socket to the warden."""
    logs.install()
    told, warden = map(int, sys.argv[-2:])
    with os.fdopen(told, encoding="utf-8") as file:
        known = json.load(file)
    channel = socket.socket(fileno=warden)
    channel.set_inheritable(False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cell.enclose(known["uid"], known["view"])
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == known["warden"]:  # else it has ended, maybe before we asked to end with it
        serve(known, channel)
