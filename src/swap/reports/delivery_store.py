"""The SQL of delivery: who gets editions, letters, webhooks.  Only `delivering` and `owners` import it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Interval,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.client.period import Interval as Period
from swap.db.report_tables import (
    report,
    report_call,
    report_declined,
    report_letter,
    report_recipient,
    report_run,
    report_webhook,
)
from swap.db.tables import person
from swap.identity import Principal, Via
from swap.notebooks.shares import Kind

WAITING: Final = 500
"""Letters, and calls, of one errand."""
_to = report_recipient.c
_REACHED = or_(
    and_(_to.kind == Kind.PERSON.value, _to.whom == person.c.id),
    and_(_to.kind == Kind.GROUP.value, _to.whom == func.any(person.c.groups)),
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, by their id, or a group, by its name, to whom editions are mailed."""

    kind: Kind
    whom: str
    name: str
    has_declined: bool = False
    """Whether they do not want it; of a group that is its members' own affair."""


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that is told of runs, and what it answered last, as SWAP says it."""

    url: str
    answer: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter that is due, held, and what of its reader decides on it."""

    run_id: str
    report_id: str
    reader: Principal
    choice: str
    """How they want to be told by mail; of a person who was removed not at all."""
    is_recipient: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """What a webhook is to be told: the state of a run."""

    run_id: str
    report_id: str
    event: str
    period: Period
    url: str | None
    """Where; none when it was taken away meanwhile."""
    at: datetime


def recipients(conn: Connection, report_id: str) -> list[Recipient]:
    """Return to whom editions of a report are mailed: people, then groups, by name."""
    name = case((_to.kind == Kind.PERSON.value, person.c.name), else_=_to.whom)
    declined = (
        select(report_declined.c.person_id)
        .where(report_declined.c.report_id == report_id, report_declined.c.person_id == _to.whom)
        .exists()
    )
    rows = conn.execute(
        select(_to.kind, _to.whom, name.label("name"), declined.label("has_declined"))
        .outerjoin(person, and_(_to.kind == Kind.PERSON.value, person.c.id == _to.whom))
        .where(_to.report_id == report_id)
        .order_by(_to.kind.desc(), func.lower(name))
    )
    return [Recipient(Kind(row.kind), row.whom, row.name or row.whom, row.has_declined) for row in rows]


def put(conn: Connection, report_id: str, kind: Kind, whom: str, now: datetime) -> bool:
    """Let editions be mailed to somebody; tell whether this is new."""
    wanted = upsert(report_recipient).values(report_id=report_id, kind=kind.value, whom=whom, at=now)
    return conn.execute(wanted.on_conflict_do_nothing()).rowcount == 1


def remove(conn: Connection, report_id: str, kind: Kind, whom: str) -> bool:
    """Let them not be mailed to somebody any more; tell whether they were."""
    there = _to.report_id == report_id, _to.kind == kind.value, _to.whom == whom
    return conn.execute(delete(report_recipient).where(*there)).rowcount == 1


def reaches(conn: Connection, report_id: str, person_id: str) -> tuple[bool, bool]:
    """Tell whether a report is mailed to a person or a group of theirs, and whether they do not want it."""
    wanted = select(_is_named(report_id), _has_declined(report_id)).where(person.c.id == person_id)
    row = conn.execute(wanted).one_or_none()
    return (False, False) if row is None else (row[0], row[1])


def decline(conn: Connection, report_id: str, person_id: str, now: datetime) -> None:
    """Let a report not be mailed to a person, whoever names them or a group of theirs."""
    wanted = upsert(report_declined).values(report_id=report_id, person_id=person_id, at=now)
    conn.execute(wanted.on_conflict_do_nothing())


def want(conn: Connection, report_id: str, person_id: str) -> bool:
    """Let a report be mailed to a person again where it is; tell whether they had declined."""
    mine = report_declined.c.report_id == report_id, report_declined.c.person_id == person_id
    return conn.execute(delete(report_declined).where(*mine)).rowcount == 1


