"""A network of nothing but a loopback, and the doors that lead into it and out of it.

A door is a thread that listens on one side, connects on the other, and carries bytes; it holds no capability.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from swap.walls.kernel import CLONE_NEWNET, call
from swap.walls.powers import drop_capabilities

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

Door = tuple[socket.socket, tuple[str, int]]
"""Where somebody listens, and what whoever comes is connected with."""

_PIECE_BYTES: Final = 262_144
_CONNECT_SECONDS: Final = 10.0
_FULL_SECONDS: Final = 0.1


def listen(doors: Iterable[Any]) -> list[Door]:
    """Listen, in the network this process is in, at each of the plan's doors: [address, port, to address, to port]."""
    made: list[Door] = []
    for address, port, to_address, to_port in doors:
        made.append((socket.create_server((address, port), backlog=128), (to_address, to_port)))
    return made


def enter_own_network() -> None:
    """Move to a network of a loopback, and nothing else."""
    call("unshare", CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def stand_at(doors: Iterable[Door], enter: Callable[[], object]) -> None:
    """Serve doors for ever, in threads that have entered the network they connect in, and hold no capability."""
    for door in doors:
        is_ready = threading.Event()
        threading.Thread(target=_serve_door, args=(*door, enter, is_ready), daemon=True).start()
        if not is_ready.wait(_CONNECT_SECONDS):
            msg = f"the door to {door[1]} was not taken"
            raise OSError(msg)


def _serve_door(
    listener: socket.socket, leads_to: tuple[str, int], enter: Callable[[], object], is_ready: threading.Event
) -> None:
    enter()
    drop_capabilities()
    is_ready.set()
    while True:
        try:
            came, _ = listener.accept()
        except OSError:  # no descriptor is left: those who came wait until others have gone
            select.select([], [], [], _FULL_SECONDS)
            continue
        try:
            threading.Thread(target=_connect, args=(came, leads_to), daemon=True).start()
        except RuntimeError:  # the person's limit of threads is met: who comes now is turned away
            came.close()


def _connect(came: socket.socket, leads_to: tuple[str, int]) -> None:
    """Carry bytes both ways until both sides have ended."""
    # Whoever is not there or lets go, on either side, is told to the other by the end of its connection.
    with (
        contextlib.suppress(OSError, RuntimeError),
        came,
        socket.create_connection(leads_to, _CONNECT_SECONDS) as other,
    ):
        other.settimeout(None)
        for each in (came, other):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_carry, args=(other, came), daemon=True)
        back.start()
        _carry(came, other)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry one way until its end, and pass the end on; a broken connection breaks the other."""
    try:
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
