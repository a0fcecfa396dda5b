"""Thrift's binary protocol: messages as plain values, and long lists as the bytes they came in.

A struct is a mapping of field numbers to values.  Written values say their type (`I32(5)`, `Text("x")`); read ones
are Python's own, but a list of numbers, booleans or byte strings stays a `Block`: it is decoded a column at a time.
Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BOOL, BYTE, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST = 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15

_STRICT: Final = 0x80010000
_CALL, _REPLY, _EXCEPTION = 1, 2, 3
_DEEPEST: Final = 24
"""Structs within structs that are followed; HiveServer2's deepest answer has nine."""
_FIXED: dict[int, struct.Struct] = {
    BOOL: struct.Struct(">?"),
    BYTE: struct.Struct(">b"),
    DOUBLE: struct.Struct(">d"),
    I16: struct.Struct(">h"),
    I32: struct.Struct(">i"),
    I64: struct.Struct(">q"),
}
_LENGTH = _FIXED[I32]
_HEAD = struct.Struct(">bh")

Ints = npt.NDArray[np.int64]
Fields = Mapping[int, Any]


class MalformedError(ValueError):
    """The bytes are not what the protocol promises."""


class CallError(Exception):
    """The other side could not make sense of a call, in its words."""


@dataclass(frozen=True, slots=True)
class Value:
    """Something to be written, with its type's number."""

    kind: int
    value: Any


@dataclass(frozen=True, slots=True)
class Block:
    """A list as it came: where in `data` each element starts, or, for elements of one size, where the first does."""

    kind: int
    count: int
    data: memoryview
    starts: Ints
    """For byte strings, the position of each one's four bytes of length; otherwise the first element's, alone."""

    def numbers(self, dtype: str) -> npt.NDArray[Any]:
        """Return elements of one size as an array in the machine's byte order; `dtype` is theirs, big-endian."""
        kind: np.dtype[Any] = np.dtype(dtype)
        if self.kind == STRING or kind.itemsize != _FIXED[self.kind].size:
            raise MalformedError(f"a list of the type {self.kind} where {dtype} was expected")
        return np.frombuffer(self.data, kind, self.count, int(self.starts[0])).astype(kind.newbyteorder("="))

    def texts(self) -> list[str]:
        """Return byte strings as text, one by one: for short lists."""
        return [_text(self.data, at) for at in self.starts.tolist()]


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────
def text(value: str) -> Value:
    """Return a text to be written."""
    return Value(STRING, value.encode())


def fields(values: Mapping[int, Value | None]) -> Value:
    """Return a struct to be written; fields that are None are left out."""
    return Value(STRUCT, {number: value for number, value in values.items() if value is not None})


def texts(values: Mapping[str, str]) -> Value:
    """Return a map of texts to be written."""
    return Value(MAP, values)


def call(name: str, request: Value, number: int) -> bytes:
    """Return a call of one argument as a message."""
    parts = [_LENGTH.pack(_STRICT - 2**32 | _CALL), *_string(name.encode()), _LENGTH.pack(number)]
    _write_struct(parts, {1: request})
    return b"".join(parts)


def write(value: Value) -> bytes:
    """Return a value's bytes, without its type."""
    parts: list[bytes] = []
    _write(parts, value)
    return b"".join(parts)


def _write(parts: list[bytes], value: Value) -> None:
    if value.kind == STRUCT:
        _write_struct(parts, value.value)
    elif value.kind == STRING:
        parts += _string(value.value)
    elif value.kind == MAP:
        parts += (bytes((STRING, STRING)), _LENGTH.pack(len(value.value)))
        for key, item in value.value.items():
            parts += (*_string(key.encode()), *_string(item.encode()))
    else:
        parts.append(_FIXED[value.kind].pack(value.value))


def _write_struct(parts: list[bytes], values: Mapping[int, Value]) -> None:
    for number, value in values.items():
        parts.append(_HEAD.pack(value.kind, number))
        _write(parts, value)
    parts.append(b"\0")


