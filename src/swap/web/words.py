"""Numbers and moments as people read them (look.md §6).  Pure functions; templates use them as filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60
HOUR = 3600


def count(number: float | None) -> str:
    """Return a count: separators up to a million, then M and bn.

    >>> count(336776), count(21_800_000), count(412_600_000_000), count(None)
    ('336,776', '21.8 M', '412.6 bn', '')
    """
    if number is None:
        return ""
    for limit, word in ((1e9, "bn"), (1e6, "M")):
        if abs(number) >= limit:
            return f"{number / limit:,.1f} {word}"
    return f"{number:,.0f}"


def rows(number: int | None, *, exact: bool) -> str:
    """Return a number of rows: every one of them when they were counted, else about how many.

    >>> rows(1_204_118, exact=True), rows(288_059, exact=False), rows(412_612_345_678, exact=False)
    ('1,204,118', 'about 288,000', 'about 412.6 bn')
    """
    if number is None:
        return ""
    if exact:
        return f"{number:,}"
    return (
        f"about {count(round(number, min(0, 3 - len(str(abs(number))))))}" if number < 1e6 else f"about {count(number)}"
    )


def spelt(number: int) -> str:
    """Return a small number as a word, as sentences begin with one.

    >>> spelt(2), spelt(12)
    ('Two', '12')
    """
    names = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return names[number] if number < len(names) else f"{number:,}"


def grouped(value: str) -> str:
    """Return a number that is already text, with separators in its whole part.

    >>> grouped("1204118.50"), grouped("-1500"), grouped("NaN")
    ('1,204,118.50', '-1,500', 'NaN')
    """
    whole, dot, rest = value.partition(".")
    sign = "-" if whole.startswith("-") else ""
    digits = whole.removeprefix("-")
    return f"{sign}{int(digits):,}{dot}{rest}" if digits.isascii() and digits.isdigit() else value


def size(number: float | None) -> str:
    """Return a size in decimal units.

    >>> size(512), size(96_000_000), size(18.2e12), size(None)
    ('512 B', '96 MB', '18.2 TB', '')
    """
    if number is None:
        return ""
    for limit, word in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(number) >= limit:
            value = number / limit
            return f"{value:,.1f} {word}" if value < 10 or word == "TB" else f"{value:.0f} {word}"
    return f"{number:.0f} B"


def seconds(number: float) -> str:
    """Return a duration: one decimal under a minute, then minutes and seconds, then hours and minutes.

    >>> seconds(1.34), seconds(182), seconds(12_000)
    ('1.3 s', '3 m 02 s', '3 h 20 m')
    """
    if number >= HOUR:
        return f"{int(number // HOUR)} h {int(number % HOUR // MINUTE):02d} m"
    return f"{number:.1f} s" if number < MINUTE else f"{int(number // 60)} m {int(number % 60):02d} s"


def sentences(text: str) -> tuple[str, str]:
    """Return the first sentence, and the rest: of a message only the first is bold.

    >>> sentences("The disk is full. Make room, then try again.")
    ('The disk is full.', 'Make room, then try again.')
    """
    first, dot, rest = text.partition(". ")
    return (f"{first}.", rest) if dot else (text, "")


def plural(number: int, one: str, many: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "column", "columns"), plural(1200, "column", "columns")
    ('1 column', '1,200 columns')
    """
    return f"{number:,} {one if number == 1 else many}"


def ago(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return how long ago something was, up to a day; then the day, in the site's zone.

    >>> now = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> ago(datetime(2026, 11, 24, 9, 29, tzinfo=UTC), now, berlin)
    '12 minutes ago'
    >>> ago(datetime(2026, 11, 23, 6, 0, tzinfo=UTC), now, berlin)
    'yesterday, 07:00'
    """
    passed = (now - moment).total_seconds()
    if passed < MINUTE:
        return "just now"
    if passed < HOUR:
        return _ago(int(passed // MINUTE), "minute")
    local, today = moment.astimezone(zone), now.astimezone(zone)
    days = (today.date() - local.date()).days
    if days == 0 or passed < HOUR * 6:
        return _ago(int(passed // HOUR), "hour")
    if days == 1:
        return f"yesterday, {local:%H:%M}"
    if days < 7:
        return f"{local:%A}"
    return f"{local.day} {local:%B}" if local.year == today.year else f"{local.day} {local:%B %Y}"


def _ago(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


def clock(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return since when: the time today, else day and time, in the site's zone."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local.day} {local:%B, %H:%M}"


def day(moment: datetime, zone: ZoneInfo) -> str:
    """Return a day in the site's zone.

    >>> day(datetime(2026, 11, 24, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    '25 November 2026'
    """
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def exact(moment: datetime) -> str:
    """Return the exact moment in UTC, for tooltips."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def last_day(end: datetime, zone: ZoneInfo) -> str:
    """Return the last day before a moment, as a field for a day has it."""
    return (end.astimezone(zone) - timedelta(microseconds=1)).date().isoformat()


def moment(value: object) -> datetime | None:
    """Return an ISO 8601 moment from JSON, or None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
