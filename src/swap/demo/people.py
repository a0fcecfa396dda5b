"""The demo's three people and their rights: the people file and the policy, side by side.

The passwords are public (the sign-in page shows them), so the file is for loopback only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import argon2
import tomlkit


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One person of the demo, with what its sign-in page says of them."""

    name: str
    title: str
    groups: tuple[str, ...]
    reads: str
    locked: str

    @property
    def password(self) -> str:
        """The password, which is no secret."""
        return f"demo-{self.name}"


PEOPLE = (
    DemoPerson(
        "ann",
        "analyst",
        ("analysts",),
        reads="Reads page views by country, events, all wikis and flights",
        locked="Locked: cities, e-mail and IP addresses",
    ),
    DemoPerson(
        "bertrand",
        "analyst and privacy reviewer",
        ("analysts", "data-privacy"),
        reads="Reads all of lake and mediawiki, cities and private columns too",
        locked="Nothing is locked",
    ),
    DemoPerson(
        "chidi",
        "does not code",
        ("readers",),
        reads="Reads page views by project and country, flights and lists of countries and wikis",
        locked="Locked: articles read, events, the wikis' users",
    ),
)

HEADER = """\
People who may sign in to the demo. Written by `swap demo`; change it and sign in again.
`password` is an argon2 hash; `demo_password` is shown on the sign-in page, in the demo only.
"""


def document() -> str:
    """Return the people file: `[[people]]` with key, name, password, groups, and what the page says."""
    hasher = argon2.PasswordHasher()
    file = tomlkit.document()
    for line in HEADER.splitlines():
        file.add(tomlkit.comment(line))
    people = tomlkit.aot()
    for person in PEOPLE:
        entry = tomlkit.table()
        entry["key"] = person.name
        entry["name"] = person.name
        entry["password"] = hasher.hash(person.password)
        entry["groups"] = list(person.groups)
        entry["title"] = person.title
        entry["demo_password"] = person.password
        entry["reads"] = person.reads
        entry["locked"] = person.locked
        people.append(entry)
    file["people"] = people
    return tomlkit.dumps(file)


def write(path: Path) -> None:
    """Write the people file, private, unless it is there already."""
    if path.exists():
        return
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(document())
    draft.replace(path)
