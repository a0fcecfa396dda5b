"""Rows of MySQL's text protocol, whole and broken, decoded by the connector and read plainly, which must agree.

A program of its own, `python -m unit.connectors.fuzz_mysql_decode SEED CASES [weakened]`, because a missing bound may end Python itself.
Weakened it takes each of the decoder's checks out in turn, and tells which were not missed.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

import numpy as np
import pyarrow as pa

from swap.connectors.mysql import decode as mysql_decode
from unit.connectors.fuzz_postgres_decode import REFUSED, Bytes, RefusedError, checks, damage, without

Decoded = tuple[Any, list[Any]]

MARKS = [0, 1, 250, 251, 252, 253, 254, 255]
WIDTHS = {252: 2, 253: 3, 254: 8}
LENGTHS = [0, 1, 4, 255, 300, 65_536, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1]


# ── The plain reading ───────────────────────────────────────────────────────────────────────────
def plainly(rows: list[bytes], types: list[pa.DataType]) -> Decoded:
    try:
        columns: Any = [list(column) for column in zip(*(_row(Bytes(row), types) for row in rows), strict=True)]
    except (RefusedError, UnicodeDecodeError):
        columns = REFUSED
    return columns, [_text(Bytes(row)) for row in rows]


def _row(row: Bytes, types: list[pa.DataType]) -> list[Any]:
    fields = [_field(row) for _ in types]
    row.end()
    return [
        field.decode() if field is not None and pa.types.is_string(type_) else field
        for field, type_ in zip(fields, types, strict=True)
    ]


def _text(row: Bytes) -> Any:
    found = []
    try:
        while row.left:
            field = _field(row)
            found.append(None if field is None else field.decode(errors="replace"))
    except RefusedError:
        return REFUSED
    return tuple(found)


def _field(row: Bytes) -> bytes | None:
    first = row.take(1)[0]
    if first == 251:
        return None
    if first == 255:
        raise RefusedError
    return row.take(int.from_bytes(row.take(WIDTHS[first]), "little") if first in WIDTHS else first)


# ── The decoder's answer, in the same form ──────────────────────────────────────────────────────
def answer(decode: Any, rows: list[bytes], types: list[pa.DataType]) -> Decoded:
    # A row stands behind its packet's header.
    sizes = np.array([len(row) for row in rows], np.int64)
    ends = np.cumsum(sizes + 4)
    data = b"".join(b"\xfe\0\0\0" + row for row in rows)
    columns: Any
    try:
        arrays = decode.rows(data, ends - sizes, ends, [(type_, mysql_decode.Form.PLAIN) for type_ in types])
        for array in arrays:
            array.validate(full=True)
        columns = [array.to_pylist() for array in arrays]
    except (decode.MalformedError, decode.UnreadableError):
        columns = REFUSED
    texts: list[Any] = []
    for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
        try:
            texts.append(decode.texts(data, start, end))
        except decode.MalformedError:
            texts.append(REFUSED)
    return columns, texts


# ── The cases ───────────────────────────────────────────────────────────────────────────────────
def case(chance: random.Random) -> tuple[list[bytes], list[pa.DataType]]:
    """Return rows that are whole, damaged in one or a few places, or nothing but noise."""
    types = chance.choices([pa.string(), pa.binary()], k=chance.randint(1, 4))
    rows = [b"".join(_encoded(chance) for _ in types) for _ in range(chance.randint(1, 4))]
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        if chance.random() < 0.5:
            damage(chance, rows)
        else:
            _mark(chance, rows)
    return rows, types


def _encoded(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return b"\xfb"
    if chance.random() < 0.01:
        return b"\xff" + b"a" * 255
    value = "".join(chance.choices("aä\0€", k=chance.choice([0, 1, 2, 3, 200, 300]))).encode()
    forms = [b"\xfc" + len(value).to_bytes(2, "little"), b"\xfd" + len(value).to_bytes(3, "little")]
    forms.append(b"\xfe" + len(value).to_bytes(8, "little"))
    if len(value) < 251:
        forms += [bytes([len(value)])] * 5
    return chance.choice(forms) + value


def _mark(chance: random.Random, rows: list[bytes]) -> None:
    """Write another length over the first one of a row, or somewhere into it."""
    row = chance.randrange(len(rows))
    at = chance.choice([0, chance.randint(0, len(rows[row]))])
    mark = chance.choice(MARKS)
    length = chance.choice(LENGTHS).to_bytes(8, "little")[: WIDTHS.get(mark, 0)]
    kept = rows[row][at + chance.choice([1, 1 + len(length)]) :]
    rows[row] = rows[row][:at] + bytes([mark]) + length[: chance.choice([8, 1])] + kept


def compare(decode: Any, seed: int, cases: int) -> str | None:
    """Return the first case in which the two disagree."""
    chance = random.Random(seed)
    refused = 0
    for number in range(cases):
        rows, types = case(chance)
        expected = plainly(rows, types)
        refused += expected[0] == REFUSED
        found: Any
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
    assert compare(mysql_decode, seed, 100) is None
    for line, text in checks(mysql_decode).items():
        if "batch of rows" in text:  # no case is that large
            continue
        child = os.fork()
        if not child:
            os._exit(1 if compare(without(mysql_decode, line), seed, cases) else 0)
        if os.waitpid(child, 0)[1] == 0:
            missed.append(f"line {line}: {text}")
    return missed


if __name__ == "__main__":
    numbers = int(sys.argv[1]), int(sys.argv[2])
    if sys.argv[3:]:
        print(json.dumps(weakened(*numbers)))  # noqa: T201 — read by the test
    else:
        sys.exit(compare(mysql_decode, *numbers))
