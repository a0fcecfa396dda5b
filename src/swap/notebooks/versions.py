"""A notebook's history: what is sent to be kept, and what of it is shown.  Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from swap import content
from swap.errors import Conflict, Invalid, Problem

SITTING = timedelta(minutes=30)
"""What is saved again within this time was one step on the way, and is folded away."""
NAME_LENGTH = 100


class Kind(StrEnum):
    """How a version came to be."""

    SAVED = "saved"
    FOUND = "found"
    """In the home, changed by something else than JupyterLab."""
    RESTORED = "restored"
    FORKED = "forked"
    """The first one, of what its person saw of another notebook."""
    MERGED = "merged"
    """With a cell of another notebook: of the one it was forked from, or of a fork, whose person suggested it."""


class StaleBase(Conflict):
    """The notebook has a newer version than the one you began from."""


class PartsMissing(Conflict):
    """Some parts of this version are not here."""

    def __init__(self) -> None:
        todo = "Send all of its parts."
        super().__init__(Problem("Some parts of this version are not here.", todo=todo, extra={"send": "all"}))


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it is kept: packed, with what unpacking and building it takes."""

    digest: str
    content: bytes = field(repr=False)
    size_bytes: int
    lists: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One save, checked: a manifest that was read, and parts that are what their digests say."""

    path: str
    base: int | None
    """The version that was changed; 0 where there was no file, none where the sender does not know it."""
    kind: Kind
    save_id: str
    file_digest: bytes
    environment: Mapping[str, Any]
    digest: str
    manifest: content.Manifest
    parts: Mapping[str, Part]
    """The manifest's own is one of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """A notebook and its newest version; 0 before the first."""

    notebook_id: str
    path: str
    number: int
    digest: str
    file_digest: bytes
    edited: bool = False
    """Whether somebody else than its owner has saved it."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version, as a history shows it."""

    number: int
    at: datetime
    author: str
    """The name of whoever saved it."""
    kind: Kind
    name: str
    digest: str
    restored: int | None
    folded: int
    """Versions between the next one that is shown and this one."""
    author_id: str = ""
    suggested_by: str = ""
    """The name of whoever suggested what is new in it, if somebody did."""


@dataclass(frozen=True, slots=True)
class Page:
    """Versions of a notebook, newest first, and whether there are older ones."""

    head: Head
    versions: tuple[Version, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """A notebook that was deleted and has a history: where it was, how many versions it has."""

    notebook_id: str
    path: str
    versions: int
    at: datetime


def stale(name: str, number: int) -> StaleBase:
    """Return the conflict that carries the newest version's number; of what is in it nothing."""
    return StaleBase(
        Problem(
            f"{name} was saved elsewhere meanwhile, as version {number}.",
            why="What is there was not written over.",
            todo="Look at its history, then take what was saved there, or save yours after it.",
            extra={"version": number},
        )
    )


def named(text: str) -> str:
    """Return a version's name as somebody typed it; nothing takes the name away.  Raises Invalid."""
    name = text.strip()
    if len(name) > NAME_LENGTH or not name.isprintable():
        raise Invalid(
            Problem(
                "This cannot be a version's name.",
                why=f"A name is one line of at most {NAME_LENGTH} characters.",
                todo="Choose another one; nothing was changed.",
            )
        )
    return name
