from __future__ import annotations

import struct

import pyarrow as pa
import pytest

from swap.connectors.base import Column, Fragment
from swap.connectors.postgres.decode import SIGNATURE, TRAILER
from swap.connectors.postgres.reader import Rows
from swap.connectors.postgres.types import SourceColumn
from swap.errors import SourceFailed

HEADER = SIGNATURE + bytes(8)


def rows() -> Rows:
    fragment = Fragment("s", "t", (Column("id", pa.int32()),))
    return Rows("stock", fragment, [SourceColumn("id", pa.int32(), pa.int32())], pa.schema([("c0", pa.int32())]))


def messages(*found: bytes) -> list[memoryview]:
    return [memoryview(each) for each in found]


def row(number: int) -> bytes:
    return struct.pack(">hii", 1, 4, number)


def test_rows_are_a_batch_under_the_names_asked_for_and_the_header_is_none() -> None:
    waiting = rows()

    waiting.add(messages(HEADER + row(1), row(2)))
    waiting.add([])
    waiting.add(messages(row(3)))

    assert waiting.take().to_pydict() == {"c0": [1, 2, 3]}
    assert not waiting.sizes
    assert not waiting.ended


def test_the_trailer_alone_tells_that_the_answer_is_whole() -> None:
    waiting = rows()

    waiting.add(messages(HEADER + row(1), TRAILER))

    assert waiting.ended
    assert waiting.take().num_rows == 1


def test_an_answer_without_rows_is_its_header_and_trailer() -> None:
    waiting = rows()

    waiting.add(messages(HEADER + TRAILER))

    assert waiting.ended
    assert not waiting.sizes


def test_what_comes_after_the_trailer_is_an_error() -> None:
    waiting = rows()
    waiting.add(messages(HEADER + row(1), TRAILER))

    with pytest.raises(SourceFailed, match="goes on after its end"):
        waiting.add(messages(row(2)))


def test_a_trailer_among_rows_is_an_error() -> None:
    waiting = rows()
    waiting.add(messages(HEADER + row(1), TRAILER, row(2)))

    with pytest.raises(SourceFailed, match="cannot be read"):
        waiting.take()
