"""Editions are brought to people by mail, and a webhook is told of runs.  One verb, one function, one transaction.

Who is mailed an edition is decided when it is sent: whoever may not open the notebook then gets nothing, whoever would
not see all of the edition on its page then gets its address alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from swap import audit
from swap.errors import Conflict, Forbidden, LimitExceeded, NotFound, NotSignedIn, Problem
from swap.identity import Principal, Via
from swap.notebooks import mails, sharing, shown
from swap.notebooks.notices import Mail
from swap.notebooks.shares import Kind
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.people import service as people
from swap.reports import delivery_store as store
from swap.reports import edition_store, hooks, service
from swap.reports import store as reports
from swap.reports.delivery_store import Call, Hook, Posted, Recipient
from swap.reports.events import (
    ReportMailWished,
    ReportRecipientAdded,
    ReportRecipientRemoved,
    ReportWebhookChanged,
)
from swap.reports.model import Report, Run
from swap.settings import Policy

REACHED: Final = 200
"""People to whom editions of one report are mailed."""
RECIPIENTS: Final = 50
"""Names of people and groups for that."""
OLD: Final = timedelta(days=2)
"""What could not be sent, or told, for so long is not any more; its page has it."""
LONGEST: Final = timedelta(hours=6)
"""Between two tries."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An edition that somebody is to be mailed now; nobody else mails it."""

    report: Report
    run: Run
    person_id: str
    local: str
    """What stands before the @ in their address."""
    name: str
    """The notebook's."""
    seen: Seen | None
    """The edition, if they may see all of it; otherwise they get its address."""


# ── When a run ends ─────────────────────────────────────────────────────────────────────────────────
def deliver(conn: Connection, report: Report, run: Run, now: datetime) -> None:
    """Let an edition be mailed, if it is about the newest period."""
    if edition_store.is_newest(conn, report.id, run.period):
        store.add_letters(conn, report.id, run.id, now, REACHED)


def call(conn: Connection, run: Run, event: str, now: datetime) -> None:
    """Let the report's webhook, if it has one, be told the state of a run."""
    store.add_call(conn, run.id, run.report_id, event, now)


# ── What the person does whom a report runs as ──────────────────────────────────────────────────────
def recipients(conn: Connection, report: Report) -> list[Recipient]:
    """Return to whom editions of a report are mailed."""
    return store.recipients(conn, report.id)


def add(conn: Connection, person: Principal, report_id: str, kind: Kind, whom: str, now: datetime) -> None:
    """Let editions be mailed to a person or a group that may open the notebook.

    Raises NotFound, Forbidden, Conflict, LimitExceeded.
    """
    report = service.mine(conn, person, report_id, now)
    if not _may_open(conn, report.notebook_id, kind, whom, now):
        # As much is said of somebody who is not there.
        raise Forbidden(
            Problem(
                "They may not open this notebook.",
                why="Editions are mailed to those who may open it, and to groups that it is shared with.",
                todo="Share the notebook with them first.",
            )
        )
    if len(store.recipients(conn, report.id)) >= RECIPIENTS:
        raise LimitExceeded(
            Problem(f"A report is mailed to {RECIPIENTS} people and groups at most.", todo="Choose a group instead.")
        )
    if not store.put(conn, report.id, kind, whom, now):
        return
    if store.reached(conn, report.id, REACHED + 1) > REACHED:
        raise LimitExceeded(
            Problem(
                f"These would be more than {REACHED} people.",
                why="This is the most a report is mailed to.",
                todo="Let the others look at the report's page. Nothing was changed.",
            )
        )
    audit.record(
        conn,
        ReportRecipientAdded(person_id=person.id, via=person.via, report_id=report.id, kind=kind.value, whom=whom),
    )


def remove(conn: Connection, person: Principal, report_id: str, kind: Kind, whom: str, now: datetime) -> None:
    """Let editions not be mailed to a person or a group any more.  Raises NotFound, Forbidden, Conflict."""
    report = service.mine(conn, person, report_id, now)
    if store.remove(conn, report.id, kind, whom):
        audit.record(
            conn,
            ReportRecipientRemoved(
                person_id=person.id, via=person.via, report_id=report.id, kind=kind.value, whom=whom
            ),
        )


def decline(conn: Connection, person: Principal, report_id: str, now: datetime) -> None:
    """Let a report not be mailed to oneself, whoever names one or a group that one is of.

    Raises NotFound; Conflict where it is not mailed.
    """
    report = service.look(conn, person, report_id, now).report
    if wishes(conn, person, report.id) is not True:
        raise Conflict(Problem("This report is not mailed to you.", todo="Load the page again."))
    store.decline(conn, report.id, person.id, now)
    _record_wish(conn, person, report.id, wants=False)


def want(conn: Connection, person: Principal, report_id: str, now: datetime) -> None:
    """Let a report be mailed to oneself again.  Raises NotFound; Conflict for who has not declined it."""
    report = service.look(conn, person, report_id, now).report
    if not store.want(conn, report.id, person.id):
        raise Conflict(Problem("You have not ended that this report is mailed to you.", todo="Load the page again."))
    _record_wish(conn, person, report.id, wants=True)


def wishes(conn: Connection, person: Principal, report_id: str) -> bool | None:
    """Tell whether somebody wants a report that is mailed to them or a group of theirs; None where it is not."""
    is_named, has_declined = store.reaches(conn, report_id, person.id)
    return not has_declined if is_named else None


