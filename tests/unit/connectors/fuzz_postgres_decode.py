"""Rows of COPY, whole and broken, decoded by the connector and by a plain reading byte by byte, which must agree.

A program of its own, `fuzz_postgres_decode.py SEED CASES [weakened]`, because a missing bound may end Python itself.
Weakened it takes each of the decoder's checks out in turn, and tells which were not missed.
"""

from __future__ import annotations

import ast
import json
import os
import random
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from swap.connectors.postgres import decode as postgres_decode

Decoded = list[list[Any]] | str

REFUSED = "refused"
SIZES = {
    pa.bool_(): 1,
    pa.int16(): 2,
    pa.int32(): 4,
    pa.int64(): 8,
    pa.float32(): 4,
    pa.float64(): 8,
    pa.date32(): 4,
    pa.time64("us"): 8,
    pa.timestamp("us"): 8,
    pa.timestamp("us", "UTC"): 8,
}
SCALARS = [*SIZES, pa.string(), pa.binary()]
TYPES = [*SCALARS, *map(pa.list_, SCALARS)]
LENGTHS = [-(2**31), -2, -1, 0, 1, 2, 3, 4, 8, 12, 20, 255, 65_536, 2**30, 2**31 - 1]


def _source(decoder: ModuleType) -> ast.Module:
    return ast.parse(Path(str(decoder.__file__)).read_text(encoding="utf-8"))


def checks(decoder: ModuleType) -> dict[int, str]:
    """Return where a decoder refuses malformed bytes: the line of its source, and what it says."""
    raises = (node for node in ast.walk(_source(decoder)) if isinstance(node, ast.Raise))
    return {node.lineno: text for node in raises if "MalformedError" in (text := ast.unparse(node))}


def without(decoder: ModuleType, line: int) -> ModuleType:
    """Return a decoder with one of its checks taken out."""

    class Removed(ast.NodeTransformer):
        def visit_Raise(self, node: ast.Raise) -> ast.stmt:
            return ast.copy_location(ast.Pass(), node) if node.lineno == line else node

    module = ModuleType("weakened")
    exec(compile(Removed().visit(_source(decoder)), "weakened", "exec"), module.__dict__)
    return module


# ── The plain reading ───────────────────────────────────────────────────────────────────────────
class RefusedError(Exception):
    """The bytes are not what they should be."""


