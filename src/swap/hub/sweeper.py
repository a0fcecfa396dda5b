"""Follow the directory: who left it loses access, whose groups changed has the new ones.

Whose password changed loses what was open with the former one: sessions, tokens, and the running server.

The hub alone asks nothing about somebody whose notebook just runs; this does.  A directory that does not
answer says nothing about anybody; when its grace is over, it counts as if it had nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from logging import Logger, getLogger

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from swap import audit
from swap.hub import context
from swap.hub.context import Context
from swap.hub.directories.base import Directory, DirectoryPerson
from swap.hub.grace import Grace
from swap.people import service
from swap.people.model import Person

SEEN = "directory-seen"
"""The file of the state directory whose age tells since when the directory has not answered."""
_log = getLogger("swap.hub")


async def run(here: Context, directory: Directory, end: Callable[[str], None], log: Logger) -> None:
    """Say what of the directory does not work, then look for ever; a failure is logged and tried again."""
    left: set[str] = set()
    grace = Grace(here.settings.state / SEEN, directory.grace_seconds, context.utc_now())
    checked = others_ended = False
    while True:
        try:
            if not checked:
                checked = True
                await _check(directory, log)
            await asyncio.sleep(directory.look_seconds)
            if not others_ended:
                left.update(await here.transact(lambda conn: end_others(conn, directory)))
                others_ended = True
            await look(here, directory, end, left, grace)
        except Exception as error:  # noqa: BLE001 - whatever it was: if this ended, nobody's access would end any more
            log.warning("The directory of people was not followed: %s", error)


async def _check(directory: Directory, log: Logger) -> None:
    for check in await asyncio.to_thread(lambda: tuple(directory.check())):
        if not check.works:
            log.warning("%s: %s. %s", check.subject, check.saw, check.todo)


async def look(
    here: Context, directory: Directory, end: Callable[[str], None], left: set[str], grace: Grace | None = None
) -> None:
    """Take over what the directory says of people, and `end` what is the hub's of those whose access ended.

    `left` are those of whom that is still to be done, also after a look that failed on the way.  Raises DirectoryAway
    when the directory says nothing and the grace is not over.
    """
    known = await here.transact(lambda conn: asked_about(conn, directory))
    try:
        found = await asyncio.to_thread(directory.sweep, known.keys())
    except Exception as error:  # whatever it was: it is no answer
        if grace is None or not grace.is_over(context.utc_now()):
            raise
        reason = f"the directory has not answered for {grace.minutes:g} min"
        left.update(await here.transact(lambda conn: [_end(conn, person, reason) for person in known.values()]))
        if not known:
            raise
        _log.warning("Everybody's access ended: %s. %s", reason, error)
    else:
        if grace is not None:
            grace.answered(context.utc_now())
        left.update(await here.transact(lambda conn: follow(conn, known, found, for_ever=directory.keys_are_for_ever)))
    failed: SQLAlchemyError | None = None
    for person_id in tuple(left):
        try:
            end(person_id)
        except SQLAlchemyError as error:  # one that cannot be ended now holds up nobody else's end
            failed = error
        else:
            left.discard(person_id)
    if failed is not None:
        raise failed


def end_others(conn: Connection, directory: Directory) -> list[str]:
    """End the access of those whom another directory let in, which nobody follows any more; return their ids."""
    acting = service.acting(conn, "", context.utc_now())
    others = [person for key, person in acting.items() if not key.startswith(directory.prefix)]
    return [_end(conn, person, "people come from another directory now") for person in others]


def asked_about(conn: Connection, directory: Directory) -> dict[str, Person]:
    """Return key → person of those the directory is asked about: who may act, if whoever comes later is nobody else."""
    if directory.keys_are_for_ever:
        return service.acting(conn, directory.prefix, context.utc_now())
    return service.everybody(conn, directory.prefix)


def follow(
    conn: Connection,
    known: Mapping[str, Person],
    found: Mapping[str, DirectoryPerson],
    *,
    for_ever: bool = False,
) -> list[str]:
    """Make of `known` what was found; return the ids of those whose access ended.

    Whose key is theirs for ever loses access while they are gone; otherwise who is gone is removed for good.
    """
    ended = []
    for key, person in known.items():
        now = found.get(key)
        if now is None and for_ever:
            ended.append(_end(conn, person, "no longer in the directory"))
            continue
        if now is not None and now.barred is not None:
            ended.append(_end(conn, person, " ".join(filter(None, (now.barred.title, now.barred.why)))))
            continue
        if now is None:
            service.remove(conn, person.id, context.utc_now())
            audit.record(conn, audit.PersonRemoved(person_id=person.id, name=person.name))
            ended.append(person.id)
            continue
        if (now.name, now.groups) != (person.name, person.groups):
            service.ensure_person(conn, key, now.name, now.groups, _nobody_new)
            if now.groups != person.groups:
                audit.record(conn, audit.GroupsChanged(person_id=person.id, groups=tuple(sorted(now.groups))))
        if now.password_mark != person.password_mark and follow_password(conn, person.id, now.password_mark):
            ended.append(person.id)
    return ended


def follow_password(conn: Connection, person_id: str, mark: str) -> bool:
    """End all that somebody's former password opened, if the directory has another now; tell whether it has."""
    if not service.password_changed(conn, person_id, mark):
        return False
    _end_everything(conn, person_id)
    audit.record(conn, audit.PasswordChanged(person_id=person_id))
    return True


def _end(conn: Connection, person: Person, reason: str) -> str:
    """End all that is open for somebody who stays the person they are; return their id."""
    _end_everything(conn, person.id)
    audit.record(conn, audit.AccessEnded(person_id=person.id, reason=reason))
    return person.id


def _end_everything(conn: Connection, person_id: str) -> None:
    for server_id in service.end_everything(conn, person_id, context.utc_now()):
        audit.record(conn, audit.ServerStopped(person_id=person_id, server_id=server_id))


def _nobody_new() -> str:
    raise AssertionError
