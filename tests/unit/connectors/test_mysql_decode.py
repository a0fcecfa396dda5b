from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from swap.connectors.mysql import decode
from swap.connectors.mysql.decode import Form

TEXT = (pa.string(), Form.PLAIN)


def field(value: bytes | None) -> bytes:
    """Return a field as the protocol writes it."""
    if value is None:
        return b"\xfb"
    for most, mark, width in ((250, b"", 1), (0xFFFF, b"\xfc", 2), (0xFFFFFF, b"\xfd", 3)):
        if len(value) <= most:
            return mark + len(value).to_bytes(width, "little") + value
    return b"\xfe" + len(value).to_bytes(8, "little") + value


def decoded(rows: list[bytes], *columns: tuple[pa.DataType, Form]) -> list[list[object]]:
    """Decode rows that stand four bytes apart, as their headers have it."""
    sizes = np.array([len(row) for row in rows], np.int64)
    ends = np.cumsum(sizes + 4)
    data = b"".join(b"\0\0\0\0" + row for row in rows)
    return [array.to_pylist() for array in decode.rows(data, ends - sizes, ends, columns)]


@pytest.mark.parametrize("size", [0, 1, 250, 251, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000])
def test_a_field_of_any_length_is_found(size: int) -> None:
    value = b"x" * size

    assert decoded([field(value) + field(b"7"), field(None) + field(None)], TEXT, (pa.int32(), Form.PLAIN)) == [
        [value.decode(), None],
        [7, None],
    ]


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"\x05abc",
        b"\xff",
        b"\xfc\x01",
        b"\xfd\x01\x00",
        b"\xfe\x01\x00\x00\x00\x00\x00\x00",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"\xfe\x00\x00\x00\x80\x00\x00\x00\x00abc",
        b"\x01ab",
    ],
)
def test_a_length_that_leads_out_of_its_row_is_malformed(row: bytes) -> None:
    with pytest.raises(decode.MalformedError):
        decoded([b"\x01a", row, b"\x01a"], TEXT)


def test_whatever_byte_is_changed_the_answer_is_rows_or_an_error() -> None:
    noise = random.Random(15)
    types = ((pa.int64(), Form.PLAIN), (pa.timestamp("us"), Form.PLAIN), (pa.duration("us"), Form.TIME))
    row = field(b"-42") + field(b"2026-01-01 00:00:00.5") + field(b"-01:00:00")
    for _ in range(3000):
        broken = bytearray(row)
        for _ in range(noise.randint(1, 3)):
            broken[noise.randrange(len(broken))] = noise.randrange(256)
        with contextlib.suppress(decode.MalformedError, decode.UnreadableError):
            assert [len(column) for column in decoded([row, bytes(broken), row], *types)] == [3] * 3


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unit.connectors.fuzz_mysql_decode", "20261129", "4000", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])


def test_broken_rows_are_refused_and_whole_ones_read_as_a_plain_reading_does() -> None:
    ended = fuzz()

    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_is_every_single_bound_that_refuses_them() -> None:
    """Without it rows are misread, or Python itself crashes."""
    assert json.loads(fuzz("weakened").stdout) == []


@pytest.mark.parametrize(
    ("type_", "form", "value"),
    [
        (pa.int8(), Form.PLAIN, b"128"),
        (pa.uint8(), Form.PLAIN, b"-1"),
        (pa.decimal128(4, 2), Form.PLAIN, b"1.234"),
        (pa.date32(), Form.PLAIN, b"0000-00-00"),
        (pa.date32(), Form.PLAIN, b"2026-02-30"),
        (pa.timestamp("us", "UTC"), Form.PLAIN, b"0000-00-00 00:00:00"),
        (pa.duration("us"), Form.TIME, b"noon"),
        (pa.timestamp("us"), Form.STAMP, b"20260230000000"),
        (pa.timestamp("us"), Form.STAMP, b"2026-01-01 00:00:00"),
        (pa.timestamp("us"), Form.STAMP, b""),
        (pa.string(), Form.PLAIN, b"\xc3"),
    ],
)
def test_what_cannot_be_held_is_an_error_that_knows_its_row(type_: pa.DataType, form: Form, value: bytes) -> None:
    good = {pa.int8(): b"1", pa.uint8(): b"1", pa.string(): b"a", pa.duration("us"): b"10:00:00"}.get(type_)
    if good is None:
        good = b"1.25" if pa.types.is_decimal(type_) else b"2026-01-01"
        good = b"20260101000000" if form is Form.STAMP else good

    with pytest.raises(decode.UnreadableError) as raised:
        decoded([field(good), field(None), field(good), field(value), field(value)], (type_, form))

    assert (raised.value.row, raised.value.column) == (3, 0)


def test_a_single_row_can_be_read_as_text() -> None:
    row = field(b"a") + field(None) + field(b"x" * 300)

    assert decode.texts(row, 0, len(row)) == ("a", None, "x" * 300)
    with pytest.raises(decode.MalformedError):
        decode.texts(row, 0, len(row) - 1)
