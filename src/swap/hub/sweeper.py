"""Follow the directory: who left it loses access within seconds, whose groups changed has the new ones.

Whose password changed loses what was open with the former one: sessions, tokens, and the running server.

The hub alone asks nothing about somebody whose notebook just runs; this does.  A directory that does not
answer removes nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from logging import Logger

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from swap import audit
from swap.errors import SwapError
from swap.hub import context
from swap.hub.context import Context
from swap.hub.directories.base import Directory, DirectoryPerson
from swap.people import service
from swap.people.model import Person

LOOK_SECONDS = 2.0


async def run(here: Context, directory: Directory, end: Callable[[str], None], log: Logger) -> None:
    """Look for ever; a failure is logged and tried again."""
    left: set[str] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await look(here, directory, end, left)
        except (SwapError, OSError, SQLAlchemyError) as error:
            log.warning("The directory of people was not followed: %s", error)


async def look(here: Context, directory: Directory, end: Callable[[str], None], left: set[str]) -> None:
    """Take over what the directory says of everybody known, and `end` what is the hub's of those whose access ended.

    `left` are those of whom that is still to be done, also after a look that failed on the way.  Raises DirectoryAway
    when the directory says nothing.
    """
    known = await here.transact(lambda conn: service.everybody(conn, directory.prefix))
    found = await asyncio.to_thread(directory.sweep, known.keys())
    left.update(await here.transact(lambda conn: follow(conn, known, found)))
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


def follow(conn: Connection, known: Mapping[str, Person], found: Mapping[str, DirectoryPerson]) -> list[str]:
    """Make of `known` what was found; return the ids of those whose access ended."""
    ended = []
    for key, person in known.items():
        now = found.get(key)
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
    for server_id in service.end_everything(conn, person_id, context.utc_now()):
        audit.record(conn, audit.ServerStopped(person_id=person_id, server_id=server_id))
    audit.record(conn, audit.PasswordChanged(person_id=person_id))
    return True


def _nobody_new() -> str:
    raise AssertionError
