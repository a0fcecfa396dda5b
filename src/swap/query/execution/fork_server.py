"""The program that combiners are forked from: it has loaded what they need, and read nothing.

Starting Python, DuckDB and Arrow anew takes fifty times as long as a combiner's own beginning.  It has one thread,
an empty DuckDB, no credential and no descriptor but its channel: what a combiner is to do, and with
which descriptors, arrives in the child, on a socket that the child made after the fork.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
from typing import NoReturn

import duckdb

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
    database = combiner_child.opened()
    gc.collect()
    gc.freeze()  # otherwise each child's collector would write to, and so copy, all pages that it shares with us
    while len(request := channel.recv(REQUEST.size)) == REQUEST.size:
        what, pid = REQUEST.unpack(request)
        if what == FORK:
            if os.fork() == 0:
                _become_combiner(channel, database)
        else:
            _, status = os.waitpid(pid, 0)
            channel.sendall(ANSWER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)  # there is nothing to tidy up, and DuckDB's bindings would complain of what is left


def _become_combiner(channel: socket.socket, database: duckdb.DuckDBPyConnection) -> NoReturn:
    """Make a socket of our own, give its other end to the gateway, and do what is asked on it.  Does not return."""
    try:
        os.setpgid(0, 0)
        ours, theirs = socket.socketpair()
        with theirs, channel:
            socket.send_fds(channel, [ANSWER.pack(os.getpid())], [theirs.fileno()])
        combiner_child.main(ours, database)
    finally:
        # Whatever happened: nothing of the server's own loop may go on in a child.
        os._exit(1)
