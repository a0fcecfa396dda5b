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


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a person may act now.  Whatever was given out in an older epoch is dead."""

    live: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class PortalSession:
    """A browser that is signed in at the portal."""

    principal: Principal
    csrf: str


@dataclass(frozen=True, slots=True)
class LaunchedServer:
    """A Jupyter server that runs for somebody.  Says whose it is, not that they may still act: ask `access`."""

    person_id: str
    server_id: str
    epoch: int
