"""The program that combiners, or readers, are forked from: it has loaded what they need, and read nothing.

Starting Python with Arrow and DuckDB or psycopg anew takes fifty times as long as a child's own beginning.  It has
one thread, no credential and no descriptor but its channel: what a child is to do, and with which descriptors,
arrives in the child, on a socket that the child made after the fork.  Told of a cell, it is in it before it forks.

`bare.command("swap.fork_server", "module,module")`, then the channel's number: a child does what the `prepare()` of the
module asked for returned.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import NoReturn

from swap import logs
from swap.walls import powers
from swap.walls.cell import CLOSED, Cell, shut_in

FORK = b"fork"
REAP = b"reap"
REQUEST = struct.Struct("!4si")
"""What to do, and with which process; for a fork, what the child is to do: the place of its module."""
ANSWER = struct.Struct("!i")
"""A fork's process id, sent by the child with its socket and a handle on itself; of one that was reaped its status."""


def main() -> None:
    """Fork children of the modules that are named."""
    logs.install()
    begins = [importlib.import_module(name).prepare() for name in sys.argv[1].split(",")]
    if (told := Cell.told()) is not None:
        shut_in(told)
    elif CLOSED in os.environ:
        powers.close()
    run(*begins)


def run(*begins: Callable[[socket.socket], None]) -> None:
    """Answer until the channel closes: fork a child, which begins, or collect one that has ended."""
    channel = socket.socket(fileno=int(sys.argv[-1]))
    # Ctrl-C is for our parent, whose end we notice by the channel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # otherwise each child's collector would write to, and so copy, all pages that it shares with us
    while len(request := channel.recv(REQUEST.size)) == REQUEST.size:
        what, number = REQUEST.unpack(request)
        if what == FORK:
            if os.fork() == 0:
                _become(begins[number], channel)
        else:
            _, status = os.waitpid(number, 0)
            channel.sendall(ANSWER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)  # there is nothing to tidy up, and DuckDB's bindings would complain of what is left


def _become(begin: Callable[[socket.socket], None], channel: socket.socket) -> NoReturn:
    """Make a socket of our own, give its other end to the gateway, and do what is asked on it.  Does not return."""
    status = 1
    try:
        os.setsid()
        ours, theirs = socket.socketpair()
        # Made here, it can mean no other; whoever gets it may be a user who could not make it.
        itself = os.pidfd_open(os.getpid())
        with theirs, channel:
            socket.send_fds(channel, [ANSWER.pack(os.getpid())], [theirs.fileno(), itself])
        os.close(itself)
        begin(ours)
        status = 0
    except BaseException as error:  # noqa: BLE001 — the child's last words
        sys.stderr.write(f"{logs.trace(error)}\n")
    finally:
        # Whatever happened: nothing of the server's own loop may go on in a child.
        os._exit(status)
