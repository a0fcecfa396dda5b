"""How far a server is behind the one that it copies, and whether it can be written to: as far as it may be known."""

from __future__ import annotations

from typing import Any

from swap.connectors.mysql.types import identifier
from swap.connectors.mysql.wire import Link
from swap.errors import SourceFailed

_HEARTBEAT = """
    SELECT TIMESTAMPDIFF(MICROSECOND, MAX(CAST(REPLACE(ts, 'T', ' ') AS DATETIME(6))), UTC_TIMESTAMP(6)) AS late
      FROM {table}
"""
_LAGS = ("Seconds_Behind_Source", "Seconds_Behind_Master")
_STANDS_STILL = ("Replica_SQL_Running", "Slave_SQL_Running", "Replica_IO_Running", "Slave_IO_Running")


def state(link: Link, heartbeat: str) -> dict[str, Any]:
    """Return the lag in seconds, whether copying stands still, and whether the server is read only; None is unknown."""
    lag, stopped = _lag(link, heartbeat)
    return {"lag_seconds": lag, "stopped": stopped, "read_only": _read_only(link)}


def behind(link: Link, called: str, heartbeat: str, limit_seconds: float) -> str:
    """Return what is to be known of an answer when the server is further behind than the limit, else nothing."""
    lag, stopped = _lag(link, heartbeat)
    if lag is not None and lag > limit_seconds:
        return f"{called} is {duration(lag)} behind: what changed since then is not in the answer."
    if lag is None and stopped:
        return f"{called} has stopped copying its primary: what changed since then is not in the answer."
    return ""


def duration(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> duration(59), duration(200), duration(12_000), duration(200_000)
    ('59 s', '3 min 20 s', '3 h 20 min', '2 d 7 h')
    """
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or first == len(parts) - 1)


def _lag(link: Link, heartbeat: str) -> tuple[float | None, bool | None]:
    if heartbeat:
        found = _asked(link, _HEARTBEAT.format(table=".".join(map(identifier, heartbeat.split(".")))))
        late = found[0]["late"] if found else None
        return (None if late is None else max(0.0, int(late) / 1e6)), None
    statements = (
        ("SHOW ALL SLAVES STATUS",) if "MariaDB" in link.version else ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
    )
    channels = next((found for each in statements if (found := _asked(link, each)) is not None), None)
    if not channels:
        # Not told, or it copies nobody.
        return None, None
    lags = [next((row[name] for name in _LAGS if row.get(name) is not None), None) for row in channels]
    stopped = any(row.get(name) == "No" for row in channels for name in _STANDS_STILL)
    return (None if None in lags else max(float(lag or 0) for lag in lags)), stopped


def _read_only(link: Link) -> bool | None:
    found = _asked(link, "SELECT @@global.read_only AS it")
    return found[0]["it"] in ("1", "ON") if found else None


def _asked(link: Link, statement: str) -> list[dict[str, str | None]] | None:
    """Return the rows of an answer by the columns' names, None when the account may not ask."""
    try:
        return link.table(statement)
    except SourceFailed:
        return None
