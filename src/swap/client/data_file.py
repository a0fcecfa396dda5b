"""`swap.data_file`: rows that a report's data file is to have for its period.

A cell shows them.  SWAP writes them when the run is done, where those who run it gave the report such a file; by hand,
and in any other report, they are shown and nothing more.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from swap.client import screen
from swap.errors import Invalid, LimitExceeded, Problem

MIME: Final = "application/vnd.swap.data-file+json"
MOST_ROWS: Final = 100_000
MOST_CHARACTERS: Final = 20_000_000
_SHOWN: Final = 10
_SHOWN_CHARACTERS: Final = 100
"""Of a value."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def data_file(rows: Any, /, **values: str) -> None:
    """Show rows that belong into the report's data file, and are written there when its run is done.

    `rows` is a result, or a table of pandas, polars or pyarrow.  The first column is a day of the report's period; all
    rows of the period that the file has are replaced.  A report that keeps several files is told which by `values`,
    as `wiki="dewiki"`.  Raises Invalid, LimitExceeded.
    """
    columns, lines = _as_text(rows)
    said = {"values": {name: str(value) for name, value in values.items()}, "columns": columns, "rows": lines}
    plain = _plain(values, columns, lines)
    shell = screen.kernel_shell()
    if shell is None:
        print(plain)  # noqa: T201 — a console
    else:
        shell.display_pub.publish(data={MIME: said, "text/plain": plain}, metadata={})


def _as_text(rows: Any) -> tuple[list[str], list[list[str | None]]]:
    table = _table(rows)
    if table.num_rows > MOST_ROWS:
        raise LimitExceeded(
            Problem(
                f"There are {table.num_rows:,} rows for the data file; {MOST_ROWS:,} are the most.",
                todo="Let the statement add them up.",
            )
        )
    columns = [str(name) for name in table.column_names]
    lines = [list(row) for row in zip(*([_text(value) for value in each.to_pylist()] for each in table.columns))]  # noqa: B905
    for row in lines:
        # What is a moment in the first column counts as its day.
        row[0] = row[0][:10] if row[0] is not None and len(row[0]) >= 19 else row[0]
        if row[0] is None or not _DAY.fullmatch(row[0]):
            raise Invalid(
                Problem(
                    f"The first column, {columns[0]}, is no day.",
                    why="A data file has its days there, as 2026-03-01.",
                    todo="Let the statement name the day first.",
                )
            )
    if sum(len(value or "") for row in lines for value in row) > MOST_CHARACTERS:
        raise LimitExceeded(Problem("The rows for the data file are too long.", todo="Leave columns out."))
    return columns, lines


def _table(rows: Any) -> Any:
    """Return rows as a pyarrow table.  Raises Invalid for what is no table."""
    import pyarrow as pa  # noqa: PLC0415 — loaded when there are rows

    from swap.client import own_tables  # noqa: PLC0415 — as pyarrow
    from swap.client.result import Result  # noqa: PLC0415 — as pyarrow

    if isinstance(rows, Result):
        return rows.to_arrow()
    file = io.BytesIO()
    own_tables.write_arrow("rows", rows, file)
    with pa.ipc.open_stream(file.getvalue()) as reader:
        return reader.read_all()


def _text(value: Any) -> str | None:
    """Return a value as a data file has it.

    >>> _text(None), _text(True), _text(0.5), _text(date(2026, 3, 1)), _text(b"Berlin")
    (None, 'true', '0.5', '2026-03-01', 'Berlin')
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _plain(values: Mapping[str, str], columns: list[str], lines: list[list[str | None]]) -> str:
    of = ", ".join(f"{name} = {value}" for name, value in values.items())
    head = f"{len(lines):,} row{'s' * (len(lines) != 1)} for the data file{f' of {of}' if of else ''}"
    some = ["\t".join((value or "")[:_SHOWN_CHARACTERS] for value in row) for row in lines[:_SHOWN]]
    more = [f"and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    return "\n".join([head, "\t".join(columns), *some, *more])
