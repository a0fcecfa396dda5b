from __future__ import annotations

import time

import pyarrow as pa
import pytest

from reading import batches as batches_of
from swap.connectors.base import Column, Comparison, Deadline, Fragment, OnBehalf, Predicate
from swap.connectors.memory import MemoryConnector, Table
from swap.errors import QueryTimedOut, SourceFailed, SourceUnavailable

NUMBERS = pa.table({"id": pa.array(range(10), pa.int32())})
ANN = OnBehalf("paaaaaaaaa", "ann", frozenset({"analysts"}), frozenset())
ALL = Fragment("s", "t", (Column("id", pa.int32()),))


def soon(seconds: float = 5.0) -> Deadline:
    return Deadline(time.monotonic() + seconds)


def test_it_fails_after_as_many_rows_as_it_was_told() -> None:
    connector = MemoryConnector("mem", {"s.t": NUMBERS}, batch_rows=2)
    connector.behaviour.fail_after_rows = 4
    reader = connector.read(ALL, ANN, soon())

    with pytest.raises(SourceFailed):
        list(batches_of(reader))

    assert reader.stats.rows == 4
    assert connector.running == 0


def test_it_is_as_slow_as_it_was_told() -> None:
    connector = MemoryConnector("mem", {"s.t": NUMBERS}, batch_rows=5)
    connector.behaviour.seconds_per_batch = 0.05
    began = time.monotonic()

    list(batches_of(connector.read(ALL, ANN, soon())))

    assert time.monotonic() - began >= 0.1
    with pytest.raises(QueryTimedOut):
        list(batches_of(connector.read(ALL, ANN, soon(0.01))))


def test_it_is_down_when_told() -> None:
    connector = MemoryConnector("mem", {"s.t": NUMBERS})
    connector.behaviour.down = True

    for attempt in (
        connector.check,
        lambda: list(connector.harvest()),
        lambda: list(batches_of(connector.read(ALL, ANN, soon()))),
    ):
        with pytest.raises(SourceUnavailable, match="mem does not answer"):
            attempt()


def test_it_remembers_what_it_was_asked_for() -> None:
    connector = MemoryConnector("mem", {"s.t": Table(NUMBERS, comment="Numbers")})
    asked = Fragment("s", "t", ALL.columns, (Predicate("id", Comparison.GT, 7),), 1)

    rows = [row for batch in batches_of(connector.read(asked, ANN, soon())) for row in batch.to_pylist()]

    assert rows == [{"id": 8}]
    assert connector.fragments == [asked]
    assert next(connector.harvest())[0].comment == "Numbers"


def test_a_harvest_comes_in_pieces_and_breaks_off_where_it_was_told() -> None:
    connector = MemoryConnector("mem", {f"s.t{number}": NUMBERS for number in range(5)}, piece_tables=2)

    assert [[dataset.name for dataset in piece] for piece in connector.harvest()] == [
        ["t0", "t1"],
        ["t2", "t3"],
        ["t4"],
    ]

    connector.behaviour.fail_after_pieces = 1
    pieces = connector.harvest()
    next(pieces)
    with pytest.raises(SourceUnavailable):
        next(pieces)
