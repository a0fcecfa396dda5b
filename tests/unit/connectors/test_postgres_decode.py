from __future__ import annotations

import json
import mmap
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swap.connectors.postgres import decode
from unit.connectors import fuzz_postgres_decode


def row(*fields: bytes | None) -> bytes:
    return struct.pack(">h", len(fields)) + b"".join(
        struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field for field in fields
    )


def decoded(rows: list[bytes], *types: pa.DataType) -> list[list[Any]]:
    sizes = np.array([len(row) for row in rows], np.int64)
    found = decode.rows(b"".join(rows), sizes, [(type_, type_) for type_ in types])
    return [array.to_pylist() for array in found]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**31), 2**31 - 1),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.binary(),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_was_encoded_is_decoded(rows: list[tuple[Any, ...]]) -> None:
    encoded = [
        row(
            None if number is None else struct.pack(">i", number),
            None if text is None else text.encode(),
            None if real is None else struct.pack(">d", real),
            data,
            None if flag is None else bytes([flag]),
        )
        for number, text, real, data, flag in rows
    ]

    found = decoded(encoded, pa.int32(), pa.string(), pa.float64(), pa.binary(), pa.bool_())

    assert list(zip(*found, strict=True)) == rows


@pytest.mark.parametrize(
    "rows",
    [
        [row(b"\0\0\0\1", b"x")],
        [row()],
        [b"\0\1"],
        [b""],
        [b"\0\1\0\0\0\4\0"],
        [row(b"\0\0\0\1") + b"x"],
        [b"\0\1\x7f\xff\xff\xff\0\0\0\0"],
        [row(b"\0\1")],
    ],
)
def test_bytes_that_break_the_protocol_are_refused(rows: list[bytes]) -> None:
    with pytest.raises(decode.MalformedError):
        decoded(rows, pa.int32())


def test_text_that_is_not_utf8_is_inexact_and_names_its_column() -> None:
    with pytest.raises(decode.InexactError, match="not UTF-8") as raised:
        decoded([row(b"ok", b"\xff")], pa.string(), pa.string())

    assert raised.value.column == 1


def test_bytes_of_a_null_do_not_matter() -> None:
    assert decoded([row(None, b"a"), row(b"", None)], pa.string(), pa.binary()) == [[None, ""], [b"a", None]]


def array_of(*elements: bytes | None, dimensions: int = 1) -> bytes:
    head = struct.pack(">iii", dimensions, 1, 25)
    sizes = struct.pack(">ii", len(elements), 1) * dimensions
    return head + sizes + row(*elements)[2:]


def test_lists_keep_nulls_and_emptiness_apart() -> None:
    empty = struct.pack(">iii", 0, 0, 25)

    found = decoded([row(array_of(b"a", None, b"")), row(empty), row(None)], pa.list_(pa.string()))

    assert found == [[["a", None, ""], [], None]]


@pytest.mark.parametrize(
    "broken", [b"", b"\0\0\0\1", array_of(b"a")[:-1], struct.pack(">iiiii", 1, 0, 25, 2**30, 1), struct.pack(">i", -5)]
)
def test_a_broken_array_is_refused_at_once(broken: bytes) -> None:
    with pytest.raises((decode.MalformedError, decode.InexactError)):
        decoded([row(broken)], pa.list_(pa.string()))


@pytest.mark.parametrize(("type_", "short"), [(pa.bool_(), b""), (pa.list_(pa.string()), b"\0" * 4)])
def test_a_field_that_is_too_short_is_not_read_on_in_the_next(type_: pa.DataType, short: bytes) -> None:
    with pytest.raises(decode.MalformedError):
        decoded([row(short, b"\0" * 12)], type_, pa.binary())


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, fuzz_postgres_decode.__file__, "20261128", "4000", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_broken_rows_are_refused_and_whole_ones_read_as_a_plain_reading_does() -> None:
    ended = fuzz()

    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_is_every_single_bound_that_refuses_them() -> None:
    """Without it rows are misread, or Python itself crashes."""
    assert json.loads(fuzz("weakened").stdout) == []


def test_a_batch_whose_places_do_not_fit_into_an_int32_is_refused() -> None:
    with mmap.mmap(-1, 2**31) as data, pytest.raises(decode.MalformedError, match="2 GiB"):
        decode._bytes(data, np.array([2**31 - 1]), np.array([1]), np.array([False]), pa.binary())
