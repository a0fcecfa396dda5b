"""What people are told of: mentions, replies, comments, shares, offers, suggestions, what became of theirs; reports.

A notice holds no text.  Each time it is listed, counted or mailed, `shares.role` decides anew whether its person may
open the notebook, with the groups of now; without a role it is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from swap import audit
from swap.errors import Invalid, NotFound, Problem
from swap.identity import Principal, Via
from swap.notebooks import events, share_store, shares
from swap.notebooks import notice_store as store
from swap.notebooks.notice_store import Notice
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role

PAGE = 50
COUNTED = 100
"""New ones that are counted; where there are as many, the page says so."""
GONE = Problem("There is no such notice.", todo="Load the page again.")


class Kind(StrEnum):
    """What a notice tells of; of one comment each person has one, of the first kind that fits."""

    MENTION = "mention"
    REPLY = "reply"
    COMMENT = "comment"
    SHARE = "share"
    OFFER = "offer"
    SUGGESTION = "suggestion"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REPORT_FAILED = "report-failed"
    REPORT_REFUSED = "report-refused"
    REPORT_HELD = "report-held"
    REPORT_LATE = "report-late"
    REPORT_RECOVERED = "report-recovered"


TROUBLE = frozenset({Kind.REPORT_FAILED, Kind.REPORT_REFUSED, Kind.REPORT_HELD, Kind.REPORT_LATE})
"""After which somebody is told when it is over."""
OF_REPORTS = TROUBLE | {Kind.REPORT_RECOVERED}
AWAY = "away"
"""Why a run failed that lacked what comes back by itself; of many reports it is the same."""
MANAGERS = 50
"""Who are told of a report, beside its person and the notebook's owner."""


class Mail(StrEnum):
    """How somebody is told by mail."""

    AT_ONCE = "at-once"
    DAILY = "daily"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class About:
    """What there is to tell: of which notebook, which comment, if it is one, and who did it."""

    notebook_id: str
    comment_id: str | None
    author_id: str


def tell(conn: Connection, kind: Kind, people: Collection[str], about: About, now: datetime) -> None:
    """Tell people of something, but for who did it, and who was told of it and has not looked."""
    told = set(people) - {about.author_id}
    if about.comment_id is None:
        told -= store.unread(conn, kind.value, about.notebook_id, told)
    store.add(conn, kind.value, sorted(told), about.notebook_id, about.comment_id, about.author_id, now)


@dataclass(frozen=True, slots=True)
class OfRun:
    """What there is to tell of a run of a report, and why it ended so, as one word or text."""

    notebook_id: str
    report_id: str
    run_id: str
    person_id: str
    """Whom the report runs as."""
    owner_id: str
    """Whose the notebook is."""
    reason: str = ""


def tell_of_run(conn: Connection, kind: Kind, about: OfRun, now: datetime) -> None:
    """Tell whom a report runs as, who owns its notebook and who may manage it; of each run once in each way."""
    people = {about.person_id, about.owner_id, *(each.id for each in managers(conn, about.notebook_id, now))}
    store.add_of_run(conn, kind.value, people, about.notebook_id, about.run_id, about.person_id, about.reason, now)


def managers(conn: Connection, notebook_id: str, now: datetime) -> list[Principal]:
    """Return who may manage a notebook beside its owner; everyone's right to do so is nobody's task."""
    return share_store.managers(conn, notebook_id, now, MANAGERS)


def told_of(
    conn: Connection, notebook_id: str, report_id: str, kinds: Collection[Kind], after: datetime, reason: str = ""
) -> bool:
    """Tell whether somebody was told of a run of a report after a moment, for this reason if one is given."""
    return store.told_of(conn, notebook_id, report_id, [kind.value for kind in kinds], after, reason or None)


def last_recovered(conn: Connection, notebook_id: str, report_id: str) -> datetime | None:
    """Return when it was told last that a notebook's report runs well again."""
    return store.last_told(conn, notebook_id, report_id, Kind.REPORT_RECOVERED.value)


def who_may_open(conn: Connection, kept: Kept, names: Collection[str], now: datetime) -> set[str]:
    """Return the ids of those of these names, in lower case, who may open a notebook now.

    As much is asked for names that nobody has as for others.
    """
    people = store.named(conn, names)
    groups = {group for each in people for group in each.groups}
    given = share_store.reaching(conn, kept.notebook_id, [each.id for each in people], groups)
    return {each.id for each in people if shares.role(each, kept.owner_id, given, now) is not None}


def listed(conn: Connection, person: Principal, now: datetime, begins: int) -> tuple[list[Notice], bool]:
    """Return a page of what somebody is told, the newest first, from row `begins` on, and whether there is more."""
    found = store.page(conn, person.id, begins, PAGE + 1)
    return seen(conn, person, found[:PAGE], now), len(found) > PAGE


def count_new(conn: Connection, person: Principal, now: datetime) -> int:
    """Return how many notices somebody has not read, up to `COUNTED`."""
    found = store.new(conn, person.id, COUNTED)
    return len(seen(conn, person, found, now)) if found else 0


def seen(conn: Connection, person: Principal, found: Sequence[Notice], now: datetime) -> list[Notice]:
    """Return those of some notices that their person may see now."""
    given = share_store.concerning(conn, person, {each.notebook_id for each in found})
    return [each for each in found if _may_see(person, each, given[each.notebook_id], now)]


def _may_see(person: Principal, notice: Notice, given: Sequence[shares.Share], now: datetime) -> bool:
    if notice.kind == Kind.OFFER and not any(
        each.role is Role.OWN and each.kind is shares.Kind.PERSON and each.reaches(person, now) for each in given
    ):
        return False
    role = shares.role(person, notice.owner_id, given, now)
    for_managers = notice.kind == Kind.SUGGESTION or notice.kind in OF_REPORTS
    return role is not None and (not for_managers or role.includes(Role.MANAGE))


def follow(conn: Connection, person: Principal, notice_id: int, now: datetime) -> Notice:
    """Mark one of somebody's notices as read, and return it.  Raises NotFound."""
    found = store.find(conn, person.id, notice_id)
    if found is None or not seen(conn, person, [found], now):
        raise NotFound(GONE)
    store.mark_read(conn, person.id, notice_id, now)
    return found


def read_all(conn: Connection, person: Principal, now: datetime) -> None:
    """Mark all of somebody's notices as read."""
    store.mark_all_read(conn, person.id, now)


def choice(conn: Connection, person: Principal) -> Mail:
    """Return how somebody is told by mail."""
    return Mail(store.choice(conn, person.id))


def choose(conn: Connection, person: Principal, wanted: str) -> None:
    """Let somebody be told by mail as they want.  Raises Invalid."""
    try:
        chosen = Mail(wanted)
    except ValueError as error:
        raise Invalid(Problem("SWAP cannot read this form.", todo="Load the page again.")) from error
    store.choose(conn, person.id, chosen.value)
    audit.record(conn, events.MailChosen(person_id=person.id, via=person.via, mail=chosen.value))


def as_principal(person_id: str, name: str, groups: Collection[str]) -> Principal:
    """Return somebody who asks nothing, to decide what they would be shown at the portal."""
    return Principal(person_id, name, frozenset(groups), Via.PORTAL)
