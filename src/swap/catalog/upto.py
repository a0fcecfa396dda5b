"""Up to when a table's data is complete, by what the catalog knows: its partitions, or a column of moments.

Pure, but for the one question that fetches it.  Partitions are days or months of UTC, and count as complete when they
are there; a day that is divided into hours when it has as many as it should.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ARRAY, Connection, Text, any_, literal, select

from swap.catalog import keys
from swap.catalog.model import TableName
from swap.db.tables import dataset, dataset_definition

HOUR: Final = timedelta(hours=1)
_DAY_KEYS: Final = ("year", "month", "day")
_MONTH_KEYS: Final = ("year", "month")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A day or a month of which there is something: how many partitions it has."""

    start: datetime
    end: datetime
    parts: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a table is: by its parts, the oldest first, or by the largest value of a column of moments.

    Of what lies before its first part nothing is expected: it never was there, or is not kept in the catalog.
    """

    parts: tuple[Part, ...] = ()
    by_hours: bool = False
    moment: datetime | None = None

    def until(self, start: datetime, end: datetime) -> datetime | None:
        """Return until when what lies in `[start, end)` is complete, `end` if all of it is; None if nothing is there.

        >>> november = Part(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), 1)
        >>> str(Reach((november,)).until(november.start, november.end + HOUR))
        '2026-12-01 00:00:00+00:00'
        """
        if self.moment is not None:
            return min(self.moment, end)
        if not self.parts:
            return None
        there = {each.start: each for each in self.parts}
        at = max(self._begins(start), self.parts[0].start)
        while at < end:
            part = there.get(at)
            if part is None:
                return max(at, start)
            missing = self._first_missing(part, min(part.end, end))
            if missing is not None:
                return max(missing, start)
            at = part.end
        return end

    def _begins(self, moment: datetime) -> datetime:
        """Return when the day or month begins that a moment is in."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        is_month = self.parts[0].end - self.parts[0].start > timedelta(days=1)
        return day.replace(day=1) if is_month else day

    def _first_missing(self, part: Part, end: datetime) -> datetime | None:
        """Return which hour of a day is missing until a moment, as far as their number tells."""
        # The first day ever may begin late.
        if not self.by_hours or (part is self.parts[0] and len(self.parts) > 1):
            return None
        wanted = -(-(end - part.start) // HOUR)
        return None if part.parts >= wanted else part.start + part.parts * HOUR


def of_partitions(keys: Sequence[str], finer: str, newest: Iterable[tuple[Sequence[str | None], int]]) -> Reach | None:
    """Return how far a table is that is divided so, by its newest partitions; None where that tells no moments."""
    named = tuple(key.lower() for key in keys)
    parts = [part for values, count in newest if (part := _part(named, values, count)) is not None]
    if not parts or len({each.end - each.start > timedelta(days=1) for each in parts}) > 1:
        return None
    return Reach(tuple(sorted(parts, key=lambda each: each.start)), by_hours=finer == "hour")


def of_column(newest: str) -> Reach | None:
    """Return how far a table is by the largest value of a column of moments, in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(newest)
    except ValueError:
        return None
    return Reach(moment=found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))


def told(table: Mapping[str, Any]) -> Reach | None:
    """Return how far a table is, by what the gateway tells somebody of it; None where it tells them nothing."""
    divided = table.get("divided")
    if divided:
        newest = [(each["values"], int(each["parts"])) for each in divided["newest"]]
        return of_partitions(divided["keys"], str(divided["finer"]), newest)
    return of_column(str(table["newest"])) if table.get("newest_of") and table.get("newest") else None


def of(conn: Connection, names: Iterable[TableName]) -> dict[TableName, Reach | None]:
    """Return how far tables are, as their sources last told; without those that are gone."""
    wanted = set(names)
    if not wanted:
        return {}
    paths = sorted(keys.path(*name) for name in wanted if keys.storable(*name))
    of_table, definition = dataset.c, dataset_definition.c.definition
    rows = conn.execute(
        select(
            of_table.source,
            of_table.schema,
            of_table.name,
            of_table.newest,
            definition["partitions"].label("divided"),
            definition["newest_of"].astext.label("newest_of"),
        )
        .join_from(dataset, dataset_definition)
        .where(of_table.path == any_(literal(paths, ARRAY(Text))))
    )
    found = {TableName(row.source, row.schema, row.name): row for row in rows}
    return {name: _kept(found[name]) for name in wanted if name in found}


def _kept(row: Any) -> Reach | None:
    if row.divided:
        newest = [(values, int(parts)) for values, parts, *_ in row.divided["newest"]]
        return of_partitions(row.divided["keys"], row.divided["finer"], newest)
    return of_column(row.newest) if row.newest_of else None


def _part(named: tuple[str, ...], values: Sequence[str | None], count: int) -> Part | None:
    """Return the day or month that some values name; None where they name none."""
    said = [value or "" for value in values]
    try:
        if named in {_DAY_KEYS, _MONTH_KEYS}:
            if not all(_NUMBER.fullmatch(value) for value in said):
                return None
            numbers = [int(value) for value in said]
        elif len(named) == 1 and (found := _DATE.fullmatch(said[0])):
            numbers = [int(value) for value in found.groups() if value is not None]
        else:
            return None
        start = date(*numbers) if len(numbers) == len(_DAY_KEYS) else date(numbers[0], numbers[1], 1)
        over = start + timedelta(days=1) if len(numbers) == len(_DAY_KEYS) else _after_month(start)
    except (ValueError, OverflowError):
        return None
    return Part(_midnight(start), _midnight(over), count)


def _after_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