def _string(data: bytes) -> tuple[bytes, bytes]:
    return _LENGTH.pack(len(data)), data


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────
def answer(data: bytes, name: str, number: int) -> Fields:
    """Return what a call answered: its result's fields.

    Raises CallError for an exception, MalformedError for an answer to something else.
    """
    view = memoryview(data)
    try:
        (version,) = _LENGTH.unpack_from(view, 0)
        called = _text(view, 4)
        at = 8 + len(called.encode())
        (answered,) = _LENGTH.unpack_from(view, at)
        if version & 0xFFFF0000 != _STRICT or (called, answered) != (name, number):
            raise MalformedError(f"an answer to {called!r} where one to {name!r} was expected")
        result, _ = _read_struct(view, at + 4, 0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise MalformedError(f"an answer that ends early: {error}") from None
    if version & 0xFF == _EXCEPTION:
        raise CallError(str(result.get(1, b""), "utf-8", "replace"))
    success = result.get(0)
    if version & 0xFF != _REPLY or not isinstance(success, Mapping):
        raise MalformedError(f"an answer to {name!r} without a result")
    return success


def read(data: bytes) -> Fields:
    """Return a struct's fields from its bytes.  Raises MalformedError."""
    try:
        result, _ = _read_struct(memoryview(data), 0, 0)
    except (struct.error, IndexError) as error:
        raise MalformedError(f"bytes that end early: {error}") from None
    return result


def _read_struct(data: memoryview, at: int, depth: int) -> tuple[dict[int, Any], int]:
    found: dict[int, Any] = {}
    while True:
        kind = data[at]
        if kind == 0:
            return found, at + 1
        _, number = _HEAD.unpack_from(data, at)
        found[number], at = _read(data, at + 3, kind, depth)


def _read(data: memoryview, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _FIXED:
        fixed = _FIXED[kind]
        return fixed.unpack_from(data, at)[0], at + fixed.size
    if kind == STRING:
        end = at + 4 + _size(data, at)
        return bytes(data[at + 4 : end]), end
    if depth > _DEEPEST:
        raise MalformedError("structs nested too deeply")
    if kind == STRUCT:
        return _read_struct(data, at, depth + 1)
    if kind in (LIST, SET):
        return _read_list(data, at, depth)
    if kind == MAP:
        return _read_map(data, at, depth)
    raise MalformedError(f"a value of the unknown type {kind}")


def _read_map(data: memoryview, at: int, depth: int) -> tuple[dict[Any, Any], int]:
    key_kind, value_kind = data[at], data[at + 1]
    (count,) = _LENGTH.unpack_from(data, at + 2)
    at += 6
    if key_kind in (STRUCT, MAP, SET, LIST):
        raise MalformedError("a map whose keys are no plain values")
    found = {}
    for _ in range(count):
        key, at = _read(data, at, key_kind, depth + 1)
        found[key], at = _read(data, at, value_kind, depth + 1)
    return found, at


def _read_list(data: memoryview, at: int, depth: int) -> tuple[Block | list[Any], int]:
    kind = data[at]
    (count,) = _LENGTH.unpack_from(data, at + 1)
    at += 5
    if not 0 <= count <= len(data) - at:
        # Each takes a byte at least; a number made up of noise would take all memory.
        raise MalformedError(f"a list of {count} elements")
    if kind in _FIXED:
        end = at + count * _FIXED[kind].size
        if end > len(data):
            raise MalformedError("a list that ends early")
        return Block(kind, count, data, np.array([at], np.int64)), end
    if kind == STRING:
        starts, end = _starts(data, at, count)
        return Block(kind, count, data, starts), end
    found = []
    for _ in range(count):
        value, at = _read(data, at, kind, depth + 1)
        found.append(value)
    return found, at


def _starts(data: memoryview, at: int, count: int) -> tuple[Ints, int]:
    """Return where each of a list's byte strings starts, and where the list ends."""
    if count == 0:
        return np.empty(0, np.int64), at
    # Dates, codes and flags mostly are of one length: then a look at every length's place tells that it is.
    stride = 4 + _size(data, at)
    if at + count * stride <= len(data):
        starts = np.arange(at, at + count * stride, stride, dtype=np.int64)
        lengths = np.ndarray((count,), np.dtype(">i4"), data, offset=at, strides=(stride,))
        if (lengths == stride - 4).all():
            return starts, at + count * stride
    found = [0] * count
    unpack = _LENGTH.unpack_from
    for index in range(count):
        found[index] = at
        at += 4 + unpack(data, at)[0]
    starts = np.array(found, np.int64)
    # A negative length leads back: the next one starts before this one's end.
    if at > len(data) or (np.diff(starts, append=at) < 4).any():
        raise MalformedError("a text of less than no bytes, or of more than there are")
    return starts, at


def _size(data: memoryview, at: int) -> int:
    (size,) = _LENGTH.unpack_from(data, at)
    if not 0 <= size <= len(data) - at - 4:
        raise MalformedError(f"a text of {size} bytes where {len(data) - at - 4} are left")
    return int(size)


def _text(data: memoryview, at: int) -> str:
    return str(data[at + 4 : at + 4 + _size(data, at)], "utf-8", "replace")


def plain(value: bytes | None, default: str = "") -> str:
    """Return a text that was read, bytes that are no UTF-8 replaced."""
    return default if value is None else str(value, "utf-8", "replace")
