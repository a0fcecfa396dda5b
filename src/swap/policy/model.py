"""What may be done to what, and the verdict.  Default deny; one denial wins; every verdict has a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What somebody may do to a dataset or a column of it."""

    DISCOVER = "dataset:discover"
    READ = "dataset:read"


@dataclass(frozen=True, slots=True)
class Resource:
    """A source, schema, table or column; the empty parts are not meant.

    >>> str(Resource("lake", "wmf", "pageview_hourly", "city"))
    'lake.wmf.pageview_hourly.city'
    """

    source: str
    schema: str = ""
    table: str = ""
    column: str = ""

    def __str__(self) -> str:
        return ".".join(part for part in (self.source, self.schema, self.table, self.column) if part)


@dataclass(frozen=True, slots=True)
class Decision:
    """May they, by which rule, in which words, and whom to ask."""

    allowed: bool
    rule: str
    because: str
    ask: str = ""