def reached(conn: Connection, report_id: str, limit: int) -> int:
    """Return how many people editions of a report are mailed to, up to a number."""
    wanted = select(person.c.id).where(person.c.removed_at.is_(None), _is_reached(report_id)).limit(limit)
    return conn.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def _is_reached(report_id: Any) -> ColumnElement[bool]:
    return _is_named(report_id) & ~_has_declined(report_id)


def _is_named(report_id: Any) -> ColumnElement[bool]:
    return select(_to.whom).where(_to.report_id == report_id, _REACHED).correlate_except(report_recipient).exists()


def _has_declined(report_id: Any) -> ColumnElement[bool]:
    by = report_declined.c
    return (
        select(by.person_id)
        .where(by.report_id == report_id, by.person_id == person.c.id)
        .correlate_except(report_declined)
        .exists()
    )


# ── Letters ─────────────────────────────────────────────────────────────────────────────────────────
def add_letters(conn: Connection, report_id: str, run_id: str, now: datetime, limit: int) -> None:
    """Let an edition be mailed to each person whom its report is mailed to at this moment; once."""
    people = (
        select(
            literal(run_id).label("run_id"),
            person.c.id,
            literal(now, DateTime(timezone=True)).label("at"),
            literal(now, DateTime(timezone=True)).label("due_at"),
        )
        .where(person.c.removed_at.is_(None), _is_reached(report_id))
        .order_by(person.c.id)
        .limit(limit)
    )
    wanted = upsert(report_letter).from_select(["run_id", "person_id", "at", "due_at"], people)
    conn.execute(wanted.on_conflict_do_nothing())


def waiting(conn: Connection, now: datetime) -> list[tuple[str, str]]:
    """Return the run and the person of each letter that is due, those of one run together."""
    letter = report_letter.c
    wanted = select(letter.run_id, letter.person_id).where(letter.state == "waiting", letter.due_at <= now)
    rows = conn.execute(wanted.order_by(letter.at, letter.run_id, letter.person_id).limit(WAITING))
    return [(row.run_id, row.person_id) for row in rows]


