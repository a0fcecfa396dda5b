"""Programs of SWAP's that were taken over: forked from the real ones, in their cells, then doing as a test says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from swap.channel import receive, send
from swap.forking import Forked, ForkServer
from swap.walls.cell import Cell

NO_CELL = "fork_server.shut_in = lambda cell: None"
NO_VIEW = "cell.mounts.build = lambda plan: None"
NO_USER = "cell.powers.become = cell.powers.bound = lambda *_: None"
OPEN_TO_ITS_LIKE = """
shut_in = fork_server.shut_in
fork_server.shut_in = lambda told: (shut_in(told), ctypes.CDLL(None).prctl(4, 1, 0, 0, 0))
"""
_PROGRAM = """
import ctypes, errno, os, socket, sys
from pathlib import Path
from swap import channel, fork_server
from swap.walls import cell
WEAKEN
def begin(control):
    while True:
        told, descriptors = channel.receive(control)
        try:
            answer = eval(told["attempt"])
        except OSError as error:
            answer = errno.errorcode[error.errno]
        channel.send(control, {"answer": answer})
        for descriptor in descriptors:
            os.close(descriptor)
run = fork_server.run
fork_server.run = lambda *begins: run(*(begin for _ in begins))
fork_server.main()
"""


class Attackers:
    """Those that a module of SWAP's is forked to, in a cell."""

    def __init__(self, folder: Path, module: str, cell: Cell) -> None:
        self._folder = folder
        self._module = module
        self._cell = cell
        self._servers: dict[str, ForkServer] = {}
        self._forked: list[tuple[ForkServer, Forked]] = []

    def server(self, weaken: str = "") -> ForkServer:
        """Return what they are forked from, with a part of the cell taken away."""
        if weaken not in self._servers:
            path = self._folder / f"attacker-{len(self._servers)}.py"
            path.write_text(_PROGRAM.replace("WEAKEN", weaken), encoding="utf-8")
            self._servers[weaken] = ForkServer((sys.executable, "-P", str(path), self._module), {}, self._cell)
        return self._servers[weaken]

    def one(self, server: ForkServer) -> Forked:
        """Return a new one."""
        forked = server.fork()
        self._forked.append((server, forked))
        return forked

    def try_(self, attempt: str, weaken: str = "", *descriptors: int) -> Any:
        """Return what an attempt, as Python, gives one of them: its value, or the name of the system's error."""
        return answer(self.one(self.server(weaken)), attempt, *descriptors)

    def close(self) -> None:
        """End all of them."""
        for server, forked in self._forked:
            forked.kill()
            forked.wait()
            server.reap(forked)
            forked.close()
        for server in self._servers.values():
            server.close()


def answer(forked: Forked, attempt: str, *descriptors: int) -> Any:
    """Let one of them try something."""
    send(forked.control, {"attempt": attempt}, descriptors)
    return receive(forked.control)[0]["answer"]
