"""The demo's directory: people in a TOML file, by key, with hashed passwords and groups.  Read, never written.

A name is matched whatever its case or width, so that `ALICE` and `alice` are one person; a file in which
two people could be taken for one another is refused as a whole.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import time
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import argon2
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from swap.errors import Problem, SettingsError
from swap.hub.directories.base import NAME_LENGTH, Check, DirectoryAway, DirectoryPerson, canonical
from swap.settings import Settings

PREFIX = "file:"
SETTLED_SECONDS = 1.0
"""A file younger than this may still be being written."""
LOOK_SECONDS = 2.0
AT_A_TIME = 2
"""Hashes computed at once: each takes 64 MB and a processor for some 50 ms."""

log = logging.getLogger("swap.hub")


class Entry(BaseModel):
    """One `[[people]]` of the file.  The key never changes; the name may, and is the key where there is none."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True
    )

    key: str = ""
    name: str = ""
    password: str = Field(default="", repr=False)
    groups: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    title: str = ""
    reads: str = ""
    locked: str = ""
    demo_password: str = Field(default="", repr=False)

    @field_validator("name")
    @classmethod
    def _is_printable(cls, name: str) -> str:
        if not canonical(name) or len(name) > NAME_LENGTH or not name.isprintable() or name != name.strip():
            msg = f"name must have 1 to {NAME_LENGTH} printable characters."
            raise ValueError(msg)
        return name

    @field_validator("password")
    @classmethod
    def _is_hashed(cls, password: str) -> str:
        if not password.startswith("$argon2id$"):
            msg = "password is not an argon2id hash."
            raise ValueError(msg)
        return password

    @property
    def own_key(self) -> str:
        """What identifies the person in this file."""
        return self.key or self.name

    @property
    def directory_key(self) -> str:
        """The key as swap.person keeps it, apart from other directories' keys."""
        return PREFIX + self.own_key

    @property
    def person(self) -> DirectoryPerson:
        """What of it the hub may know."""
        # A digest of a hash whose salt is random: nobody can try passwords on it.
        mark = hashlib.sha256(self.password.encode()).hexdigest()[:32]
        return DirectoryPerson(self.directory_key, self.name, frozenset(self.groups), mark)


@dataclass(frozen=True)
class PeopleFile:
    """Everybody who may sign in."""

    entries: tuple[Entry, ...]

    def named(self, name: str) -> Entry | None:
        """Return whom a typed name means."""
        wanted = canonical(name)
        return next((entry for entry in self.entries if canonical(entry.name) == wanted), None)

    @cached_property
    def people(self) -> dict[str, DirectoryPerson]:
        """Everybody, by key."""
        return {entry.directory_key: entry.person for entry in self.entries}


class FileDirectory:
    """The people of a file, which is read again for each answer: a change counts at once.

    A sweep alone, which takes away what cannot be given back, waits until the file has been left alone for a
    moment, and reads it again only when it changed.
    """

    prefix = PREFIX
    at_a_time = AT_A_TIME
    look_seconds = LOOK_SECONDS
    grace_seconds = math.inf
    keys_are_for_ever = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Answer from the file at `path`, which need not exist yet."""
        self._path = path
        self._clock = clock
        self._hasher = argon2.PasswordHasher()
        # Checked when nobody has the name, so that the answer takes as long as for somebody.
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._swept: tuple[tuple[int, int, int], PeopleFile] | None = None

    def authenticate(self, name: str, password: str) -> DirectoryPerson | None:
        """Return whose name and password these are, or None.  Takes as long when nobody has the name."""
        entry = self._read().named(name)
        matches = self._matches(entry.password if entry else self._nobody, password)
        return entry.person if entry and matches else None

    def look_up(self, key: str) -> DirectoryPerson | None:
        """Return who has a key, or None when they are not in the file."""
        return self._read().people.get(key)

    def groups(self) -> frozenset[str]:
        """Return the names of the groups anybody in the file is in."""
        return frozenset().union(*(person.groups for person in self._read().people.values()))

    def sweep(self, keys: Collection[str]) -> dict[str, DirectoryPerson]:
        """Return who of `keys` is still in the file.  Raises DirectoryAway while the file may be half written."""
        people = self._settled().people
        return {key: people[key] for key in keys if key in people}

    def check(self) -> Iterator[Check]:
        """Yield whether the file can be used."""
        try:
            people = self._read().people
        except DirectoryAway as error:
            why = f"{error.problem.title} {error.problem.why}"
            yield Check("people file", works=False, saw=why, todo=error.problem.todo)
        else:
            yield Check("people file", works=True, saw=f"{len(people)} people")

    def _settled(self) -> PeopleFile:
        """Return what is in the file, once nobody is writing it: TOML cut off after an entry is a whole file too."""
        before = self._identity()
        if self._clock() - before[0] / 1e9 < SETTLED_SECONDS:
            raise _changing(self._path)
        if self._swept is None or self._swept[0] != before:
            people = self._read()
            if self._identity() != before:
                raise _changing(self._path)
            self._swept = (before, people)
        return self._swept[1]

    def _identity(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise DirectoryAway(_unusable(self._path, f"It cannot be read: {error.strerror}.").problem) from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> PeopleFile:
        try:
            return read(self._path)
        except SettingsError as error:
            raise DirectoryAway(error.problem) from error

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            log.warning("A password in the people file is not an argon2 hash.")
            return False


def path(settings: Settings) -> Path:
    """Return where the file is.  Raises SettingsError when the settings do not say."""
    if settings.people.file is None:
        raise SettingsError(
            Problem("people.file is not set.", why='people.authenticator is "file".', todo="Name the people file.")
        )
    return settings.people.file


def read(path: Path) -> PeopleFile:
    """Return the people of a file.  Raises SettingsError that names the entry and what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"It cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise _unusable(path, f"It is not TOML: {error}.") from error
    raw = document.get("people")
    if not isinstance(raw, list) or not raw:
        raise _unusable(path, "It names nobody: there is no [[people]] in it.")
    entries = tuple(_entry(path, number, item) for number, item in enumerate(raw, start=1))
    for what, values in (
        ("key", [entry.own_key for entry in entries]),
        ("name", [canonical(entry.name) for entry in entries]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise _unusable(path, f"Two people have the {what} {twice[0]!r}; case and width do not tell names apart.")
    return PeopleFile(entries)


def _entry(path: Path, number: int, raw: Any) -> Entry:
    try:
        return Entry.model_validate(raw)
    except ValidationError as error:
        # Never the value: it may be a password in the clear.
        first = error.errors(include_input=False, include_url=False)[0]
        raise _unusable(path, f"[[people]] number {number}{_what_is_wrong(first)}") from None


def _what_is_wrong(problem: ErrorDetails) -> str:
    field = problem["loc"][0] if problem["loc"] else None
    if field is None:
        return " is not a table."
    if problem["type"] == "extra_forbidden":
        return f": {field} is not a field of a person."
    if field == "groups":
        return ": groups is not a list of names."
    if problem["type"] == "value_error":
        return f": {problem['ctx']['error']}"
    return f": {field} is not a text."


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        Problem(f"The people file {path} cannot be used.", why=why, todo="Mend it; nobody can sign in until then.")
    )


def _changing(path: Path) -> DirectoryAway:
    return DirectoryAway(
        Problem(
            f"The people file {path} changed a moment ago.", why="It may be half written, so it is not followed yet."
        )
    )
