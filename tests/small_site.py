"""A whole site with small programs, run as a process of its own: small_site.py <swap.toml>.

The hub starts a person's server that detaches itself, as JupyterHub's spawner does, and the server a
kernel; with SMALL_SITE_STUBBORN neither obeys SIGTERM.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from swap import settings, terminal
from swap.runtime import Runtime
from swap.settings import Settings
from swap.supervisor import guard, up
from swap.supervisor.model import Answer, Service

PROGRAM = [sys.executable, str(Path(__file__).with_name("small_program.py"))]


def programs(site: Settings, here: Runtime) -> list[Service]:
    broken = os.environ.get("SMALL_SITE_BROKEN", "")
    named = [("front", site.site.port), ("gateway", here.gateway_port), ("hub", here.hub_port)]
    return [
        Service(
            name,
            [*PROGRAM, "broken" if name == broken else name, str(port)],
            (Answer(port),),
            f"127.0.0.1:{port}",
            3.0,
        )
        for name, port in named
    ]


def main(path: Path) -> int:
    return up.run(path, programs=programs, at_ready=lambda _: terminal.line("READY"))


if __name__ == "__main__":
    config = Path(sys.argv[-1])
    if len(sys.argv) == 2:
        guard.become(settings.load(config).state, [sys.executable, __file__, "run", str(config)])
    terminal.leave(lambda: main(config))
