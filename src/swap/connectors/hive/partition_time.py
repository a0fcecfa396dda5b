"""Which partitions a time filter can match, where a source's settings say how a table's times and partitions agree.

A condition made here is added to a statement, and takes nothing out of it: it may keep partitions that hold no row
wanted, and never leaves out one that does, as long as the settings are right.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa

from swap.connectors.base import Comparison, Fragment, Predicate
from swap.connectors.hive.types import HiveType, identifier

_WRITTEN = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?", re.ASCII)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PartitionedTime:
    """In tables whose `schema.table` fits the pattern, `keys` are the year, month, day and hour of `column` in UTC.

    Rows may stand in partitions of up to `slack_hours` later.
    """

    pattern: str
    column: str
    keys: tuple[str, ...]
    slack_hours: int = 0

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> PartitionedTime:
        """Return what was said as JSON can hold it."""
        pattern, column, keys, slack_hours = plain
        return cls(pattern, column, tuple(keys), slack_hours)


def condition(fragment: Fragment, columns: Mapping[str, HiveType], rules: Iterable[PartitionedTime]) -> str:
    """Return what follows for the partitions from a fragment's filter, as SQL; nothing where nothing does."""
    table = f"{fragment.schema}.{fragment.table}"
    for rule in rules:
        if fnmatchcase(table, rule.pattern):
            return _condition(fragment.predicates, columns, rule)
    return ""


def _condition(predicates: Sequence[Predicate], columns: Mapping[str, HiveType], rule: PartitionedTime) -> str:
    if not all(key in columns and pa.types.is_integer(columns[key].type) for key in rule.keys):
        return ""
    parts = []
    for predicate in predicates:
        if predicate.column != rule.column:
            continue
        first, last = _bounds(predicate)
        if first is not None:
            parts.append(_compared(rule.keys, _fields(first), ">"))
        if last is not None and last.year < 9999:
            parts.append(_compared(rule.keys, _fields(last + rule.slack_hours * _HOUR), "<"))
    return " AND ".join(parts)


def _fields(hour: datetime) -> tuple[int, ...]:
    return hour.year, hour.month, hour.day, hour.hour


def _compared(keys: Sequence[str], fields: Sequence[int], operator: str) -> str:
    """Return that the keys, one after the other, are beyond the fields or the same."""
    key, field = identifier(keys[0]), fields[0]
    if len(keys) == 1:
        return f"{key} {operator}= {field}"
    return f"({key} {operator} {field} OR ({key} = {field} AND {_compared(keys[1:], fields[1:], operator)}))"


def _bounds(predicate: Predicate) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last hour in which a row can be that passes; None where there is none."""
    comparison, value = predicate.comparison, predicate.value
    if comparison is Comparison.IN and value:
        pairs = [_bounds(Predicate(predicate.column, Comparison.EQ, each)) for each in value]
        firsts, lasts = [first for first, _ in pairs], [last for _, last in pairs]
        return (
            None if None in firsts else min(each for each in firsts if each is not None),
            None if None in lasts else max(each for each in lasts if each is not None),
        )
    if not isinstance(value, (str, datetime)):
        return None, None
    from_, to = _hours(value, strictly=comparison is Comparison.LT)
    return (
        from_ if comparison in (Comparison.EQ, Comparison.GE, Comparison.GT) else None,
        to if comparison in (Comparison.EQ, Comparison.LE, Comparison.LT) else None,
    )


def _hours(value: str | datetime, *, strictly: bool) -> tuple[datetime | None, datetime | None]:
    """Return the hours that rows are in at the earliest if they are at or above a value, at the latest if below."""
    if isinstance(value, str):
        return _written(value, strictly=strictly)
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if plain.year == 1:  # before which there is no hour
        return None, None
    last = plain - timedelta(microseconds=1) if strictly else plain
    return _whole(plain), _whole(last)


def _whole(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _written(text: str, *, strictly: bool) -> tuple[datetime | None, datetime | None]:
    """Return the same for a text in ISO 8601: what sorts at or above it begins with the same date or a later one."""
    found = _WRITTEN.match(text)
    fields = [int(each) for each in found.groups() if each is not None] if found else []
    try:
        start = datetime(*[*fields, 1, 1][: max(3, len(fields))])  # type: ignore[arg-type]  # noqa: DTZ001
    except (ValueError, TypeError):
        return None, None
    assert found is not None
    if start.year == 1:
        return None, None
    if strictly and found.end() == len(text):
        # Nothing below it begins with it.
        return start, start - _HOUR
    year, month = start.year, fields[1] if len(fields) > 1 else 12
    day = fields[2] if len(fields) > 2 else calendar.monthrange(year, month)[1]
    return start, datetime(year, month, day, fields[3] if len(fields) > 3 else 23)  # noqa: DTZ001
