"""SQL for people, sign-ins, portal sessions and launched servers.  Keeps digests; a secret is nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.report_tables import report, report_run
from swap.db.tables import jupyter_server, person, person_group, portal_session, sign_in, system_user
from swap.people.model import Access, LaunchedServer, Person, Standing

_PERSON = (person.c.id, person.c.name, person.c.groups, person.c.epoch, person.c.password_mark)
_LIVE = (
    person.c.removed_at.is_(None)
    & exists().where(
        sign_in.c.person_id == person.c.id, sign_in.c.ended_at.is_(None), sign_in.c.expires_at > bindparam("now")
    )
).label("live")
"""Whether the person of a row may act at the moment `now`: signed in, and not removed."""
# Asked with each request: put together once, for that takes as long as asking.
_STANDING = select(*_PERSON, _LIVE).where(person.c.id == bindparam("person_id"))
_RUN = (
    select(*_PERSON)
    .join(report, report.c.person_id == person.c.id)
    .join(report_run, report_run.c.report_id == report.c.id)
    .where(
        person.c.id == bindparam("person_id"),
        person.c.removed_at.is_(None),
        person.c.standing == report.c.standing,
        report.c.groups.contained_by(person.c.groups),
        report.c.state != "ended",
        report_run.c.id == bindparam("run_id"),
        report_run.c.state == "running",
        report_run.c.epoch == bindparam("epoch"),
        report_run.c.lease_until > bindparam("now"),
    )
)
"""The person of a run that is claimed in an epoch, as long as they are what they were when it was scheduled."""
_PORTAL_SESSION = (
    select(*_PERSON, _LIVE, portal_session.c.csrf)
    .select_from(portal_session)
    .join(person, person.c.id == portal_session.c.person_id)
    .where(
        portal_session.c.digest == bindparam("shown"),
        portal_session.c.ended_at.is_(None),
        portal_session.c.expires_at > bindparam("now"),
    )
)
_SERVER = (
    select(jupyter_server.c.person_id, jupyter_server.c.id, person.c.epoch, _LIVE)
    .join(person, person.c.id == jupyter_server.c.person_id)
    .where(jupyter_server.c.credential_digest == bindparam("shown"), jupyter_server.c.ended_at.is_(None))
)


def digest(secret: str) -> bytes:
    """Return what is kept of a random secret.  Not for passwords: those need a slow hash."""
    return hashlib.sha256(secret.encode("utf-8")).digest()


def _person(row: Any) -> Person:
    return Person(row.id, row.name, frozenset(row.groups), row.epoch, row.password_mark)


def find_by_key(conn: Connection, directory_key: str) -> Person | None:
    """Return the person with this key who was not removed; locks the row until the transaction ends."""
    row = conn.execute(
        select(*_PERSON)
        .where(person.c.directory_key == directory_key, person.c.removed_at.is_(None))
        .with_for_update(),
    ).one_or_none()
    return None if row is None else _person(row)


def find(conn: Connection, person_id: str) -> Person | None:
    """Return the person who was not removed."""
    row = conn.execute(
        select(*_PERSON).where(person.c.id == person_id, person.c.removed_at.is_(None)),
    ).one_or_none()
    return None if row is None else _person(row)


def find_all(conn: Connection, directory: str, acting_at: datetime | None = None) -> dict[str, Person]:
    """Return directory key → person, for keys that begin with `directory`, removed people left out.

    With a moment, only those who were signed in then, whose server runs, or who have a report.
    """
    wanted = select(person.c.directory_key, *_PERSON).where(
        person.c.removed_at.is_(None), person.c.directory_key.startswith(directory, autoescape=True)
    )
    if acting_at is not None:
        runs = exists().where(jupyter_server.c.person_id == person.c.id, jupyter_server.c.ended_at.is_(None))
        # One that runs for them as they are now; of reports the hub may read no more than this.
        mine = report.c.person_id == person.c.id, report.c.standing == person.c.standing, report.c.state != "ended"
        reports = select(report.c.person_id).where(*mine).exists()
        wanted = wanted.where(_LIVE | runs | reports)
    rows = conn.execute(wanted, {} if acting_at is None else {"now": acting_at})
    return {row.directory_key: _person(row) for row in rows}


def epoch(conn: Connection, person_id: str) -> int | None:
    """Return the epoch of a person, removed or not."""
    value: int | None = conn.execute(select(person.c.epoch).where(person.c.id == person_id)).scalar_one_or_none()
    return value


def id_exists(conn: Connection, person_id: str) -> bool:
    """Tell whether an id was ever given to anybody."""
    return epoch(conn, person_id) is not None


def lock_key(conn: Connection, directory_key: str) -> None:
    """Let one transaction at a time add the person with this key."""
    conn.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"swap.person:{directory_key}"}
    )


def add(conn: Connection, person_id: str, directory_key: str, name: str, groups: Iterable[str]) -> None:
    """Add a person."""
    conn.execute(insert(person).values(id=person_id, directory_key=directory_key, name=name, groups=sorted(groups)))
    _know(conn, groups)


def relabel(conn: Connection, person_id: str, name: str, groups: Iterable[str]) -> None:
    """Take over what the directory says now."""
    conn.execute(update(person).where(person.c.id == person_id).values(name=name, groups=sorted(groups)))
    _know(conn, groups)


def _know(conn: Connection, groups: Iterable[str]) -> None:
    """Keep the names of groups, in their order: two who do so at once wait for one another in the same."""
    rows = [{"name": name} for name in sorted(groups)]
    if rows:
        conn.execute(upsert(person_group).on_conflict_do_nothing(), rows)


def beginning(conn: Connection, text_: str, limit: int) -> list[tuple[str, str]]:
    """Return id and name of people whose name begins with a text, whatever its case; removed ones left out."""
    name = func.lower(person.c.name)
    found = conn.execute(
        select(person.c.id, person.c.name)
        .where(person.c.removed_at.is_(None), name.startswith(text_.lower(), autoescape=True))
        .order_by(name, person.c.id)
        .limit(limit)
    )
    return [(row.id, row.name) for row in found]


def groups_beginning(conn: Connection, text_: str, limit: int) -> list[str]:
    """Return the names of groups that begin with a text."""
    name = person_group.c.name
    return list(
        conn.scalars(select(name).where(name.startswith(text_, autoescape=True)).order_by(name).limit(limit)).all()
    )


def is_group(conn: Connection, name: str) -> bool:
    """Tell whether somebody was ever in a group of this name."""
    return conn.scalar(select(person_group.c.name).where(person_group.c.name == name)) is not None


def replace_password_mark(conn: Connection, person_id: str, mark: str) -> str:
    """Take over the directory's mark and return the one before; two who do so come one after the other."""
    before: str = conn.execute(
        select(person.c.password_mark).where(person.c.id == person_id).with_for_update()
    ).scalar_one()
    if before != mark:
        conn.execute(update(person).where(person.c.id == person_id).values(password_mark=mark))
    return before


