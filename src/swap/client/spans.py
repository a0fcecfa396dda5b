"""How long what a bar stands for lasts: moments that are months get bars as wide as months."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import gcd

_END = datetime.max  # noqa: DTZ901 — digits as they are drawn
GAP = 0.1
"""Of a bar's span that is left free beside it."""


def ends(moments: list[datetime | None]) -> list[datetime | None]:
    """Return where each bar ends that begins at a moment, a little before the next one could begin.

    >>> ends([datetime(2026, 1, 1), datetime(2026, 3, 1), datetime(2026, 2, 1)])[2]
    datetime.datetime(2026, 2, 26, 4, 48)
    """
    known = sorted({moment for moment in moments if moment is not None})
    if known and all(_is_month(moment) for moment in known):
        months = [moment.year * 12 + moment.month for moment in known]
        step = gcd(*(month - months[0] for month in months)) or (12 if all(each.month == 1 for each in known) else 1)
        return [moment and _shortened(moment, _months_later(moment, step)) for moment in moments]
    span = _step(known)
    return [moment and _shortened(moment, _later(moment, span)) for moment in moments]


def _is_month(moment: datetime) -> bool:
    return moment.day == 1 and moment.timetuple()[3:6] == (0, 0, 0) and not moment.microsecond


def _step(known: list[datetime]) -> timedelta:
    """Return the longest span of which all gaps are multiples; for one moment, the unit that it is written in."""
    if len(known) < 2:
        whole = all(moment.timetuple()[3:6] == (0, 0, 0) for moment in known)
        return timedelta(days=1) if whole else timedelta(hours=1)
    microsecond = timedelta(microseconds=1)
    return gcd(*((moment - known[0]) // microsecond for moment in known)) * microsecond


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return _END if year > _END.year else moment.replace(year=year, month=month + 1)


def _later(moment: datetime, span: timedelta) -> datetime:
    return _END if _END - moment < span else moment + span


def _shortened(start: datetime, end: datetime) -> datetime:
    return start + (end - start) * (1 - GAP)
