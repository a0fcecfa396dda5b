"""A table's partitions as its page shows them: days with a bar, what is missing marked.

Pure: the gateway's JSON → values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from swap.catalog import names
from swap.web import words

SHOWN = 7
DATE_KEYS = (("year", "month", "day"), ("year", "month"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_INTEGER = re.compile("-?[0-9]{1,18}")
_NUMBERS = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True, slots=True)
class Part:
    """One line: a day or another partition, or, with `missing` and no rows, the days that are not there."""

    label: str
    rows: int
    exact: bool
    parts: int
    share: int
    missing: int


@dataclass(frozen=True, slots=True)
class Block:
    """The lines, newest first, under the head of the first column."""

    head: str
    finer: str
    count: int
    parts: tuple[Part, ...]
    hidden: int
    older: int
    gaps: str


def block(table: Mapping[str, Any], *, everything: bool = False) -> Block | None:
    """Return the newest partitions, or all that the catalog keeps; None where the gateway tells none."""
    divided = table.get("divided")
    if not divided or not divided["newest"]:
        return None
    keys, finer, kept = tuple(divided["keys"]), str(divided["finer"]), list(divided["newest"])
    lines = _lines(keys, finer, kept, complete=sum(each["parts"] for each in kept) == divided["count"])
    shown = lines if everything else lines[:SHOWN]
    return Block(
        _head(keys),
        finer,
        int(divided["count"]),
        tuple(shown),
        len(lines) - len(shown),
        int(divided["count"]) - sum(each["parts"] for each in kept),
        _gaps(shown, finer),
    )


def newest(table: Mapping[str, Any]) -> tuple[str, str]:
    """Return the condition that names the newest partition with rows, and its label.

    Nothing where there is none to name.
    """
    divided = table.get("divided") or {"keys": (), "newest": ()}
    types = {column["name"]: column.get("type") for column in table.get("columns", ())}
    for each in divided["newest"]:
        terms = [_term(key, value, types.get(key)) for key, value in zip(divided["keys"], each["values"], strict=True)]
        if each["rows"] and all(terms):
            keys = tuple(divided["keys"])
            label = _label(keys, each["values"], _year(keys, divided["newest"]))
            # A bare value means nothing in a sentence, unless it reads like a date.
            named = _head(keys) != ", ".join(keys) or _day(keys, each["values"]) is not None
            return " AND ".join(terms), label if named else f"{', '.join(keys)} {label}"
    return "", ""


def _term(key: str, value: str | None, type_: object) -> str:
    if value is None:
        return ""
    if type_ in _NUMBERS:
        return f"{names.written(key)} = {value}" if _INTEGER.fullmatch(value) else ""
    quoted = "'" + value.replace("'", "''") + "'"
    return (
        f"{names.written(key)} = {quoted}"
        if type_ == "text"
        else f"{names.written(key)} = DATE {quoted}"
        if type_ == "date"
        else ""
    )


def _lines(keys: tuple[str, ...], finer: str, kept: Sequence[Mapping[str, Any]], *, complete: bool) -> list[Part]:
    most = max(each["rows"] for each in kept) or 1
    year = _year(keys, kept)
    lines: list[Part] = []
    for place, each in enumerate(kept):
        if finer and place:
            lines.extend(
                _days_between(
                    _day(keys, kept[place - 1]["values"]), _day(keys, each["values"]), year, kept[place - 1]["parts"]
                )
            )
        missing = _missing(kept, place, complete=complete) if finer else 0
        lines.append(
            Part(
                _label(keys, each["values"], year),
                each["rows"],
                each["exact"],
                each["parts"],
                round(100 * each["rows"] / most),
                missing,
            )
        )
    return lines


def _missing(kept: Sequence[Mapping[str, Any]], place: int, *, complete: bool) -> int:
    """Return by how much one day falls short of its neighbours.

    The newest may still be filling; the first day ever may begin late.
    """
    if place == 0 or (place == len(kept) - 1 and complete):
        return 0
    most: int = max(each["parts"] for each in kept[place - 1 : place + 2])
    return most - int(kept[place]["parts"])


def _days_between(later: date | None, earlier: date | None, year: int, parts: int) -> list[Part]:
    """Return a line for the days that are not there between two that are."""
    if later is None or earlier is None or (later - earlier).days < 2:
        return []
    first, last = earlier + timedelta(days=1), later - timedelta(days=1)
    label = _date(first, year) if first == last else f"{_date(first, year)} to {_date(last, year)}"
    return [Part(label, 0, exact=True, parts=0, share=0, missing=parts * (later - earlier).days - parts)]


def _gaps(shown: Sequence[Part], finer: str) -> str:
    said = [
        f"{each.label}: {words.plural(each.missing, finer, f'{finer}s')}" for each in reversed(shown) if each.missing
    ]
    return f"Missing, by what the days beside have: {'; '.join(said)}." if said else ""


def _head(keys: tuple[str, ...]) -> str:
    return {DATE_KEYS[0]: "Day", DATE_KEYS[1]: "Month"}.get(keys) or ", ".join(keys)


def _year(keys: tuple[str, ...], kept: Sequence[Mapping[str, Any]]) -> int:
    """Return the year that goes without saying: the newest one."""
    day = next((day for each in kept if (day := _day(keys, each["values"]))), None)
    return day.year if day else 0


def _label(keys: tuple[str, ...], values: Sequence[str | None], year: int) -> str:
    if (
        keys == DATE_KEYS[1]
        and all(value is not None and value.isdecimal() for value in values)
        and 1 <= int(values[1] or 0) <= 12
    ):
        return f"{_MONTHS[int(values[1] or 0) - 1]} {values[0]}"
    day = _day(keys, values)
    return _date(day, year) if day else ", ".join("null" if value is None else value for value in values)


def _day(keys: tuple[str, ...], values: Sequence[str | None]) -> date | None:
    """Return the day that values name: by year, month and day, or by one key that holds dates."""
    try:
        if keys == DATE_KEYS[0]:
            return date(*(int(value or "") for value in values))
        return date.fromisoformat(values[0] or "") if len(keys) == 1 else None
    except ValueError:
        return None


def _date(day: date, year: int) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}" + ("" if day.year == year else f" {day.year}")