def mark_removed(conn: Connection, person_id: str, now: datetime) -> None:
    """Remove a person, whose key is then free for somebody else; the id never is."""
    conn.execute(
        update(person)
        .where(person.c.id == person_id, person.c.removed_at.is_(None))
        .values(removed_at=now, directory_key=text("'removed:' || id || ':' || directory_key")),
    )


def hold(conn: Connection, person_id: str) -> None:
    """Keep a person's access from ending until this transaction has; wait for an end that has begun."""
    conn.execute(select(person.c.id).where(person.c.id == person_id).with_for_update(read=True))


def add_sign_in(conn: Connection, person_id: str, sign_in_id: str, now: datetime, expires_at: datetime) -> None:
    """Record that somebody signed in."""
    conn.execute(insert(sign_in).values(id=sign_in_id, person_id=person_id, created_at=now, expires_at=expires_at))


def _standing(row: Row[Any]) -> Standing:
    return Standing(_person(row), Access(row.live, row.epoch))


def standing(conn: Connection, person_id: str, now: datetime) -> Standing | None:
    """Return a person, removed or not, and whether they may act.

    One statement, hence one moment: read apart, an older sign-in could meet the epoch that its sign-out made.
    """
    row = conn.execute(_STANDING, {"person_id": person_id, "now": now}).one_or_none()
    return None if row is None else _standing(row)


def of_run(conn: Connection, person_id: str, run_id: str, epoch: int, now: datetime) -> Person | None:
    """Return the person a run acts for, if it is claimed in this epoch and may; in one statement, as `standing`."""
    row = conn.execute(_RUN, {"person_id": person_id, "run_id": run_id, "epoch": epoch, "now": now}).one_or_none()
    return None if row is None else _person(row)


