"""Who is asking: one frozen value that every verb below HTTP takes first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PERSON_ID = re.compile(r"p[a-z2-7]{9}")
"""A person id: `p` and nine base-32 characters.  Safe as host label, path, user name and file name."""


class Via(StrEnum):
    """Through which power somebody acts; the narrower ones cannot do what the portal can."""

    PORTAL = "portal"
    SERVER = "server"
    READER = "reader"
    """A person's server that shows what others share with them."""
    KERNEL = "kernel"
    REPORT = "report"
    """A run of a report, while it is claimed."""


KERNELS = frozenset({Via.KERNEL, Via.REPORT})
"""What a kernel shows, a person's or that of a run of a report."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a report, and in which epoch it is claimed."""

    id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, through what.  The key of everything is `id`, never the name."""

    id: str
    name: str
    groups: frozenset[str]
    via: Via
    run: Run | None = None
    """What acts for them where they are not there."""
