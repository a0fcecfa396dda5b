"""A connection to a store, against sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.proxy import unanswered_port
from swap.connectors.wire import ConnectError, LostError, Wire
from swap.errors import QueryTimedOut


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_an_address_that_says_nothing_leaves_time_for_the_hosts_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    ours, theirs = socket.socketpair()
    with unanswered_port() as port, ours, theirs, socket.create_server(("127.0.0.2", port)) as answering:
        wire = Wire(ours.fileno(), time.monotonic() + 60)
        wire.connect("db.example.org", port, None, 2.0)
        accepted, _ = answering.accept()
        with accepted:
            wire.send(b"x")
            assert accepted.recv(1) == b"x"
        wire.close()


def test_a_host_of_which_no_address_answers_is_late_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.1")
    ours, theirs = socket.socketpair()
    with unanswered_port() as port, ours, theirs, pytest.raises(ConnectError, match="did not answer within 0"):
        Wire(ours.fileno(), time.monotonic() + 60).connect("db.example.org", port, None, 0.4)


class Relayed:
    """A wire to a peer, carried to a socket of ours by a thread that ends when the carrying does."""

    def __init__(self, seconds: float = 60) -> None:
        self.ours, self.local = socket.socketpair()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.wire = Wire(self.ours.fileno(), time.monotonic() + seconds)
            self.wire.connect("127.0.0.1", listener.getsockname()[1], None, 10)
            self.peer, _ = listener.accept()
        self.ended_with: list[type[BaseException] | None] = []
        self.carrying = threading.Thread(target=self._carry)
        self.carrying.start()

    def _carry(self) -> None:
        try:
            self.wire.relay(self.ours)
        except (LostError, QueryTimedOut, EOFError, OSError) as error:
            self.ended_with.append(type(error))
        else:
            self.ended_with.append(None)

    def close(self) -> None:
        for each in (self.local, self.peer):
            each.close()
        self.carrying.join()
        self.wire.close()
        self.ours.close()


@pytest.fixture
def relayed() -> Iterator[Relayed]:
    made = Relayed()
    yield made
    made.close()


def test_what_is_said_on_either_side_comes_whole_to_the_other(relayed: Relayed) -> None:
    large = bytes(range(256)) * 20_000
    for says, hears in ((relayed.local, relayed.peer), (relayed.peer, relayed.local)):
        saying = threading.Thread(target=says.sendall, args=(large,))
        saying.start()
        heard = b""
        while len(heard) < len(large):
            heard += hears.recv(1 << 20)
        saying.join()
        assert heard == large


@pytest.mark.parametrize("side", ["local", "peer"])
def test_who_hangs_up_ends_the_carrying(relayed: Relayed, side: str) -> None:
    getattr(relayed, side).close()
    relayed.carrying.join(30)

    assert not relayed.carrying.is_alive()


def test_a_peer_that_takes_nothing_more_ends_the_carrying_at_its_time() -> None:
    made = Relayed(seconds=1)
    made.local.setblocking(False)
    try:
        while made.carrying.is_alive():
            with contextlib.suppress(BlockingIOError):
                made.local.send(bytes(1 << 20))
            made.carrying.join(0.01)
        assert made.ended_with == [QueryTimedOut]
    finally:
        made.close()
