"""A result table as a notebook keeps it: the rows that were shown, as text, with the columns' types.

It is what the notebook says: its author's file, which SWAP did not compute.  Every part may be of any type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from swap.client import text
from swap.client.habits import Column
from swap.client.show import LONG, RESULT
from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
_WIDEST = 38
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Stored:
    """A result table of another notebook, as far as that keeps it."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    """How many the result had."""
    statement: str
    """The cell's SQL, if it is a cell of SQL."""
    _heads: tuple[dict[str, Any], ...] = field(repr=False)
    _kept: tuple[tuple[str | None, ...], ...] = field(repr=False)

    @property
    def whole(self) -> bool:
        """Whether all rows are there, and no value was cut."""
        return len(self._kept) == self.rows and not any(value is not None and _cut(value) for value in self._values())

    def _values(self) -> list[str | None]:
        return [value for row in self._kept for value in row]

    def to_arrow(self, *, part: bool = False) -> pa.Table:
        """Return the rows as a pyarrow table.  Raises Invalid when only some are there, unless a `part` is enough."""
        import pyarrow as pa  # noqa: PLC0415 — loaded when rows are asked for

        if not (part or self.whole):
            raise Invalid(
                Problem(
                    f"Of {self.name} only a part is in the notebook: {len(self._kept):,} of {self.rows:,} rows.",
                    why=f"A notebook keeps the rows that were shown, and {LONG:,} characters of a value.",
                    todo="Ask for all of them with swap.sql(table.statement), or take table.to_arrow(part=True).",
                )
            )
        values = list(zip(*self._kept, strict=True)) or [()] * len(self.columns)
        arrays = [_array(column.type, each) for column, each in zip(self.columns, values, strict=True)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])

    def to_pandas(self, *, part: bool = False, exact: bool = False) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame; as `to_arrow`, with the types that a result has there."""
        from swap.client import frames  # noqa: PLC0415 — as for Arrow

        return frames.to_pandas(self.to_arrow(part=part), exact=exact)

    def __repr__(self) -> str:
        how = "" if self.whole else f", of which {len(self._kept):,} are here"
        size = f"{self.name}: {text.count(self.rows, 'row')} × {text.count(len(self.columns), 'column')}{how}"
        return text.safe(f"{text.table(self._heads, self._kept)}\n\n{size}")


def tables(outputs: Any, statement: str) -> list[Stored]:
    """Return the result tables among a cell's outputs."""
    each_data = [each.get("data") for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    shown = [data[RESULT] for data in each_data if isinstance(data, dict) and RESULT in data]
    return [made for said in shown if (made := _stored(said, statement)) is not None]


def _stored(said: Any, statement: str) -> Stored | None:
    try:
        heads = [{name: str(each[name]) for name in ("name", "type", "align")} for each in said["columns"]]
        kept = tuple(tuple(None if value is None else str(value) for value in row) for row in said["page"]["rows"])
        total, name = int(said["rows"]), str(said.get("variable") or said.get("name") or "")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if any(len(row) != len(heads) for row in kept) or not heads or said["page"].get("offset") != 0:
        return None
    columns = tuple(Column(each["name"], each["type"]) for each in heads)
    return Stored(name, columns, total, statement, tuple(heads), kept)


def _cut(value: str) -> bool:
    return value.endswith(_CUT) and (len(value) >= LONG or value.startswith("\\x"))


def _array(type_: str, values: Sequence[str | None]) -> pa.Array:
    """Return a column's values with its type; as text where one cannot be read, or no type can hold them."""
    import pyarrow as pa  # noqa: PLC0415

    kind, read = _reader(type_)
    try:
        return pa.array([None if value is None else read(value) for value in values], kind)
    except (ValueError, ArithmeticError, pa.ArrowException):
        return pa.array(values, pa.string())


def _reader(type_: str) -> tuple[pa.DataType, Callable[[str], Any]]:
    import pyarrow as pa  # noqa: PLC0415

    readers: dict[str, tuple[pa.DataType, Callable[[str], Any]]] = {
        "boolean": (pa.bool_(), {"true": True, "false": False}.__getitem__),
        "tinyint": (pa.int8(), int),
        "smallint": (pa.int16(), int),
        "integer": (pa.int32(), int),
        "bigint": (pa.int64(), int),
        "utinyint": (pa.uint8(), int),
        "usmallint": (pa.uint16(), int),
        "uinteger": (pa.uint32(), int),
        "ubigint": (pa.uint64(), int),
        "real": (pa.float32(), float),
        "double": (pa.float64(), float),
        "date": (pa.date32(), date.fromisoformat),
        "time": (pa.time64("us"), time.fromisoformat),
        "timestamp": (pa.timestamp("us"), datetime.fromisoformat),
        "timestamptz": (pa.timestamp("us", "UTC"), datetime.fromisoformat),
        "binary": (pa.binary(), lambda value: bytes.fromhex(value.removeprefix("\\x"))),
    }
    if (decimal := _DECIMAL.fullmatch(type_)) is not None:
        digits, scale = int(decimal[1]), int(decimal[2])
        return (pa.decimal128 if digits <= _WIDEST else pa.decimal256)(digits, scale), Decimal
    return readers.get(type_, (pa.string(), str))
