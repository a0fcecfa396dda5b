"""The SQL of notices.  Only `notices` and `mails` import it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Connection, Select, Text, any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.notebook_tables import notebook, notebook_comment, notice
from swap.db.report_tables import report_run
from swap.db.tables import person
from swap.identity import Principal, Via
from swap.notebooks.model import name_of

_author = person.alias("author")
_same = report_run.alias("same")


def _is_held(run: Any) -> Any:
    """Tell whether a run's edition is held, or was until somebody released it."""
    return run.is_held | run.released_at.is_not(None)


_ALIKE = (
    select(func.count())
    .where(
        _same.c.report_id == report_run.c.report_id,
        _same.c.batch == report_run.c.batch,
        _same.c.state == report_run.c.state,
        _is_held(_same.c) == _is_held(report_run.c),
        _same.c.said["title"].astext.is_not_distinct_from(report_run.c.said["title"].astext),
    )
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, with what it tells of as that is now."""

    id: int
    kind: str
    notebook_id: str
    path: str
    owner_id: str
    author: str
    at: datetime
    read: bool
    thread: str
    cell_id: str
    text: str
    """The comment's, if it is about one."""
    report_id: str = ""
    run_id: str = ""
    """The run of a report that it is about, if it is about one."""
    said: str = ""
    """Why that run ended as it did."""
    reason: str = ""
    alike: int = 1
    """How many runs of its backfill ended as that run did, for the same reason."""

    @property
    def name(self) -> str:
        """The notebook's name, without the folder, which is its owner's own affair."""
        return name_of(self.path)


def named(conn: Connection, names: Collection[str]) -> list[Principal]:
    """Return people of these names, which are in lower case; removed ones left out."""
    rows = conn.execute(
        select(person.c.id, person.c.name, person.c.groups).where(
            person.c.removed_at.is_(None), func.lower(person.c.name) == any_(literal(sorted(names), ARRAY(Text)))
        )
    )
    return [Principal(row.id, row.name, frozenset(row.groups), Via.PORTAL) for row in rows]


def unread(conn: Connection, kind: str, notebook_id: str, people: Collection[str]) -> set[str]:
    """Return who of some people has not read a notice of this kind of a notebook."""
    return set(
        conn.scalars(
            select(notice.c.person_id).where(
                notice.c.notebook_id == notebook_id,
                notice.c.kind == kind,
                notice.c.person_id == func.any(sorted(people)),
                notice.c.read_at.is_(None),
            )
        )
    )


def add(
    conn: Connection,
    kind: str,
    people: Sequence[str],
    notebook_id: str,
    comment_id: str | None,
    author_id: str,
    now: datetime,
) -> None:
    """Add a notice for each of some people; who has one of this comment keeps it."""
    rows = [
        {
            "person_id": each,
            "kind": kind,
            "notebook_id": notebook_id,
            "comment_id": comment_id,
            "author": author_id,
            "at": now,
            "due_at": now,
        }
        for each in people
    ]
    if rows:
        conn.execute(upsert(notice).on_conflict_do_nothing(), rows)


def add_of_run(
    conn: Connection,
    kind: str,
    people: Iterable[str],
    notebook_id: str,
    run_id: str,
    author_id: str,
    reason: str,
    now: datetime,
) -> None:
    """Add a notice of a run for each of some people; who has one of this kind of it keeps it."""
    about = {"kind": kind, "notebook_id": notebook_id, "run_id": run_id, "author": author_id, "reason": reason}
    rows = [{"person_id": each, "at": now, "due_at": now, **about} for each in sorted(people)]
    if rows:
        conn.execute(upsert(notice).on_conflict_do_nothing(), rows)


def told_of(
    conn: Connection,
    notebook_id: str,
    report_id: str,
    kinds: Collection[str],
    after: datetime,
    reason: str | None = None,
) -> bool:
    """Tell whether somebody was told of a run of a report after a moment, in one of these ways, for this reason."""
    wanted = _of_report(select(notice.c.id), notebook_id, report_id, kinds).where(notice.c.at > after)
    if reason is not None:
        wanted = wanted.where(notice.c.reason == reason)
    return conn.scalar(wanted.limit(1)) is not None


def last_told(conn: Connection, notebook_id: str, report_id: str, kind: str) -> datetime | None:
    """Return when somebody was told last of a run of a report in this way."""
    found: datetime | None = conn.scalar(_of_report(select(func.max(notice.c.at)), notebook_id, report_id, [kind]))
    return found


def _of_report(wanted: Select[Any], notebook_id: str, report_id: str, kinds: Collection[str]) -> Select[Any]:
    """Return what is wanted of the notices of a report's runs."""
    # Found by its notebook, of which there are few: a report may have had many thousand runs.
    its = notice.c.notebook_id == notebook_id, notice.c.kind.in_(kinds), report_run.c.report_id == report_id
    return wanted.join(report_run, report_run.c.id == notice.c.run_id).where(*its)


def page(conn: Connection, person_id: str, begins: int, limit: int) -> list[Notice]:
    """Return notices of a person, the newest first."""
    return _found(conn, _of(person_id).offset(begins).limit(limit))


def new(conn: Connection, person_id: str, limit: int) -> list[Notice]:
    """Return notices that a person has not read, the newest first."""
    return _found(conn, _of(person_id).where(notice.c.read_at.is_(None)).limit(limit))


def find(conn: Connection, person_id: str, notice_id: int) -> Notice | None:
    """Return a notice of a person."""
    return next(iter(_found(conn, _of(person_id).where(notice.c.id == notice_id))), None)


def by_ids(conn: Connection, person_id: str, ids: Collection[int]) -> list[Notice]:
    """Return those of some notices of a person that tell of something still, the newest first."""
    return _found(conn, _of(person_id).where(notice.c.id == func.any(sorted(ids))))


def _of(person_id: str) -> Any:
    """Return the notices of a person that tell of something that is there, the newest first."""
    return (
        select(
            notice.c.id,
            notice.c.kind,
            notice.c.notebook_id,
            notebook.c.path,
            notebook.c.person_id.label("owner_id"),
            _author.c.name.label("author"),
            notice.c.at,
            notice.c.read_at,
            notebook_comment.c.thread,
            notebook_comment.c.cell_id,
            notebook_comment.c.text,
            report_run.c.report_id,
            notice.c.run_id,
            report_run.c.said["title"].astext.label("said"),
            notice.c.reason,
            _ALIKE.label("alike"),
        )
        .select_from(notice)
        .join(notebook, notebook.c.id == notice.c.notebook_id)
        .join(_author, _author.c.id == notice.c.author)
        .outerjoin(notebook_comment, notebook_comment.c.id == notice.c.comment_id)
        .outerjoin(report_run, report_run.c.id == notice.c.run_id)
        .where(
            notice.c.person_id == person_id,
            notebook.c.deleted_at.is_(None),
            or_(notice.c.comment_id.is_(None), notebook_comment.c.text != ""),
        )
        .order_by(notice.c.id.desc())
    )


def _found(conn: Connection, wanted: Any) -> list[Notice]:
    return [
        Notice(
            row.id,
            row.kind,
            row.notebook_id,
            row.path,
            row.owner_id,
            row.author,
            row.at,
            row.read_at is not None,
            row.thread or "",
            row.cell_id or "",
            row.text or "",
            row.report_id or "",
            row.run_id or "",
            row.said or "",
            row.reason,
            row.alike,
        )
        for row in conn.execute(wanted)
    ]


def mark_read(conn: Connection, person_id: str, notice_id: int, now: datetime) -> None:
    """Mark a notice of a person as read."""
    _mark(conn, now, notice.c.person_id == person_id, notice.c.id == notice_id)


def mark_all_read(conn: Connection, person_id: str, now: datetime) -> None:
    """Mark all notices of a person as read."""
    _mark(conn, now, notice.c.person_id == person_id)


def _mark(conn: Connection, now: datetime, *which: Any) -> None:
    conn.execute(update(notice).where(*which, notice.c.read_at.is_(None)).values(read_at=now))


def choice(conn: Connection, person_id: str) -> str:
    """Return how a person is told by mail."""
    return str(conn.scalar(select(person.c.mail_choice).where(person.c.id == person_id)))


def choose(conn: Connection, person_id: str, wanted: str) -> None:
    """Let a person be told by mail in this way."""
    conn.execute(update(person).where(person.c.id == person_id).values(mail_choice=wanted))
