"""What is told by mail: whom, of which notices, and in which words.  No comment, nothing of a notebook, no data.

Of a run of a report that failed a mail says which cell, and the kind of error: never an error's text.

A notice is its own row of the outbox.  It is `sending` in the database before the server is spoken to, and what is so
is never sent again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from swap.notebooks import mail_store as store
from swap.notebooks import notices
from swap.notebooks.notice_store import Notice, by_ids
from swap.notebooks.notices import Kind, Mail

OLD = timedelta(days=2)
"""What could not be told by mail for so long is not told so any more; the portal has it."""
MORNING = time(7)
"""In the site's zone: when those are told who want to be once a day."""
PAUSE = timedelta(minutes=10)
"""Between two mails to one person, however much is written to them."""
LONGEST = timedelta(hours=6)
"""Between two tries."""
NAME_LENGTH = 80
SAID_LENGTH = 150
LISTED = 30
"""Notices that a mail names; of more it says how many."""
_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?")
_WORDS = {
    Kind.MENTION: "{author} mentions you in {name}",
    Kind.REPLY: "{author} replies in {name}",
    Kind.COMMENT: "{author} comments on {name}",
    Kind.SHARE: "{author} shares {name} with you",
    Kind.OFFER: "{author} offers you {name}",
    Kind.SUGGESTION: "{author} suggests a change to {name}",
    Kind.ACCEPTED: "{author} accepts what you suggested to {name}",
    Kind.DECLINED: "{author} declines what you suggested to {name}",
    Kind.REPORT_FAILED: "The report {name} failed{said}",
    Kind.REPORT_REFUSED: "The report {name} was not run{said}",
    Kind.REPORT_HELD: "The report {name} is held{said}",
    Kind.REPORT_LATE: "The report {name} still waits for its data",
    Kind.REPORT_RECOVERED: "The report {name} runs well again",
}

_MANY = {
    Kind.REPORT_FAILED: "The report {name} failed for {count} periods{said}",
    Kind.REPORT_REFUSED: "The report {name} was not run for {count} periods{said}",
    Kind.REPORT_HELD: "The report {name} is held for {count} periods{said}",
}
"""Of a backfill."""


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody is told in one mail."""

    person_id: str
    local: str
    """What stands before the @ in their address."""
    notices: tuple[Notice, ...]

    @property
    def ids(self) -> list[int]:
        """The notices' ids."""
        return [each.id for each in self.notices]


def waiting(conn: Connection, now: datetime) -> list[str]:
    """Return the ids of people who may have to be told of something."""
    return store.waiting(conn, now)


def claim(conn: Connection, person_id: str, zone: ZoneInfo, now: datetime) -> Due | None:
    """Take what somebody is to be told now, so that nobody else tells it; None when it is nothing.

    What they have read, may not see now, do not want or cannot be sent is never mailed.
    """
    found = store.hold(conn, person_id, now)
    if not found.ids:
        return None
    last = store.last(conn, person_id)
    if last is not None and last + PAUSE > now:
        store.put_off(conn, found.ids.keys(), last + PAUSE)
        return None
    until = last_morning(zone, now) if found.choice == Mail.DAILY else now
    # What was told for a reason since the last morning is told again in the next one, with all that failed for it.
    reasons, told_for = found.reasons, store.told(conn, person_id, {*found.reasons.values()}, last_morning(zone, now))
    again = {each for each, reason in reasons.items() if reason in told_for}
    store.put_off(conn, again, next_morning(zone, now))
    # Until the next morning comes, nothing of what happened since the last one is due.
    store.put_off(conn, [each for each, at in found.ids.items() if at > until], next_morning(zone, now))
    ready = {each for each, at in found.ids.items() if now - OLD <= at <= until} - again
    wanted = found.choice != Mail.NONE and is_local(found.name)
    person = notices.as_principal(person_id, found.name, found.groups)
    told = notices.seen(conn, person, by_ids(conn, person_id, ready), now) if wanted and ready else []
    shown = tuple(each for each in told if not each.read)
    over = {each for each, at in found.ids.items() if at <= until} - again - {each.id for each in shown}
    store.drop(conn, over)
    if not shown:
        return None
    due = Due(person_id, found.name, shown)
    store.mark_sending(conn, due.ids, now)
    return due


