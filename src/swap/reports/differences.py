"""What changed in a result table between two editions of a period, as one statement that whoever asks may run.

Rows are the same by the table's key, and where it has none, by all that they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from swap.catalog import names
from swap.errors import NotFound, Problem
from swap.identity import Principal
from swap.reports import edition_store, table_store, tables
from swap.reports.model import Run
from swap.reports.table_store import OF_PERIOD, Part, Table
from swap.settings import Policy

ROWS: Final = 100
"""That are shown."""
COLUMNS: Final = 100
"""Of both editions that are compared."""
COUNTS: Final = ("changed", "added", "gone")
"""What becomes of rows; a statement says them as their places, from 1."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A table of two editions: whose columns are its key, and which others both have."""

    table: Table
    before: Run
    run: Run
    key: tuple[str, ...]
    others: tuple[str, ...]
    only: tuple[str, ...]
    """Columns that one of the two does not have, or has beyond those that are compared."""

    @property
    def statement(self) -> str:
        """The statement: what became of a row, how often each happened, its key, and each other column twice."""
        return statement(
            tables.spoken(self.table.owner, self.table.name, self.before.id),
            tables.spoken(self.table.owner, self.table.name, self.run.id),
            self.key,
            self.others,
        )


def of_run(conn: Connection, policy: Policy, person: Principal, run: Run, now: datetime) -> list[Compared]:
    """Return the tables whose rows a run wrote and the edition before it did, as far as somebody may see both."""
    before = None if run.edition is None else edition_store.before(conn, run)
    if before is None:
        return []
    found = []
    for table in table_store.of_report(conn, run.report_id):
        old, new = (tables.edition(conn, policy, person, table, each.id, now) for each in (before, run))
        if old is not None and new is not None and (compared := _compared(table, before, run, old, new)).key:
            found.append(compared)
    return found


def of_table(conn: Connection, policy: Policy, person: Principal, run: Run, name: str, now: datetime) -> Compared:
    """Return one of these tables.  Raises NotFound."""
    found = next((each for each in of_run(conn, policy, person, run, now) if each.table.name == name), None)
    if found is None:
        raise NotFound(Problem("There are no two editions of this table that you may compare."))
    return found


def _compared(table: Table, before: Run, run: Run, old: Part, new: Part) -> Compared:
    from swap.catalog import history  # noqa: PLC0415 — pyarrow is loaded where editions are compared

    had, has = (history.read_schema(each.schema) for each in (old, new))
    own = [name for name in has.names if name not in OF_PERIOD]
    both = [name for name in own if name in had.names][:COLUMNS]
    only = [name for name in dict.fromkeys([*own, *had.names]) if name not in {*both, *OF_PERIOD}]
    is_keyed = bool(new.key) and set(new.key) <= set(both)
    key = [name for name in both if name in new.key] if is_keyed else both
    return Compared(table, before, run, tuple(key), tuple(name for name in both if name not in key), tuple(only))


def statement(old: str, new: str, key: Sequence[str], others: Sequence[str]) -> str:
    """Return the statement that compares two tables.

    Rows of one key are numbered, so that each has one other: a key may come twice.
    """
    keys, values = [f"k{at}" for at in range(len(key))], [f"v{at}" for at in range(len(others))]
    told = [f"{names.written(name)} AS {alias}" for name, alias in zip((*key, *others), (*keys, *values), strict=True)]
    order = f" ORDER BY {', '.join(values)}" if values else ""
    number = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(keys)}{order}) AS n"
    same = " AND ".join([*(f"a.{each} IS NOT DISTINCT FROM b.{each}" for each in keys), "a.n = b.n"])
    differ = " OR ".join(["a.n IS NULL", "b.n IS NULL", *(f"a.{each} IS DISTINCT FROM b.{each}" for each in values)])
    shown = [f"COALESCE(b.{each}, a.{each}) AS {each}" for each in keys]
    shown += [f"{side}.{each} AS {side}{each}" for each in values for side in ("a", "b")]
    counts = [f"SUM(CASE WHEN what = {at} THEN 1 ELSE 0 END) OVER () AS {word}" for at, word in enumerate(COUNTS, 1)]
    columns = [*keys, *(f"{side}{each}" for each in values for side in ("a", "b"))]
    lines = [
        f"WITH old_rows AS ({_of(told, old)}),",
        f"new_rows AS ({_of(told, new)}),",
        f"a AS ({_of(('*', number), 'old_rows')}),",
        f"b AS ({_of(('*', number), 'new_rows')}),",
        "differ AS (",
        f"  SELECT CASE WHEN a.n IS NULL THEN 2 WHEN b.n IS NULL THEN 3 ELSE 1 END AS what, {', '.join(shown)}",
        f"  FROM a FULL JOIN b ON {same}",
        f"  WHERE {differ}",
        ")",
        f"SELECT {', '.join(['what', *counts, *columns])}",
        f"FROM differ ORDER BY {', '.join(['what', *keys])} LIMIT {ROWS}",
    ]
    return "\n".join(lines)


def _of(columns: Sequence[str], table: str) -> str:
    return " ".join(("SELECT", ", ".join(columns), "FROM", table))
