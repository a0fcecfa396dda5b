"""The program that combiners are forked from: it has imported what they need, and touched nothing.

Starting Python, DuckDB and Arrow anew takes ten times as long as a combiner's own beginning.  It has one thread,
holds no credential and no descriptor but its channel, and has read nothing: what a combiner is to do, and with
which descriptors, arrives in the child, on a socket that the child made after the fork.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from swap.query.execution import combiner_child

FORK = b"fork"
REAP = b"reap"
REQUEST = struct.Struct("!4si")
"""What to do, and with which process (0 for a fork)."""
ANSWER = struct.Struct("!i")
"""A fork's process id, sent by the child with its socket; of one that was reaped its status."""


def main() -> None:
    """Answer until the channel closes: fork a combiner, or collect one that has ended."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    # Ctrl-C is for our parent, whose end we notice by the channel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # otherwise each child's collector would write to, and so copy, all pages that it shares with us
    while len(request := channel.recv(REQUEST.size)) == REQUEST.size:
        what, pid = REQUEST.unpack(request)
        if what == FORK:
            if os.fork() == 0:
                _become_combiner(channel)
        else:
            _, status = os.waitpid(pid, 0)
            channel.sendall(ANSWER.pack(os.waitstatus_to_exitcode(status)))


def _become_combiner(channel: socket.socket) -> None:
    """Make a socket of our own, give its other end to the gateway, and do what is asked on it.  Does not return."""
    try:
        os.setpgid(0, 0)
        # When the machine runs out of memory, combiners go first.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        ours, theirs = socket.socketpair()
        with theirs, channel:
            socket.send_fds(channel, [ANSWER.pack(os.getpid())], [theirs.fileno()])
        combiner_child.main(ours)
    finally:
        # Whatever happened: nothing of the server's own loop may go on in a child.
        os._exit(1)
