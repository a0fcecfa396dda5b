"""A HiveServer2's columns as Arrow columns: from the bytes of an answer to arrays, no Python object for each value.

Numbers arrive as they are, big-endian; everything else as byte strings.  Nothing is rounded: text that is no value of
the column's type raises `UnreadableError`.  Only lists, maps and structs, which arrive as text, are read one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from swap.connectors.hive import nested, thrift
from swap.connectors.hive.session import ColumnBlock
from swap.connectors.hive.thrift import Block, MalformedError

_NUMBERS = {thrift.BYTE: ">i1", thrift.I16: ">i2", thrift.I32: ">i4", thrift.I64: ">i8", thrift.DOUBLE: ">f8"}

Mask = npt.NDArray[np.bool_]


class UnreadableError(ValueError):
    """A value that is none of the column's type; the message ends the sentence 'it holds …'."""

    row = 0
    """Which of the block's rows, counted from 0."""


def column(block: ColumnBlock, type_: pa.DataType, *, padded: bool = False, json: bool = False) -> pa.Array:
    """Return one column of some rows as an array of its type.

    `padded` values lose their trailing spaces, which are no part of a CHAR; nested ones are `json` where Spark was
    asked for it.  Raises UnreadableError, MalformedError.
    """
    nulls = null_mask(block)
    if block.values.kind == thrift.STRING:
        return _from_bytes(block.values, nulls, type_, padded=padded, json=json)
    if block.values.kind == thrift.BOOL:
        array = pa.array(block.values.numbers(">u1") != 0, mask=nulls)
    elif block.values.kind in _NUMBERS:
        array = pa.array(block.values.numbers(_NUMBERS[block.values.kind]), mask=nulls, from_pandas=False)
    else:
        raise MalformedError(f"a column of the type {block.values.kind}")
    if pa.types.is_float32(type_) and pa.types.is_float64(array.type):
        # A FLOAT arrives as the double whose shortest text is the float's: rounding gives the float back.
        return array.cast(type_, safe=False)
    if array.type != type_ and not (pa.types.is_integer(type_) and pa.types.is_integer(array.type)):
        raise MalformedError(f"a column of {array.type} where {type_} was expected")
    try:
        return array.cast(type_)
    except pa.ArrowInvalid:
        raise MalformedError(f"a number that {type_} cannot hold") from None


def null_mask(block: ColumnBlock) -> Mask | None:
    """Return which rows are null, None when none is.  Bits that are left out are 0."""
    if not any(block.nulls):
        return None
    bits = np.unpackbits(np.frombuffer(block.nulls, np.uint8), bitorder="little")[: block.values.count]
    mask = np.zeros(block.values.count, np.bool_)
    mask[: len(bits)] = bits
    return mask if mask.any() else None


def _from_bytes(block: Block, nulls: Mask | None, type_: pa.DataType, *, padded: bool, json: bool) -> pa.Array:
    data = _bytes(block, nulls)
    if pa.types.is_binary(type_):
        return data
    try:
        texts = data.cast(pa.string())
    except pa.ArrowInvalid:
        raise UnreadableError("text that is not UTF-8") from None
    if pa.types.is_string(type_):
        return pc.utf8_rtrim(texts, " ") if padded else texts
    if pa.types.is_nested(type_):
        if not json and _holds_bytes(type_) and texts.null_count < len(texts):
            raise UnreadableError("bytes within another value, which are not sent exactly")
        return _nested(texts, type_)
    if pa.types.is_timestamp(type_):
        return _timestamps(texts, type_)
    try:
        return texts.cast(type_)
    except pa.ArrowInvalid:
        raise _unreadable(texts, type_) from None


def _bytes(block: Block, nulls: Mask | None) -> pa.Array:
    """Return byte strings: Arrow copies the slices of the answer, between which it skips the lengths."""
    count = block.count
    if count == 0:
        return pa.array([], pa.binary())
    first = int(block.starts[0])
    lengths = np.empty(count, np.int64)
    lengths[:-1] = np.diff(block.starts) - 4
    lengths[-1] = int.from_bytes(block.data[int(block.starts[-1]) : int(block.starts[-1]) + 4], "big")
    edges = np.empty(2 * count, np.int64)
    edges[0::2] = block.starts + 4
    edges[1::2] = edges[0::2] + lengths
    edges -= first
    if edges[-1] >= 2**31:
        raise MalformedError("a column of more than 2 GiB")
    piece = block.data[first : first + int(edges[-1])]
    slices = pa.Array.from_buffers(
        pa.binary(), 2 * count - 1, [None, pa.py_buffer(edges.astype(np.int32)), pa.py_buffer(piece)]
    )
    return slices.take(pa.array(np.arange(0, 2 * count - 1, 2, dtype=np.int64), mask=nulls))


def _timestamps(texts: pa.Array, type_: pa.DataType) -> pa.Array:
    """Return times; a zone's name at the end is that of the session, which is UTC."""
    if type_.tz is not None:
        texts = pc.replace_substring_regex(texts, r" (UTC|Z|Etc/UTC|GMT)$", "")
    try:
        return texts.cast(pa.timestamp(type_.unit)).cast(type_)
    except pa.ArrowInvalid:
        raise _unreadable(texts, type_) from None


def _nested(texts: pa.Array, type_: pa.DataType) -> pa.Array:
    found = []
    for row, text in enumerate(texts.to_pylist()):
        try:
            found.append(None if text is None else nested.value(text, type_))
        except nested.NestedError as error:
            unreadable = UnreadableError(f"a text that is no {type_}: {error}")
            unreadable.row = row
            raise unreadable from None
    try:
        return pa.array(found, type_)
    except (pa.ArrowInvalid, OverflowError):
        unreadable = UnreadableError(f"a number that its {type_} cannot hold")
        unreadable.row = next(row for row, value in enumerate(found) if not _holds(type_, value))
        raise unreadable from None


def _holds(type_: pa.DataType, value: Any) -> bool:
    try:
        pa.array([value], type_)
    except (pa.ArrowInvalid, OverflowError):
        return False
    return True


def _holds_bytes(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_)) or any(_holds_bytes(type_.field(at).type) for at in range(type_.num_fields))


def _unreadable(texts: pa.Array, type_: pa.DataType) -> UnreadableError:
    """Return the error that names the first row whose text cannot be read."""
    low, high = 0, len(texts)
    # Some rows cannot be read; halve them until the first is alone.
    while high - low > 1:
        middle = (low + high) // 2
        try:
            texts.slice(low, middle - low).cast(pa.timestamp(type_.unit) if pa.types.is_timestamp(type_) else type_)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    error = UnreadableError(f"a value that {type_} cannot hold exactly")
    error.row = low
    return error