def hold(conn: Connection, run_id: str, person_id: str, now: datetime) -> Posted | None:
    """Return a letter that is due, held until the transaction ends; None when somebody else holds it."""
    letter = report_letter.c
    row = conn.execute(
        select(
            letter.at,
            report.c.id,
            person.c.name,
            person.c.groups,
            person.c.mail_choice,
            person.c.removed_at,
            _is_reached(report.c.id).label("is_recipient"),
        )
        .select_from(report_letter)
        .join(report_run, report_run.c.id == letter.run_id)
        .join(report, report.c.id == report_run.c.report_id)
        .join(person, person.c.id == letter.person_id)
        .where(*_letter(run_id, person_id), letter.state == "waiting", letter.due_at <= now)
        .with_for_update(of=report_letter, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    choice = row.mail_choice if row.removed_at is None else "none"
    reader = Principal(person_id, row.name, frozenset(row.groups), Via.PORTAL)
    return Posted(run_id, row.id, reader, choice, row.is_recipient, row.at)


def put_off(conn: Connection, run_id: str, person_id: str, until: datetime) -> None:
    """Let a letter be due later."""
    _set_letter(conn, run_id, person_id, due_at=until)


def drop(conn: Connection, run_id: str, person_id: str) -> None:
    """Let a letter not be sent."""
    _set_letter(conn, run_id, person_id, state="dropped")


def mark_sending(conn: Connection, run_id: str, person_id: str) -> None:
    """Say that a letter is being sent."""
    _set_letter(conn, run_id, person_id, state="sending", tries=report_letter.c.tries + 1)


def mark_sent(conn: Connection, run_id: str, person_id: str) -> None:
    """Say that a letter was sent."""
    _set_letter(conn, run_id, person_id, state="sent")


def put_back(conn: Connection, run_id: str, person_id: str, now: datetime, longest: timedelta) -> None:
    """Let a letter be sent again: after a minute, then after twice as long each time, up to `longest`."""
    _set_letter(conn, run_id, person_id, state="waiting", due_at=_later(now, report_letter.c.tries - 1, longest))


def _letter(run_id: str, person_id: str) -> Sequence[ColumnElement[bool]]:
    return report_letter.c.run_id == run_id, report_letter.c.person_id == person_id


def _set_letter(conn: Connection, run_id: str, person_id: str, **values: Any) -> None:
    conn.execute(update(report_letter).where(*_letter(run_id, person_id)).values(**values))


# ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────
def webhook(conn: Connection, report_id: str) -> Hook | None:
    """Return the address that is told of a report's runs."""
    its = report_webhook.c
    row = conn.execute(select(its.url, its.answer, its.answered_at).where(its.report_id == report_id)).one_or_none()
    return None if row is None else Hook(row.url, row.answer, row.answered_at)


def put_answer(conn: Connection, made: Call, answer: str, now: datetime) -> None:
    """Keep what a webhook answered, unless another address took its place meanwhile."""
    there = report_webhook.c.report_id == made.report_id, report_webhook.c.url == made.url
    conn.execute(update(report_webhook).where(*there).values(answer=answer, answered_at=now))


def put_webhook(conn: Connection, report_id: str, url: str) -> None:
    """Let an address be told of a report's runs, in the place of another."""
    wanted = upsert(report_webhook).values(report_id=report_id, url=url)
    new = {"url": url, "answer": None, "answered_at": None}
    conn.execute(wanted.on_conflict_do_update(index_elements=[report_webhook.c.report_id], set_=new))


def remove_webhook(conn: Connection, report_id: str) -> bool:
    """Let no address be told of them; tell whether one was."""
    return conn.execute(delete(report_webhook).where(report_webhook.c.report_id == report_id)).rowcount == 1


def add_call(conn: Connection, run_id: str, report_id: str, event: str, now: datetime) -> None:
    """Let the address of a report, if it has one, be told the state of a run; once for each state."""
    if webhook(conn, report_id) is not None:
        wanted = upsert(report_call).values(run_id=run_id, event=event, at=now, due_at=now)
        conn.execute(wanted.on_conflict_do_nothing())


def claim_call(conn: Connection, now: datetime, longest: timedelta) -> Call | None:
    """Take the first call that is due, so that nobody else makes it before it is due again; None without one."""
    call = report_call.c
    first = (
        select(call.run_id, call.event)
        .where(call.state == "waiting", call.due_at <= now)
        .order_by(call.due_at, call.run_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = conn.execute(first).one_or_none()
    if found is None:
        return None
    there = call.run_id == found.run_id, call.event == found.event
    conn.execute(
        update(report_call).where(*there).values(tries=call.tries + 1, due_at=_later(now, call.tries, longest))
    )
    row = conn.execute(
        select(
            report_run.c.report_id, report_run.c.period_start, report_run.c.period_end, report_webhook.c.url, call.at
        )
        .select_from(report_call)
        .join(report_run, report_run.c.id == call.run_id)
        .outerjoin(report_webhook, report_webhook.c.report_id == report_run.c.report_id)
        .where(*there)
    ).one()
    period = Period(row.period_start, row.period_end)
    return Call(found.run_id, row.report_id, found.event, period, row.url, row.at)


def end_call(conn: Connection, made: Call, state: str) -> None:
    """Say that a call was made, or will not be."""
    there = report_call.c.run_id == made.run_id, report_call.c.event == made.event
    conn.execute(update(report_call).where(*there).values(state=state))


def _later(now: datetime, tries: Any, longest: timedelta) -> Any:
    seconds = func.least(func.power(2.0, tries) * 60, longest.total_seconds())
    return literal(now, DateTime(timezone=True)) + func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval())