def sent(conn: Connection, due: Due) -> None:
    """Record that the server has taken a mail."""
    store.mark_sent(conn, due.ids)


def not_taken(conn: Connection, due: Due, now: datetime) -> None:
    """Put back what the server has certainly not taken; the next try is later each time."""
    store.put_back(conn, due.ids, now, LONGEST)


def is_local(name: str) -> bool:
    r"""Tell whether a person's name can stand before the @ of an address.

    >>> is_local("ann.b"), is_local("ann@evil"), is_local("ann\nBcc: eve"), is_local("a..b")
    (True, False, False, False)
    """
    return _LOCAL.fullmatch(name) is not None and ".." not in name


def last_morning(zone: ZoneInfo, now: datetime) -> datetime:
    """Return the last moment at which those were told who want to be once a day."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), MORNING, zone)
    return today if today <= local else datetime.combine(local.date() - timedelta(days=1), MORNING, zone)


def next_morning(zone: ZoneInfo, now: datetime) -> datetime:
    """Return the next such moment."""
    last = last_morning(zone, now)
    return datetime.combine(last.date() + timedelta(days=1), MORNING, zone)


def letter(due: Due, sender: str, domain: str, url: str, now: datetime) -> EmailMessage:
    """Return the mail: who did what in which notebook, and where it stands."""
    made = EmailMessage()
    lines = [words(each) for each in due.notices]
    made["Subject"] = _subject(due.notices, lines)
    local, _, host = sender.partition("@")
    made["From"] = Address("SWAP", local, host)
    made["To"] = Address(username=due.local, domain=domain)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{due.person_id}.{due.ids[0]}.{len(due.ids)}@{host}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_body(due.notices, lines, url), cte="quoted-printable")
    return made


def words(notice: Notice) -> str:
    """Return one notice as a line."""
    said = f": {line(notice.said, SAID_LENGTH).rstrip('. ')}" if notice.said else ""
    kind, count = Kind(notice.kind), f"{notice.alike:,}"
    shown = _MANY.get(kind, _WORDS[kind]) if notice.alike > 1 else _WORDS[kind]
    return shown.format(author=line(notice.author), name=line(notice.name), said=said, count=count)


def line(text: str, length: int = NAME_LENGTH) -> str:
    r"""Return a text as a header may have it: one line of what can be printed, not too long.

    >>> line("a\r\nBcc: eve"), line("abcd", 3)
    ('a  Bcc: eve', 'abc…')
    """
    shown = "".join(each if each.isprintable() else " " for each in text[: length + 1])
    return shown if len(text) <= length else f"{shown[:length]}…"


def _subject(told: Sequence[Notice], lines: Sequence[str]) -> str:
    if len(lines) == 1:
        return lines[0]
    if all(each.kind == Kind.REPORT_FAILED and each.reason == notices.AWAY for each in told):
        return f"{len(lines)} reports failed, for something they need was away"
    return f"{len(lines)} new on SWAP"


def _body(told: Sequence[Notice], lines: Sequence[str], url: str) -> str:
    parts = [f"{line}:\n{url}{path(each)}\n" for each, line in zip(told[:LISTED], lines, strict=False)]
    if len(told) > LISTED:
        parts.append(f"And {len(told) - LISTED} more.\n")
    parts.append(f"All of it, and how you are told: {url}/notices\n")
    return "\n".join(parts)


def path(notice: Notice) -> str:
    """Return where in the portal stands what a notice is about."""
    if notice.kind in notices.OF_REPORTS:
        return f"/reports/{notice.report_id}/runs/{notice.run_id}"
    home = f"/n/{notice.notebook_id}"
    if notice.kind == Kind.SUGGESTION:
        return f"{home}/suggestions"
    return f"{home}/comments?thread={notice.thread}" if notice.thread else home
