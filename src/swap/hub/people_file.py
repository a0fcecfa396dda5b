"""The demo's directory: people in a TOML file, by key, with hashed passwords and groups.  Read, never written.

A name is matched whatever its case or width, so that `ALICE` and `alice` are one person; a file in which
two people could be taken for one another is refused as a whole.
"""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swap.errors import Problem, SettingsError
from swap.settings import Settings

NAME_LENGTH = 64
DIRECTORY = "file:"
"""What this directory's keys begin with in swap.person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the file.  The key never changes; the name may."""

    key: str
    name: str
    password: str = field(repr=False)
    groups: tuple[str, ...] = ()
    title: str = ""
    reads: str = ""
    locked: str = ""
    demo_password: str = field(default="", repr=False)

    @property
    def directory_key(self) -> str:
        """The key as swap.person keeps it, apart from other directories' keys."""
        return DIRECTORY + self.key


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """Everybody who may sign in."""

    entries: tuple[Entry, ...]

    def named(self, name: str) -> Entry | None:
        """Return whom a typed name means."""
        wanted = canonical(name)
        return next((entry for entry in self.entries if canonical(entry.name) == wanted), None)

    def keyed(self, directory_key: str) -> Entry | None:
        """Return who has this key in swap.person."""
        return next((entry for entry in self.entries if entry.directory_key == directory_key), None)


def canonical(name: str) -> str:
    """Return what two spellings of one name have in common: `Ann`, `ANN` and full-width `ａｎｎ` are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


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
        ("key", [entry.key for entry in entries]),
        ("name", [canonical(entry.name) for entry in entries]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise _unusable(path, f"Two people have the {what} {twice[0]!r}; case and width do not tell names apart.")
    return PeopleFile(entries)


def _entry(path: Path, number: int, raw: Any) -> Entry:
    where = f"[[people]] number {number}"
    if not isinstance(raw, dict):
        raise _unusable(path, f"{where} is not a table.")
    groups = raw.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) and group for group in groups):
        raise _unusable(path, f"{where}: groups is not a list of names.")
    texts = {
        name: raw.get(name, "") for name in ("key", "name", "password", "title", "reads", "locked", "demo_password")
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise _unusable(path, f"{where}: {name} is not a text.")
    unknown = sorted(set(raw) - set(texts) - {"groups"})
    if unknown:
        raise _unusable(path, f"{where}: {unknown[0]} is not a field of a person.")
    name = texts["name"]
    if not canonical(name) or len(name) > NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise _unusable(path, f"{where}: name must have 1 to {NAME_LENGTH} printable characters.")
    if not texts["password"].startswith("$argon2id$"):
        raise _unusable(path, f"{where}: password is not an argon2id hash.")
    return Entry(groups=tuple(groups), **(texts | {"key": texts["key"] or name}))


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        Problem(f"The people file {path} cannot be used.", why=why, todo="Mend it; nobody can sign in until then.")
    )
