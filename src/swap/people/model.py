"""The values of this feature: a person, whether they may act, and what acts for them."""

from __future__ import annotations

from dataclasses import dataclass

from swap.identity import Principal


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the authenticator has let in at least once.  The name is a label; the id is the key."""

    id: str
    name: str
    groups: frozenset[str]
    epoch: int
    password_mark: str = ""
    """What the directory last said that changes with the password; "" when it never said."""


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a person may act now.  Whatever was given out in an older epoch is dead."""

    live: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A person and whether they may act, as one look at the database shows both."""

    person: Person
    access: Access


@dataclass(frozen=True, slots=True)
class PortalSession:
    """A browser that is signed in at the portal, and its person's access in the same look."""

    principal: Principal
    csrf: str
    access: Access


@dataclass(frozen=True, slots=True)
class LaunchedServer:
    """A Jupyter server that runs for somebody.  It may run on while its person may not act: see `access`."""

    person_id: str
    server_id: str
    access: Access
