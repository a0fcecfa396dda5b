"""Follow the people file: who left it loses access within seconds, whose groups changed has the new ones.

The hub alone asks nothing about somebody whose notebook just runs; this does.  A file that cannot be
read, or that changed a moment ago and may be half written, removes nobody.
"""

from __future__ import annotations

import asyncio
import signal
import time
from logging import Logger
from pathlib import Path

from sqlalchemy import Connection

from swap import audit
from swap.errors import SwapError
from swap.hub import context, people_file
from swap.hub.context import Context
from swap.hub.people_file import PeopleFile
from swap.launch import running
from swap.people import service

LOOK_SECONDS = 2.0
SETTLED_SECONDS = 1.0
"""A file younger than this may still be being written."""


async def run(here: Context, log: Logger) -> None:
    """Look at the file for ever; a failure is logged and tried again."""
    seen: tuple[int, int] | None = None
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            seen = await _look(here, seen)
        except (SwapError, OSError) as error:
            log.warning("The people file was not followed: %s", error)


async def _look(here: Context, seen: tuple[int, int] | None) -> tuple[int, int] | None:
    path = people_file.path(here.settings)
    now = _identity(path)
    if now == seen or time.time() - now[0] / 1e9 < SETTLED_SECONDS:
        return seen
    people = await asyncio.to_thread(people_file.read, path)
    for person_id in await here.transact(lambda conn: follow(conn, people)):
        server = running.find(here.settings.state, person_id)
        if server is not None:
            running.send(server, signal.SIGTERM)
    return now


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def follow(conn: Connection, people: PeopleFile) -> list[str]:
    """Take over what the file says; return the ids of those who were removed."""
    removed = []
    for key, person in service.everybody(conn, people_file.DIRECTORY).items():
        entry = people.keyed(key)
        if entry is None:
            service.remove(conn, person.id, context.utc_now())
            audit.record(conn, audit.PersonRemoved(person_id=person.id, name=person.name))
            removed.append(person.id)
            continue
        after = service.ensure_person(conn, key, entry.name, entry.groups, _nobody_new)
        if after.groups != person.groups:
            audit.record(conn, audit.GroupsChanged(person_id=person.id, groups=tuple(sorted(after.groups))))
    return removed


def _nobody_new() -> str:
    raise AssertionError
