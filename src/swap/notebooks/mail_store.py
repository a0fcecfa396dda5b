"""The SQL of the outbox, whose rows are notices.  Only `mails` imports it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, Interval, func, literal, select, update

from swap.db.notebook_tables import notice
from swap.db.tables import person

PEOPLE = 200
"""Who are told in one run."""
AT_ONCE = 500
"""Notices of one person that are looked at in one run."""


@dataclass(frozen=True, slots=True)
class Held:
    """Notices of one person that are due, each with its moment, and what of the person decides on them."""

    name: str
    groups: frozenset[str]
    choice: str
    ids: Mapping[int, datetime]
    reasons: Mapping[int, str]
    """Of those that have one: what is told once for it is told again only once a day."""


def waiting(conn: Connection, now: datetime) -> list[str]:
    """Return the ids of people with notices that are due."""
    wanted = select(notice.c.person_id).where(*_is_due(now)).group_by(notice.c.person_id)
    return list(conn.scalars(wanted.order_by(func.min(notice.c.due_at)).limit(PEOPLE)))


def hold(conn: Connection, person_id: str, now: datetime) -> Held:
    """Return a person's due notices, held until the transaction ends, but for those that somebody else holds.

    Of a person who was removed there is nobody to tell: their choice is none.
    """
    who = conn.execute(
        select(person.c.name, person.c.groups, person.c.mail_choice, person.c.removed_at).where(
            person.c.id == person_id
        )
    ).one()
    rows = conn.execute(
        select(notice.c.id, notice.c.at, notice.c.reason)
        .where(notice.c.person_id == person_id, *_is_due(now))
        .order_by(notice.c.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    choice = who.mail_choice if who.removed_at is None else "none"
    reasons = {row.id: row.reason for row in rows if row.reason}
    return Held(who.name, frozenset(who.groups), choice, {row.id: row.at for row in rows}, reasons)


def _is_due(now: datetime) -> tuple[Any, ...]:
    return notice.c.mail == "waiting", notice.c.due_at <= now


def put_off(conn: Connection, ids: Collection[int], until: datetime) -> None:
    """Let notices be due later."""
    _set(conn, ids, {"due_at": until})


def drop(conn: Connection, ids: Collection[int]) -> None:
    """Let notices not be told by mail."""
    _set(conn, ids, {"mail": "dropped"})


def last(conn: Connection, person_id: str) -> datetime | None:
    """Return when a person was told something last, or may have been."""
    moment: datetime | None = conn.scalar(
        select(func.max(notice.c.due_at)).where(notice.c.person_id == person_id, notice.c.mail.in_(("sending", "sent")))
    )
    return moment


def told(conn: Connection, person_id: str, reasons: Collection[str], since: datetime) -> set[str]:
    """Return for which of some reasons a person was told something since a moment, or may have been."""
    if not reasons:
        return set()
    wanted = select(notice.c.reason).where(
        notice.c.person_id == person_id,
        notice.c.reason.in_(reasons),
        notice.c.mail.in_(("sending", "sent")),
        notice.c.due_at >= since,
    )
    return set(conn.scalars(wanted))


def mark_sending(conn: Connection, ids: Collection[int], now: datetime) -> None:
    """Say that notices are being told, now."""
    _set(conn, ids, {"mail": "sending", "tries": notice.c.tries + 1, "due_at": now})


def mark_sent(conn: Connection, ids: Collection[int]) -> None:
    """Say that notices were told."""
    _set(conn, ids, {"mail": "sent"})


def put_back(conn: Connection, ids: Collection[int], now: datetime, longest: timedelta) -> None:
    """Let notices be told again: after a minute, then after twice as long each time, up to `longest`."""
    seconds = func.least(func.power(2.0, notice.c.tries - 1) * 60, longest.total_seconds())
    later = func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval())
    _set(conn, ids, {"mail": "waiting", "due_at": literal(now, DateTime(timezone=True)) + later})


def _set(conn: Connection, ids: Collection[int], values: Mapping[str, Any]) -> None:
    if ids:
        conn.execute(update(notice).where(notice.c.id == func.any(sorted(ids))).values(values))
