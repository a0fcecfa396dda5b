"""What the hub asks a directory of people, whatever keeps it.

A directory says who somebody is and who is still there; what follows for their access is the business of
the authenticator and the sweeper, which know no more of a directory than this file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from swap.errors import Problem, Unavailable

NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """One person as the directory has them now.

    The key is as swap.person keeps it, the directory's prefix included.  It never changes and is never given to
    anybody else; the name is a label and may.

    The password mark is another when the password is another, and tells nothing about it; "" from a directory that
    cannot tell.  Whoever is barred is who they say, and may not act: it is said why, in words for themselves.
    """

    key: str
    name: str
    groups: frozenset[str]
    password_mark: str = ""
    barred: Problem | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What a look at one part of a directory saw; `todo` only when there is something to do."""

    subject: str
    works: bool
    saw: str
    todo: str = ""


class DirectoryAway(Unavailable):
    """The directory of people gives no answer just now."""


class Directory(Protocol):
    """A directory of people.

    Plain synchronous calls: each may block, so the hub makes them in threads, and each ends within limits of the
    directory's own.  Any of them raises DirectoryAway when there is no answer to be had; that says nothing about
    anybody, so nobody gets in by it, and nobody loses anything before `grace_seconds` are over.
    """

    prefix: str
    """What its keys begin with, which tells its people from other directories'."""
    at_a_time: int
    """How many passwords it looks at at once; further sign-ins wait, and nothing else in the hub does."""
    look_seconds: float
    """How often the sweeper looks."""
    grace_seconds: float
    """How long people go on working while it gives no answer; infinite for as long as that lasts."""
    keys_are_for_ever: bool
    """Whether a key is never given to anybody else.  Otherwise who is gone is removed for good, at once."""

    def authenticate(self, name: str, password: str) -> DirectoryPerson | None:
        """Return whose name and password these are, or None.  Takes as long when nobody has the name.

        Both are as somebody typed them: not empty, of bounded length, and nothing else is sure.
        """

    def look_up(self, key: str) -> DirectoryPerson | None:
        """Return who has a key, or None when they are gone."""

    def groups(self) -> frozenset[str]:
        """Return the names of the groups it knows."""

    def sweep(self, keys: Collection[str]) -> dict[str, DirectoryPerson]:
        """Return who of `keys` is still there, by key, in one go however many they are: who is not in it is gone."""

    def check(self) -> Iterator[Check]:
        """Yield what works of it and what does not; never raises DirectoryAway."""


def canonical(name: str) -> str:
    """Return what spellings of one name have in common: `Ann`, `ANN` and full-width `ａｎｎ` are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
