"""A session, against a server made of bytes."""

from __future__ import annotations

import struct

import pytest

from swap.connectors.hive import thrift
from swap.connectors.hive.session import Session, State, StatementError
from swap.connectors.hive.thrift import Value

OPERATION = Value(thrift.STRUCT, {})


class Answering:
    """Carries calls to a server that tells of a statement these states, one after the other."""

    def __init__(self, *states: State) -> None:
        self._states = iter(states)
        self._asked = b""

    def send(self, message: bytes) -> None:
        self._asked = message

    def receive(self) -> bytes:
        call, head = len("GetOperationStatus"), 8
        number = self._asked[head + call : head + call + 4]
        success = thrift.fields({1: thrift.fields({1: Value(thrift.I32, 0)}), 2: Value(thrift.I32, next(self._states))})
        return (
            struct.pack(">Ii", 0x80010002, call) + b"GetOperationStatus" + number
            + struct.pack(">bh", thrift.STRUCT, 0) + thrift.write(success) + b"\0"
        )  # fmt: skip


def test_a_server_that_answers_at_once_is_given_ever_longer_between_two_questions() -> None:
    pauses: list[float] = []

    Session(Answering(*[State.RUNNING] * 9, State.FINISHED), pauses.append).finish(OPERATION)

    assert pauses == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]


def test_a_statement_that_is_cancelled_is_waited_for_no_longer() -> None:
    with pytest.raises(StatementError, match="canceled"):
        Session(Answering(State.RUNNING, State.CANCELED), lambda _: None).finish(OPERATION)


def test_what_ends_a_pause_ends_the_waiting() -> None:
    def gone(_: float) -> None:
        raise EOFError

    with pytest.raises(EOFError):
        Session(Answering(State.RUNNING, State.FINISHED), gone).finish(OPERATION)
