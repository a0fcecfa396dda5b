"""A connection to a store, against sockets."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from conformance.proxy import unanswered_port
from swap.connectors.wire import ConnectError, Wire


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