def end_access(conn: Connection, person_id: str, now: datetime) -> None:
    """Raise the epoch, end sign-ins and portal sessions, and tell whoever listens once this commits.

    The person's row comes first: whoever holds it (`hold`) is through when the sessions are ended, or has not begun.
    """
    conn.execute(update(person).where(person.c.id == person_id).values(epoch=person.c.epoch + 1))
    for table in (sign_in, portal_session):
        conn.execute(
            update(table).where(table.c.person_id == person_id, table.c.ended_at.is_(None)).values(ended_at=now)
        )
    announce(conn, person_id)


def lose_standing(conn: Connection, person_id: str) -> None:
    """Let nothing go on without a person that was to."""
    conn.execute(update(person).where(person.c.id == person_id).values(standing=person.c.standing + 1))


def announce(conn: Connection, person_id: str) -> None:
    """Tell whoever listens on `swap_access`, when this transaction commits, that a person's access changed."""
    conn.execute(text("select pg_notify('swap_access', :person_id)"), {"person_id": person_id})


def add_portal_session(
    conn: Connection,
    person_id: str,
    secret: str,
    csrf: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Record a portal session by the digest of its cookie."""
    conn.execute(
        insert(portal_session).values(
            digest=digest(secret),
            person_id=person_id,
            csrf=csrf,
            created_at=now,
            expires_at=expires_at,
        )
    )


def find_portal_session(conn: Connection, secret: str, now: datetime) -> tuple[Standing, str] | None:
    """Return whose a portal session is that has not ended, and its csrf; in one statement, as `standing`."""
    row = conn.execute(_PORTAL_SESSION, {"shown": digest(secret), "now": now}).one_or_none()
    return None if row is None else (_standing(row), row.csrf)


def find_system_user(conn: Connection, person_id: str) -> int | None:
    """Return the uid a person was given."""
    uid: int | None = conn.scalar(select(system_user.c.uid).where(system_user.c.person_id == person_id))
    return uid


def system_users(conn: Connection) -> dict[str, int]:
    """Return person → uid, of everybody who was given one and was not removed."""
    found = select(system_user.c.person_id, system_user.c.uid).join(person).where(person.c.removed_at.is_(None))
    return {row.person_id: row.uid for row in conn.execute(found)}


def next_uid(conn: Connection, uids: range) -> int:
    """Return the uid after the last that was given, and let no other transaction give one until this one ends."""
    conn.execute(text("select pg_advisory_xact_lock(hashtextextended('swap.system_user', 0))"))
    last = conn.scalar(select(func.max(system_user.c.uid)).where(system_user.c.uid.between(uids.start, uids.stop - 1)))
    return uids.start if last is None else last + 1


def add_system_user(conn: Connection, person_id: str, uid: int) -> None:
    """Give a person a uid, for ever."""
    conn.execute(insert(system_user).values(person_id=person_id, uid=uid))


def add_server(conn: Connection, person_id: str, server_id: str, credential: str, now: datetime) -> None:
    """Record a launched server by the digest of its credential."""
    conn.execute(
        insert(jupyter_server).values(
            id=server_id,
            person_id=person_id,
            credential_digest=digest(credential),
            started_at=now,
        )
    )


def end_servers_of(conn: Connection, person_id: str, now: datetime) -> tuple[str, ...]:
    """End all servers of a person; return their ids."""
    ended = conn.scalars(
        update(jupyter_server)
        .where(jupyter_server.c.person_id == person_id, jupyter_server.c.ended_at.is_(None))
        .values(ended_at=now)
        .returning(jupyter_server.c.id),
    )
    return tuple(ended)


def end_server(conn: Connection, server_id: str, now: datetime) -> str | None:
    """End a server; return whose it was, or None if it had ended before."""
    owner: str | None = conn.execute(
        select(jupyter_server.c.person_id)
        .where(jupyter_server.c.id == server_id, jupyter_server.c.ended_at.is_(None))
        .with_for_update(),
    ).scalar_one_or_none()
    if owner is not None:
        conn.execute(update(jupyter_server).where(jupyter_server.c.id == server_id).values(ended_at=now))
    return owner


def find_server(conn: Connection, credential: str, now: datetime) -> LaunchedServer | None:
    """Return the running server that holds this credential; in one statement, as `standing`."""
    row = conn.execute(_SERVER, {"shown": digest(credential), "now": now}).one_or_none()
    return None if row is None else LaunchedServer(row.person_id, row.id, Access(row.live, row.epoch))
