"""Row packets of MySQL's text protocol as Arrow columns, decoded a column at a time with numpy.

A row is its fields one after the other, each a length and its bytes; every value is text, or bytes.  Where rows
start and end is known, so all rows' n-th fields are found with one vectorised step.  Every length is checked against
its row's end.  No value is rounded; one that has no exact counterpart raises `UnreadableError`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""First byte of a long field → how many bytes of length follow it."""
_LONGEST = 2**31 - 1
_TIME = (
    r"^(?P<sign>-?)(?P<hours>[0-9]{2,3}):(?P<minutes>[0-9]{2}):(?P<seconds>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?$"
)
_STAMP = r"^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})$"


class Form(Enum):
    """How a value is written where its Arrow type does not tell."""

    PLAIN = "as Arrow reads it"
    TIME = "a span of hours, minutes and seconds"
    STAMP = "MediaWiki's fourteen digits of a moment"


class MalformedError(ValueError):
    """The bytes are not what the protocol promises."""


class UnreadableError(ValueError):
    """A value that the column's Arrow type cannot hold; the message ends the sentence 'column x holds …'."""

    column = -1
    """The index of the column."""

    def __init__(self, what: str, row: int) -> None:
        super().__init__(what)
        self.row = row
        """The index of the first such row."""


def rows(data: bytes, starts: Ints, ends: Ints, columns: Sequence[tuple[pa.DataType, Form]]) -> list[pa.Array]:
    """Decode rows that start and end there to one array for each column.  Raises UnreadableError, MalformedError."""
    if len(data) > _LONGEST:
        raise MalformedError("a batch of rows is larger than 2 GiB")
    buffer = np.frombuffer(data, np.uint8)
    position = starts
    arrays: list[pa.Array] = []
    for index, (type_, form) in enumerate(columns):
        at, lengths, nulls = _fields(buffer, position, ends)
        position = at + lengths
        try:
            arrays.append(_typed(_slices(data, at, lengths, nulls), type_, form))
        except UnreadableError as error:
            error.column = index
            raise
    if not (position == ends).all():
        raise MalformedError("a row is longer than its fields")
    return arrays


def texts(data: bytes, start: int, end: int, most: int = sys.maxsize) -> tuple[str | None, ...]:
    """Return one row's fields, or the first ones, as text.  Raises MalformedError."""
    found: list[str | None] = []
    while start < end and len(found) < most:
        first = data[start]
        start += 1
        if first == _NULL:
            found.append(None)
            continue
        width = _WIDTHS.get(first, 0)
        length = int.from_bytes(data[start : start + width], "little") if width else first
        start += width
        if first == 0xFF or start + length > end:
            raise MalformedError("a row ends within a field")
        found.append(data[start : start + length].decode(errors="replace"))
        start += length
    return tuple(found)


def _fields(buffer: Bytes, position: Ints, ends: Ints) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Return for each row where the field at its position begins, how long it is, and whether it is null."""
    if (position >= ends).any():
        raise MalformedError("a row has fewer fields than were asked for")
    first = buffer[position]
    lengths = first.astype(np.int64)
    at = position + 1
    nulls = first == _NULL
    if (first >= _NULL).any():
        if (first == 0xFF).any():
            raise MalformedError("a field has no length")
        lengths[nulls] = 0
        for mark, width in _WIDTHS.items():
            long = first == mark
            if long.any():
                lengths[long] = _lengths(buffer, at[long], ends[long], width)
                at[long] += width
    if (lengths > ends - at).any():
        raise MalformedError("a row ends within a field")
    return at, lengths, nulls


def _lengths(buffer: Bytes, at: Ints, ends: Ints, width: int) -> Ints:
    if (at + width > ends).any():
        raise MalformedError("a row ends within a field")
    whole = np.zeros(len(at), np.uint64)
    for byte in range(width):
        whole |= buffer[at + byte].astype(np.uint64) << np.uint64(8 * byte)
    if (whole > _LONGEST).any():
        raise MalformedError("a field is longer than 2 GiB")
    return whole.astype(np.int64)


def _slices(data: bytes, at: Ints, lengths: Ints, nulls: npt.NDArray[np.bool_]) -> pa.Array:
    """Return the fields as binary: Arrow copies the slices of the buffer, between which it skips the gaps."""
    count = len(at)
    if count == 0:
        return pa.array([], pa.binary())
    edges = np.empty(2 * count, np.int32)
    edges[0::2] = at
    edges[1::2] = at + lengths
    slices = pa.Array.from_buffers(pa.binary(), 2 * count - 1, [None, pa.py_buffer(edges), pa.py_buffer(data)])
    return slices.take(pa.array(np.arange(0, 2 * count - 1, 2, dtype=np.int64), mask=nulls if nulls.any() else None))


def _typed(values: pa.Array, type_: pa.DataType, form: Form) -> pa.Array:
    if pa.types.is_binary(type_):
        return values
    text = _parsed(values, lambda some: some.cast(pa.string()), "text that is not UTF-8")
    if form is Form.TIME:
        return _parsed(text, _durations, "a time that SWAP cannot read")
    if form is Form.STAMP:
        return _parsed(text, _stamps, "something that is no moment of fourteen digits")
    if pa.types.is_timestamp(type_):
        return _parsed(text, lambda some: some.cast(pa.timestamp("us")), _NO_DATE).view(type_)
    if pa.types.is_date(type_):
        return _parsed(text, lambda some: some.cast(type_), _NO_DATE)
    if pa.types.is_float32(type_):
        # It was sent as a double: so read, it is one of those that have an exact single.
        text = _parsed(text, lambda some: some.cast(pa.float64()), "no number")
    return _parsed(text, lambda some: some.cast(type_), f"a number that {type_} cannot hold")


_NO_DATE = "a date that does not exist, as 0000-00-00"


def _parsed(values: pa.Array, parse: Callable[[pa.Array], pa.Array], otherwise: str) -> pa.Array:
    try:
        return parse(values)
    except pa.ArrowInvalid:
        raise UnreadableError(otherwise, _first(values, parse)) from None


def _first(values: pa.Array, parse: Callable[[pa.Array], pa.Array]) -> int:
    """Return the index of the first value that cannot be parsed, by halves."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            parse(values.slice(low, middle - low))
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


def _durations(text: pa.Array) -> pa.Array:
    parts: Any = pc.extract_regex(text, _TIME)
    if parts.null_count != text.null_count:
        raise pa.ArrowInvalid("no time")

    def number(name: str) -> pa.Array:
        return pc.struct_field(parts, name).cast(pa.int64())

    digits = pc.utf8_rpad(pc.struct_field(parts, "fraction"), 6, "0").cast(pa.int64())
    seconds = pc.add(pc.add(pc.multiply(number("hours"), 3600), pc.multiply(number("minutes"), 60)), number("seconds"))
    size = pc.add(pc.multiply(seconds, 1_000_000), digits)
    signed = pc.if_else(pc.equal(pc.struct_field(parts, "sign"), "-"), pc.negate(size), size)
    return signed.cast(pa.int64()).view(pa.duration("us"))


def _stamps(text: pa.Array) -> pa.Array:
    if not pc.all(pc.match_substring_regex(text, _STAMP)).as_py() and text.null_count < len(text):
        raise pa.ArrowInvalid("no moment")
    return pc.replace_substring_regex(text, _STAMP, r"\1-\2-\3 \4:\5:\6").cast(pa.timestamp("us"))
