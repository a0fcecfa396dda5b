"""`swap.output`: in a report, write one period of a result table; by hand, show what would be written."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from swap.client import period, query, screen, text, transport
from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PERIOD = frozenset({"period_start", "period_end"})
"""The columns that SWAP itself writes."""
_NAMED = 20
"""Columns that are named in the cell."""


def output(name: str, data: Any, *, key: str | Iterable[str] | None = None) -> None:
    """Write a table as the run's period of the result table `reports.<you>.<name>`; by hand, show what would be.

    `data` is a pandas, polars or pyarrow table, or a result; no two of its rows have the same `key`.  Whoever may open
    the notebook and may read all that this run has read can query it once the run is done.  Raises Invalid, and
    Conflict for a column that has another type than in earlier periods.
    """
    from swap.client import own_tables  # noqa: PLC0415 — pyarrow is loaded when there is a table to send

    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid(
            Problem(
                f"{text.one_line(str(name))} is no name of a result table.",
                todo="Begin with a small letter; then small letters, digits and _ follow, 63 in all.",
            )
        )
    if not own_tables.is_table(data):
        raise Invalid(
            Problem(
                f"{name} is a {type(data).__name__}, not a table.",
                todo="Pass a pandas or polars DataFrame, a pyarrow table or a result of swap.sql.",
            )
        )
    table = own_tables.whole(name, data)
    _demand_columns(name, table)
    columns = _demand_key(name, table, [key] if isinstance(key, str) else list(key or ()))
    of_run = period.of_run(os.environ)
    if of_run is None:
        _show(f"{name} would be written by a report: {_size(table)} about its period.", table)
        return
    gateway = transport.default()
    upload = query.upload(gateway, name, table)
    said = gateway.call(
        "POST", "/v1/outputs", {"name": name, "upload": upload, "key": columns}, seconds=query.UPLOAD_SECONDS
    )
    _show(f"{said['table']}: {_size(table)}, there once this run is done.", table)


def _demand_columns(name: str, table: pa.Table) -> None:
    """Raise Invalid for columns that a result table cannot have."""
    import pyarrow as pa  # noqa: PLC0415

    for field in table.schema:
        if field.name.casefold() in _PERIOD:
            raise Invalid(
                Problem(f"SWAP itself writes the column {field.name} of {name}.", todo="Call yours otherwise.")
            )
        if pa.types.is_null(field.type):
            raise Invalid(
                Problem(
                    f"The column {field.name} of {name} has no value, so its type is not known.",
                    why="A column has one type in all periods. Nothing was written.",
                    todo=f'Give it one, as df.astype({{"{field.name}": "string"}}).',
                )
            )


def _demand_key(name: str, table: pa.Table, key: list[str]) -> list[str]:
    """Return the key if it tells all rows apart.  Raises Invalid."""
    import pyarrow as pa  # noqa: PLC0415

    if missing := [each for each in key if each not in table.column_names]:
        raise Invalid(Problem(f"The key of {name} names {missing[0]}, which is no column.", todo="Name columns of it."))
    if not key:
        return []
    nulls = [each for each in key if table[each].null_count]
    try:
        twice = table.num_rows - table.select(key).group_by(key).aggregate([]).num_rows
    except pa.ArrowException as error:
        raise Invalid(Problem(f"The key of {name} cannot be compared.", todo="Name other columns.")) from error
    if nulls or twice:
        what = f"{nulls[0]} is null in some rows" if nulls else f"{text.count(twice, 'row')} too many have the same"
        raise Invalid(
            Problem(
                f"The key of {name} does not tell its rows apart: {what}.",
                why=f"The key is {', '.join(key)}. Nothing was written.",
                todo="Group by the key, or name more columns.",
            )
        )
    return key


def _size(table: pa.Table) -> str:
    return f"{text.count(table.num_rows, 'row')} × {text.count(table.num_columns, 'column')}"


def _spoken(type_: pa.DataType) -> str:
    """Return a type in a word, whichever library made it."""
    import pyarrow as pa  # noqa: PLC0415

    type_ = type_.value_type if pa.types.is_dictionary(type_) else type_
    is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    return "text" if is_text else str(type_)


def _show(line: str, table: pa.Table) -> None:
    """Show a line, and the columns with their types."""
    fields = list(table.schema)[:_NAMED]
    more = f" and {table.num_columns - _NAMED} more" if table.num_columns > _NAMED else ""
    columns = ", ".join(f"{field.name} {_spoken(field.type)}" for field in fields) + more
    plain = text.safe(f"{line}\n{columns}")
    html = f"<p>{escape(line)}<br><small>{escape(columns)}</small></p>"
    if not screen.current().replace({"text/plain": plain, "text/html": html}):
        sys.stdout.write(f"{plain}\n")
