"""What may be done to what, and the verdict.  Default deny; one denial wins; every verdict has a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from swap.policy.patterns import Pattern


class Action(StrEnum):
    """What somebody may do to a dataset or a column of it."""

    DISCOVER = "dataset:discover"
    READ = "dataset:read"


@dataclass(frozen=True, slots=True)
class Resource:
    """A source, schema, table or column; parts that are None are not meant.

    An empty name is a name: that of nothing we know.

    >>> str(Resource("lake", "wmf", "pageview_hourly", "city"))
    'lake.wmf.pageview_hourly.city'
    """

    source: str
    schema: str | None = None
    table: str | None = None
    column: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The names that are meant, from the source on."""
        # Not split from the dotted text: a column may have a dot in its name and must not gain parts by it.
        return tuple(part for part in (self.source, self.schema, self.table, self.column) if part is not None)

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Decision:
    """May they, by which rule, in which words, and whom to ask."""

    allowed: bool
    rule: str
    because: str
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """What a rule says to somebody of what one pattern names, for one action."""

    action: Action
    pattern: Pattern
    verdict: Decision
