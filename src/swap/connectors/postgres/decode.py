"""Rows of `COPY … (FORMAT binary)` as Arrow columns, decoded a column at a time with numpy.

A row is a count of fields, then for each field its length (-1 for null) and its bytes.  Where each row
starts is known (libpq hands out whole rows), so all rows' n-th fields are found with one vectorised step.
No value is rounded; one that has no exact counterpart raises `InexactError`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER_BYTES = len(SIGNATURE) + 8
TRAILER = b"\xff\xff"
_ARRAY = struct.Struct(">iii")
_DIMENSION = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")
_EPOCH_DAYS = 10_957
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
_FIXED: dict[pa.DataType, str] = {
    pa.bool_(): ">u1",
    pa.int16(): ">i2",
    pa.int32(): ">i4",
    pa.int64(): ">i8",
    pa.float32(): ">f4",
    pa.float64(): ">f8",
    pa.date32(): ">i4",
    pa.time64("us"): ">i8",
    pa.timestamp("us"): ">i8",
    pa.timestamp("us", "UTC"): ">i8",
}


class InexactError(ValueError):
    """A value that the column's Arrow type cannot hold; the message ends the sentence 'column x holds …'."""

    column = -1
    """The index of the column."""


class MalformedError(ValueError):
    """The bytes are not what the protocol promises."""


def rows(data: bytes, sizes: Ints, types: Sequence[tuple[pa.DataType, pa.DataType]]) -> list[pa.Array]:
    """Decode rows of these sizes to one array for each pair of (type it travels as, type it becomes).

    Raises InexactError (with `.column`), MalformedError.
    """
    ends = np.cumsum(sizes)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    buffer = np.frombuffer(data, np.uint8)
    if not (_gather(buffer, starts, ">i2") == len(types)).all():
        raise MalformedError("a row has another number of fields than was asked for")
    position = starts + 2
    arrays: list[pa.Array] = []
    for index, (travels_as, becomes) in enumerate(types):
        lengths = _gather(buffer, position, ">i4").astype(np.int64)
        position += 4
        after = position + np.maximum(lengths, 0)
        if (after > ends).any():
            raise MalformedError("a row ends within a field")
        try:
            arrays.append(finish(_column(buffer, data, position, lengths, travels_as), becomes))
        except InexactError as error:
            error.column = index
            raise
        position = after
    if not (position == ends).all():
        raise MalformedError("a row is longer or shorter than its fields")
    return arrays


def _gather(buffer: npt.NDArray[np.uint8], at: Ints, dtype: str) -> npt.NDArray[Any]:
    """Return the big-endian values that start at these byte positions."""
    kind: np.dtype[Any] = np.dtype(dtype)
    # One element at every byte of the buffer: an overlapping view, of which only some are picked.
    view = np.ndarray((max(len(buffer) - kind.itemsize + 1, 0),), kind, buffer, strides=(1,))
    try:
        found: npt.NDArray[Any] = view[at].astype(kind.newbyteorder("="))
    except IndexError:
        raise MalformedError("a row ends within a field") from None
    return found


def _column(buffer: npt.NDArray[np.uint8], data: bytes, at: Ints, lengths: Ints, type_: pa.DataType) -> pa.Array:
    nulls = lengths < 0
    if type_ in _FIXED:
        return _fixed(buffer, at, lengths, nulls, type_)
    if pa.types.is_list(type_):
        return _lists(buffer, data, at, lengths, type_)
    return _bytes(data, at, lengths, nulls, type_)


def _fixed(
    buffer: npt.NDArray[np.uint8], at: Ints, lengths: Ints, nulls: npt.NDArray[np.bool_], type_: pa.DataType
) -> pa.Array:
    dtype: np.dtype[Any] = np.dtype(_FIXED[type_])
    some_null = bool(nulls.any())
    present = lengths[~nulls] if some_null else lengths
    if not (present == dtype.itemsize).all():
        raise MalformedError(f"a {type_} has another length than {dtype.itemsize}")
    if not some_null:
        values = _gather(buffer, at, dtype.str)
    else:
        values = np.zeros(len(at), dtype.newbyteorder("="))
        values[~nulls] = _gather(buffer, at[~nulls], dtype.str)
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        values = _since_1970(values, nulls, type_)
    mask = nulls if some_null else None
    if pa.types.is_boolean(type_):
        return pa.array(values != 0, mask=mask)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return pa.array(values, type_, mask=mask, from_pandas=False)
    plain = pa.int32() if pa.types.is_date32(type_) else pa.int64()
    return pa.array(values, plain, mask=mask).view(type_)