def _record_wish(conn: Connection, person: Principal, report_id: str, *, wants: bool) -> None:
    audit.record(conn, ReportMailWished(person_id=person.id, via=person.via, report_id=report_id, wants=wants))


def webhook(conn: Connection, report: Report) -> Hook | None:
    """Return the address that is told of a report's runs, which may hold a secret of its host's; and its answer."""
    return store.webhook(conn, report.id)


def put_webhook(
    conn: Connection, person: Principal, report_id: str, url: str, hosts: Collection[str], now: datetime
) -> None:
    """Let an address be told of a report's runs, or none.  Raises NotFound, Forbidden, Conflict, Invalid."""
    report = service.mine(conn, person, report_id, now)
    host = ""
    if url:
        host = hooks.read(url, hosts).host
        store.put_webhook(conn, report.id, url)
    elif not store.remove_webhook(conn, report.id):
        return
    audit.record(conn, ReportWebhookChanged(person_id=person.id, via=person.via, report_id=report.id, host=host))


def _may_open(conn: Connection, notebook_id: str, kind: Kind, whom: str, now: datetime) -> bool:
    """Tell whether somebody may open a notebook: a person as they are, a group if it is shared with the group."""
    if kind is Kind.GROUP:
        reader = Principal("", whom, frozenset({whom}), Via.PORTAL) if people.is_group(conn, whom) else None
    else:
        found = people.find_person(conn, whom) if kind is Kind.PERSON else None
        reader = None if found is None else Principal(found.id, found.name, found.groups, Via.PORTAL)
    return reader is not None and _opened(conn, reader, notebook_id, now) is not None


def _opened(conn: Connection, reader: Principal, notebook_id: str, now: datetime) -> Opened | None:
    try:
        return sharing.open_(conn, reader, notebook_id, now)
    except NotFound:
        return None


# ── What the errand does ────────────────────────────────────────────────────────────────────────────
def waiting(conn: Connection, now: datetime) -> list[tuple[str, str]]:
    """Return the run and the person of each letter that may have to be sent."""
    return store.waiting(conn, now)


def claim(
    conn: Connection, policy: Policy, run_id: str, person_id: str, zone: ZoneInfo, now: datetime
) -> Letter | None:
    """Take a letter that is to be sent now, so that nobody else sends it; None when none is.

    To whom the report is not mailed any more, who may not open the notebook, wants no mail or cannot be sent any,
    nothing is sent.
    """
    posted = store.hold(conn, run_id, person_id, now)
    if posted is None:
        return None
    if posted.choice == Mail.DAILY and posted.at > mails.last_morning(zone, now):
        store.put_off(conn, run_id, person_id, mails.next_morning(zone, now))
        return None
    letter = _letter(conn, policy, posted, now)
    if letter is None:
        store.drop(conn, run_id, person_id)
    else:
        store.mark_sending(conn, run_id, person_id)
    return letter


def _letter(conn: Connection, policy: Policy, posted: Posted, now: datetime) -> Letter | None:
    reader = posted.reader
    if posted.choice == Mail.NONE or not posted.is_recipient or posted.at < now - OLD:
        return None
    held, run = reports.find(conn, posted.report_id), reports.run(conn, posted.run_id)
    if held is None or run is None or not mails.is_local(reader.name):
        return None
    opened = _opened(conn, reader, held.report.notebook_id, now)
    if opened is None:
        return None
    seen = _sees_all(conn, policy, reader, service.Looked(held, opened, reader.id), run, now)
    if seen is not None:
        sharing.read(conn, reader, opened, "mail", 0)
    return Letter(held.report, run, reader.id, reader.name, opened.name, seen)


def _sees_all(
    conn: Connection, policy: Policy, reader: Principal, looked: service.Looked, run: Run, now: datetime
) -> Seen | None:
    """Return an edition if somebody would see all of it on its page now; whoever is signed out sees nothing there."""
    try:
        people.again(conn, reader, now)
        seen = service.see(conn, policy, reader, looked, run, now)
    except (NotSignedIn, NotFound):
        return None
    return None if seen.hidden else seen


def document(conn: Connection, seen: Seen) -> bytes:
    """Return an edition as a file."""
    return shown.written(conn, seen)


def sent(conn: Connection, letter: Letter) -> None:
    """Record that the server has taken a letter."""
    store.mark_sent(conn, letter.run.id, letter.person_id)


def not_taken(conn: Connection, letter: Letter, now: datetime) -> None:
    """Put back what the server has certainly not taken; the next try is later each time."""
    store.put_back(conn, letter.run.id, letter.person_id, now, LONGEST)


def claim_call(conn: Connection, now: datetime) -> Call | None:
    """Take a call that is to be made now; unless it is ended, it is due again later, and later each time."""
    return store.claim_call(conn, now, LONGEST)


def end_call(conn: Connection, made: Call, *, answered: bool) -> None:
    """Record that a webhook was told, or will not be."""
    store.end_call(conn, made, "sent" if answered else "dropped")


def heard(conn: Connection, made: Call, answer: str, now: datetime) -> None:
    """Keep what a webhook answered last: a status, or the kind of an error, and no word of the host's."""
    store.put_answer(conn, made, answer, now)
