"""A data file: tab-separated rows, the first column a day, which a report keeps up to date, period by period.

As reportupdater wrote them: columns that come or go are merged, and what has no value is empty.  Pure values.
"""

from __future__ import annotations

import calendar
import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from swap.errors import Invalid, Problem

VALUE_CHARACTERS: Final = 100_000
"""Of one value; Python reads no file back that has much longer ones."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Row = tuple[str | None, ...]


class Unit(StrEnum):
    """How long a period is."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; each row's first value is its day, and None is no value."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def days(self) -> frozenset[date]:
        """The days that have rows."""
        return frozenset(_day(row) for row in self.rows)


EMPTY: Final = Table((), ())


def read(text: str) -> Table:
    r"""Read a data file.  Raises Invalid for what is none.

    >>> read("date\tviews\n2026-03-01\t\n").rows
    (('2026-03-01', None),)
    """
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error as error:
        raise _unread(str(error)) from error
    if not lines:
        return EMPTY
    columns, *rows = lines
    made = Table(tuple(columns), tuple(tuple(value or None for value in row) for row in rows))
    demand(made)
    return made


def written(table: Table) -> str:
    r"""Return a table as its file has it.

    >>> written(Table(("date", "views"), (("2026-03-01", None), ("2026-03-02", "a\tb"))))
    'date\tviews\r\n2026-03-01\t\r\n2026-03-02\t"a\tb"\r\n'
    """
    made = io.StringIO()
    # Lines end as reportupdater's do, so that a file that nothing changed in stays the same.
    writer = csv.writer(made, delimiter="\t")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return made.getvalue()


def demand(table: Table) -> None:
    """Raise Invalid for a table that no data file can be."""
    if not table.columns or len(set(table.columns)) != len(table.columns):
        raise _unread("it needs columns, each with a name of its own")
    if any(len(value or "") > VALUE_CHARACTERS for row in (table.columns, *table.rows) for value in row):
        raise _unread(f"a value has more than {VALUE_CHARACTERS:,} characters")
    for row in table.rows:
        if len(row) != len(table.columns):
            raise _unread("a row has not as many values as there are columns")
        _day(row)


def merged(before: Table, new: Table, period: tuple[date, date], unit: Unit, most: int | None = None) -> Table:
    """Return a file's rows with those of one period, `[start, end)`, anew; with `most`, of the last so many periods.

    Columns are in the order of the new ones; those that are no more follow by name.  Raises Invalid for rows of other
    days than the period's: a run never changes what it is not about.
    """
    demand(new)
    start, end = period
    if others := sorted(day for day in new.days if not start <= day < end):
        raise Invalid(
            Problem(
                f"There are rows of {others[0]}, and the run is about {start} until before {end}.",
                why="A run writes the days of its period and no others.",
                todo="Let the first column be a day of the period.",
            )
        )
    gone = sorted(set(before.columns[1:]) - set(new.columns))
    columns = (*new.columns, *gone)
    kept = [row for row in before.rows if not start <= _day(row) < end]
    rows = [
        *_in_order(before.columns, kept, columns),
        *_in_order(new.columns, new.rows, columns),
    ]
    if most is not None:
        last = max([start, *(_day(row) for row in before.rows)])
        after = back(unit, last, most)
        rows = [row for row in rows if _day(row) > after]
    return Table(columns, tuple(sorted(rows, key=_day)))


def _in_order(columns: Sequence[str], rows: Collection[Row], wanted: Sequence[str]) -> list[Row]:
    """Return rows with their values in another order of columns; the day is first in any."""
    if not rows:
        return []
    at = {name: place for place, name in enumerate(columns)}
    # The day is the first column, however it is called.
    places = [0, *(at.get(name) for name in wanted[1:])]
    return [tuple(None if place is None else row[place] for place in places) for row in rows]


def begins(unit: Unit, day: date) -> date:
    """Return the first day of the period that a day is in; weeks begin on Sunday."""
    if unit is Unit.WEEKS:
        return day - timedelta(days=day.isoweekday() % 7)
    return day.replace(day=1) if unit is Unit.MONTHS else day


def following(unit: Unit, day: date) -> date:
    """Return the first day of the period after the one that begins on a day."""
    if unit is Unit.MONTHS:
        return begins(unit, day.replace(day=1) + timedelta(days=31))
    return day + timedelta(days=7 if unit is Unit.WEEKS else 1)


def back(unit: Unit, day: date, count: int) -> date:
    """Return the day so many periods before.

    >>> back(Unit.MONTHS, date(2026, 3, 31), 1)
    datetime.date(2026, 2, 28)
    """
    if unit is not Unit.MONTHS:
        return date.fromordinal(max(1, day.toordinal() - count * (7 if unit is Unit.WEEKS else 1)))
    months = max(12, day.year * 12 + day.month - 1 - count)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _day(row: Row) -> date:
    """Return a row's day.  Raises Invalid."""
    text = row[0] if row else None
    if text is not None and _DAY.fullmatch(text):
        try:
            return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 — a day has no zone
        except ValueError:
            pass
    raise _unread("the first column must be a day, as 2026-03-01")


def _unread(why: str) -> Invalid:
    return Invalid(Problem("These rows are no data file's.", why=f"{why[:1].upper()}{why[1:]}."))
