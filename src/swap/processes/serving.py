"""The gateway's process where people have walls: it gives every power up, and then is what `gateway` runs.

Its warden calls it with two descriptors: of what it is told, which is all that it will know of the site, and of the
warden.  Until the walls stand nothing is loaded that others wrote.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import socket
import sys
from typing import Any, Final

from swap import logs
from swap.walls.cell import enclose
from swap.walls.errands import Errands
from swap.walls.kernel import call

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Serve until told to stop."""
    logs.install()
    told, warden = map(int, sys.argv[-2:])
    with os.fdopen(told, encoding="utf-8") as file:
        known = json.load(file)
    channel = socket.socket(fileno=warden)
    channel.set_inheritable(False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    enclose(known["uid"], known["view"])
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == known["warden"]:  # else it has ended, maybe before we asked to end with it
        serve(known, Errands(channel))


def serve(known: dict[str, Any], errands: Errands) -> None:
    """Be the gateway."""
    gateway, settings, runtime = (
        importlib.import_module(f"swap.{name}") for name in ("processes.gateway", "settings", "runtime")
    )
    gateway.run(
        settings.Settings.model_validate(known["settings"]), runtime.Runtime.model_validate(known["runtime"]), errands
    )


if __name__ == "__main__":
    main()
