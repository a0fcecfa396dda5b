"""What the gateway, which has no power, may ask of its warden, who is root: six things, all planned at the start.

A request is a word, at most one name that the settings hold, and at most one open descriptor beside the socket for the
answer: no path, no program and no number.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final, NamedTuple

START: Final = "start"
"""Start the cell of that name, and end the one of before."""
END: Final = "end"
"""End the cell of that name; what was forked from it goes on."""
KILL: Final = "kill"
"""End the process that the descriptor is a handle on, if it is of a cell."""
ROOT: Final = "root"
"""Open the root of the source of that name, for who reads files."""
SPILL: Final = "spill"
"""Make an empty directory for a combiner."""
CLEAR: Final = "clear"
"""Remove the directory that the descriptor is of, if it was made so, with all that is in it."""

COMBINERS: Final = "combiners"
READERS: Final = "readers"
"""The cells: of what computes statements, and of what reads files."""

MOST_BYTES: Final = 100
"""Of a request."""
ANSWER: Final = struct.Struct("!ii")
"""The number of the system's error, 0 for none; and of a cell its fork server's process id."""


class Started(NamedTuple):
    """A cell that was started."""

    pid: int
    channel: socket.socket
    words: socket.socket
    """What its processes say."""


class Asker:
    """The side of who has a warden, for any number of threads."""

    def __init__(self, warden: socket.socket) -> None:
        self._warden = warden

    def ask(self, request: str, *descriptors: int) -> socket.socket:
        """Ask for an errand; return the socket on which the answer comes.  Raises OSError."""
        # An answer of its own: what takes long holds up nobody else.
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._warden, [request.encode()], [theirs.fileno(), *descriptors])
            except BaseException:
                ours.close()
                raise
        return ours


class Errands(Asker):
    """The gateway's side.  Each method raises OSError: what the warden met, or refused."""

    def start(self, cell: str) -> Started:
        """Start a cell."""
        pid, (channel, words) = self._ask(START, cell)
        return Started(pid, socket.socket(fileno=channel), socket.socket(fileno=words))

    def end(self, cell: str) -> None:
        """End a cell; nothing, if there is none."""
        self._ask(END, cell)

    def kill(self, process: int) -> None:
        """End the process of a cell that this is a handle on."""
        self._ask(KILL, "", process)

    def root(self, source: str) -> int:
        """Return a handle on a source's root as it is now, as `mounts.tree` does."""
        return self._ask(ROOT, source)[1][0]

    def spill(self) -> int:
        """Return a descriptor of a new directory, for a combiner alone."""
        return self._ask(SPILL)[1][0]

    def clear(self, spill: int) -> None:
        """Remove such a directory with all that is in it."""
        self._ask(CLEAR, "", spill)

    def _ask(self, word: str, name: str = "", *descriptors: int) -> tuple[int, list[int]]:
        with self.ask(f"{word} {name}", *descriptors) as ours:
            answer, handed, _, _ = socket.recv_fds(ours, ANSWER.size, 2, socket.MSG_CMSG_CLOEXEC)
        if len(answer) < ANSWER.size:
            raise ConnectionError("the warden is gone")
        number, pid = ANSWER.unpack(answer)
        if number:
            raise OSError(number, os.strerror(number))
        return pid, handed