class Bytes:
    """Bytes that are taken from the front."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, size: int) -> bytes:
        if len(self.left) < size:
            raise RefusedError
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def field(self) -> bytes | None:
        size = self.number(">i")
        return None if size < 0 else self.take(size)

    def end(self) -> None:
        if self.left:
            raise RefusedError


def plainly(rows: list[bytes], types: list[pa.DataType]) -> Decoded:
    try:
        read = [_row(Bytes(row), types) for row in rows]
    except (RefusedError, UnicodeDecodeError):
        return REFUSED
    return [list(column) for column in zip(*read, strict=True)]


def _row(row: Bytes, types: list[pa.DataType]) -> list[Any]:
    if row.number(">h") != len(types):
        raise RefusedError
    values = [_value(row.field(), type_) for type_ in types]
    row.end()
    return values


def _value(data: bytes | None, type_: pa.DataType) -> Any:
    if data is None:
        return None
    if pa.types.is_list(type_):
        return _list(Bytes(data), type_.value_type)
    if type_ not in SIZES:
        return data.decode() if pa.types.is_string(type_) else data
    if len(data) != SIZES[type_]:
        raise RefusedError
    if pa.types.is_boolean(type_):
        return data != b"\0"
    value = int.from_bytes(data, "big", signed=True)
    if not (pa.types.is_date(type_) or pa.types.is_timestamp(type_)):
        return value
    most = 2 ** (8 * len(data) - 1) - 1
    epoch = 10_957 * (1 if pa.types.is_date(type_) else 86_400_000_000)
    if value == -most - 1 or value + epoch > most:
        raise RefusedError
    return value + epoch


def _list(data: Bytes, type_: pa.DataType) -> list[Any]:
    dimensions = data.number(">i")
    data.take(8)
    if dimensions not in {0, 1}:
        raise RefusedError
    count = data.number(">q") >> 32 if dimensions else 0
    values = [_value(data.field(), type_) for _ in range(count)]
    data.end()
    return values


# ── The decoder's answer, in the same form ──────────────────────────────────────────────────────
def answer(decode: Any, rows: list[bytes], types: list[pa.DataType]) -> Decoded:
    try:
        arrays = decode.rows(
            b"".join(rows), np.array([len(row) for row in rows], np.int64), [(type_, type_) for type_ in types]
        )
    except (decode.MalformedError, decode.InexactError):
        return REFUSED
    return [_as_plain(array) for array in arrays]


def _as_plain(array: pa.Array) -> list[Any]:
    if pa.types.is_list(array.type):
        values, offsets = _as_plain(array.values), array.offsets.to_pylist()
        return [
            values[start:end] if valid else None
            for start, end, valid in zip(offsets, offsets[1:], array.is_valid().to_pylist(), strict=False)
        ]
    if array.type in SIZES and not pa.types.is_boolean(array.type):
        # As whole numbers: NaN equals nothing, and Python and Arrow know no time after the end of the day.
        array = array.view({2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[SIZES[array.type]])
    array.validate(full=True)
    return list(array.to_pylist())


# ── The cases ───────────────────────────────────────────────────────────────────────────────────
def case(chance: random.Random) -> tuple[list[bytes], list[pa.DataType]]:
    """Return rows that are whole, damaged in one or a few places, or nothing but noise."""
    types = chance.choices(TYPES, k=chance.randint(1, 4))
    rows = [_encoded_row(chance, types) for _ in range(chance.randint(1, 4))]
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        damage(chance, rows)
    return rows, types


def damage(chance: random.Random, rows: list[bytes]) -> None:
    """Change something of the rows."""
    chance.choice([_set, _number, _cut, _grow, _move, _noise])(chance, rows)


def _encoded_row(chance: random.Random, types: list[pa.DataType]) -> bytes:
    return struct.pack(">h", len(types)) + b"".join(_encoded(chance, type_) for type_ in types)


def _encoded(chance: random.Random, type_: pa.DataType) -> bytes:
    if chance.random() < 0.2:
        return struct.pack(">i", -1)
    if pa.types.is_list(type_):
        elements = [_encoded(chance, type_.value_type) for _ in range(chance.randint(0, 3))]
        data = struct.pack(">iii", min(len(elements), 1), 1, 25)
        data += struct.pack(">ii", len(elements), 1) * bool(elements) + b"".join(elements)
    elif type_ in SIZES:
        size = SIZES[type_] + (chance.choice([-1, 1]) if chance.random() < 0.01 else 0)
        data = chance.choice([chance.randbytes(size), bytes([127, *[255] * 8][:size])])
    else:
        data = "".join(chance.choices("aä\0€", k=chance.randint(0, 5))).encode()
    return struct.pack(">i", len(data)) + data


def _set(chance: random.Random, rows: list[bytes]) -> None:
    row, at = _place(chance, rows)
    rows[row] = rows[row][:at] + chance.randbytes(1) + rows[row][at + 1 :]


def _number(chance: random.Random, rows: list[bytes]) -> None:
    row, at = _place(chance, rows)
    rows[row] = rows[row][:at] + struct.pack(">i", chance.choice(LENGTHS)) + rows[row][at + 4 :]


def _cut(chance: random.Random, rows: list[bytes]) -> None:
    row, at = _place(chance, rows)
    rows[row] = rows[row][:at] + rows[row][at + chance.choice([1, 2, 4, 1000]) :]


def _grow(chance: random.Random, rows: list[bytes]) -> None:
    row, at = _place(chance, rows)
    rows[row] = rows[row][:at] + chance.choice([b"\0", b"\0\0\0\0", chance.randbytes(3)]) + rows[row][at:]


def _move(chance: random.Random, rows: list[bytes]) -> None:
    """Move where one row ends and the next begins; all bytes together stay the same."""
    row, at = _place(chance, rows)
    if row + 1 < len(rows):
        rows[row], rows[row + 1] = rows[row][:at], rows[row][at:] + rows[row + 1]


def _noise(chance: random.Random, rows: list[bytes]) -> None:
    row, _ = _place(chance, rows)
    rows[row] = rows[row][:2] + chance.randbytes(chance.randint(0, 40))


def _place(chance: random.Random, rows: list[bytes]) -> tuple[int, int]:
    row = chance.randrange(len(rows))
    return row, chance.randint(0, len(rows[row]))


def compare(decode: Any, seed: int, cases: int) -> str | None:
    """Return the first case in which the two disagree."""
    chance = random.Random(seed)
    refused = 0
    for number in range(cases):
        rows, types = case(chance)
        expected = plainly(rows, types)
        refused += expected == REFUSED
        try:
            found = answer(decode, rows, types)
        except Exception as error:  # noqa: BLE001 — no other error may come out of it
            found = repr(error)
        if found != expected:
            return f"case {number}: {rows} as {types}\n  plainly {expected}\n  decoded {found}"
    if refused == cases or not refused:
        return "the cases are of one kind only"
    return None


def weakened(seed: int, cases: int) -> list[str]:
    """Return the checks without which the same cases are read as well as with them."""
    missed = []
    # With all its checks first: what is told by the others means something then, and all is imported once.
    assert compare(postgres_decode, seed, 100) is None
    for line, text in checks(postgres_decode).items():
        if "2 GiB" in text:  # no case is that large; it has a test of its own
            continue
        child = os.fork()
        if not child:
            os._exit(1 if compare(without(postgres_decode, line), seed, cases) else 0)
        if os.waitpid(child, 0)[1] == 0:
            missed.append(text)
    return missed


if __name__ == "__main__":
    numbers = int(sys.argv[1]), int(sys.argv[2])
    if sys.argv[3:]:
        print(json.dumps(weakened(*numbers)))  # noqa: T201 — read by the test
    else:
        sys.exit(compare(postgres_decode, *numbers))
