"""Into whose home: a person by name, and a notebook's file in the home that is theirs, whoever owns homes here."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from swap import apart, disks, homes
from swap.db import engine
from swap.db.tables import person
from swap.errors import Invalid, Problem
from swap.launch import seats
from swap.runtime import Runtime
from swap.settings import Settings
from swap.taking_in.placing import place
from swap.walls import powers


def person_id(conn: Connection, name: str) -> str:
    """Return the id of the only person of a name.  Raises Invalid."""
    found = conn.scalars(select(person.c.id).where(person.c.name == name, person.c.removed_at.is_(None))).all()
    if len(found) == 1:
        return str(found[0])
    if found:
        raise Invalid(Problem("Several people have this name.", todo="Take their folders in one by one, by hand."))
    raise Invalid(Problem("Nobody of this name has signed in.", todo="Let them sign in once, then run this again."))


class Homes:
    """People's homes, as files are put into them."""

    def __init__(self, settings: Settings, here: Runtime) -> None:
        self._settings, self._here = settings, here
        self._seats: Engine | None = None
        if settings.launch.isolation == "user":
            self._seats = engine.create(here.database_urls["hub"], connections=1)

    def close(self) -> None:
        """Close the connection."""
        if self._seats is not None:
            self._seats.dispose()

    def put(self, whose: str, path: str, file: bytes) -> bool:
        """Put a notebook's file into a person's home; False where another is.  Raises SwapError."""
        root, launch = self._here.homes, self._settings.launch
        if self._seats is None:
            with homes.entered(root, whose, create=True) as home:
                return place(home, path, file)
        with self._seats.begin() as asked:
            uid = seats.uid(asked, launch, whose)
        home_path = disks.home(self._settings.state, root, whose, uid, launch.disk_bytes)
        return bool(apart.run(partial(_place_as, uid, home_path, path, file)))


def become(uid: int) -> None:
    """Become a system user, with no power left."""
    powers.bound()
    powers.turn_into(uid)


def _place_as(uid: int, home_path: Path, path: str, file: bytes) -> bool:
    home = os.open(home_path, homes.OPEN_DIRECTORY)
    become(uid)
    return place(home, path, file)