def _since_1970(values: npt.NDArray[Any], nulls: npt.NDArray[np.bool_], type_: pa.DataType) -> npt.NDArray[Any]:
    """Move PostgreSQL's epoch, the year 2000, to ours; refuse what lies outside and the two infinities."""
    limits = np.iinfo(values.dtype)
    if ((values == limits.max) | (values == limits.min)).any():
        raise InexactError("infinity")
    epoch = _EPOCH_DAYS if pa.types.is_date(type_) else _EPOCH_MICROSECONDS
    if (values > limits.max - epoch).any():
        raise InexactError(f"a {'date' if pa.types.is_date(type_) else 'timestamp'} after the year 294246")
    moved: npt.NDArray[Any] = values + values.dtype.type(epoch)
    moved[nulls] = 0
    return moved


def _bytes(data: bytes, at: Ints, lengths: Ints, nulls: npt.NDArray[np.bool_], type_: pa.DataType) -> pa.Array:
    """Return text or binary: Arrow copies the slices of the buffer, between which it skips the gaps."""
    count = len(at)
    if count == 0:
        return pa.array([], type_)
    if len(data) >= 2**31:
        raise MalformedError("a batch of rows is larger than 2 GiB")
    edges = np.empty(2 * count, np.int32)
    edges[0::2] = at
    edges[1::2] = at + np.maximum(lengths, 0)
    slices = pa.Array.from_buffers(pa.binary(), 2 * count - 1, [None, pa.py_buffer(edges), pa.py_buffer(data)])
    picked = pa.array(np.arange(0, 2 * count - 1, 2, dtype=np.int64), mask=nulls if nulls.any() else None)
    values = slices.take(picked)
    if pa.types.is_binary(type_):
        return values
    try:
        return values.cast(type_)
    except pa.ArrowInvalid:
        raise InexactError("text that is not UTF-8") from None


def _lists(buffer: npt.NDArray[np.uint8], data: bytes, at: Ints, lengths: Ints, type_: pa.DataType) -> pa.Array:
    """Return arrays as lists: dimensions, a null flag, the element type, sizes; then each element like a field."""
    starts: list[int] = []
    sizes: list[int] = []
    offsets = np.zeros(len(at) + 1, np.int32)
    for row, (start, length) in enumerate(zip(at.tolist(), lengths.tolist(), strict=True)):
        if length >= 0:
            _elements(data, start, start + length, starts, sizes)
        offsets[row + 1] = len(starts)
    values = _column(buffer, data, np.array(starts, np.int64), np.array(sizes, np.int64), type_.value_type)
    nulls = lengths < 0
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, type=type_, mask=pa.array(nulls) if nulls.any() else None
    )


def _elements(data: bytes, start: int, end: int, starts: list[int], sizes: list[int]) -> None:
    """Append where the elements of the array in data[start:end] are."""
    try:
        dimensions, _, _ = _ARRAY.unpack_from(data, start)
        position = start + _ARRAY.size
        count = 0
        if dimensions > 1:
            raise InexactError("an array of more than one dimension")
        if dimensions != 0:
            count, _ = _DIMENSION.unpack_from(data, position)
            position += _DIMENSION.size
        for _ in range(count):
            (size,) = _LENGTH.unpack_from(data, position)
            position += _LENGTH.size
            starts.append(position)
            sizes.append(size)
            position += max(size, 0)
            if position > end:
                break
    except struct.error:
        raise MalformedError("an array ends within an element") from None
    if dimensions < 0 or position != end:
        raise MalformedError("an array is longer or shorter than its elements")


def finish(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """Turn a column that travelled as text into its own type.  Raises InexactError."""
    if array.type == type_:
        return array
    try:
        return array.cast(type_)
    except pa.ArrowInvalid:
        texts = array.flatten() if pa.types.is_list(array.type) else array
        if pc.any(pc.is_in(texts, pa.array(["NaN", "Infinity", "-Infinity"]))).as_py():
            raise InexactError("NaN or infinity") from None
        raise InexactError(f"a number that {type_} cannot hold exactly") from None
