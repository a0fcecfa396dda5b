"""Which result tables somebody may see: the one function that decides it, wherever one is read or named.

Who may open the report's notebook, and may read all that the kernels read whose rows count.  To everybody else there is
no such table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from swap.catalog import names
from swap.errors import NotFound, Problem
from swap.identity import Principal
from swap.notebooks import sharing, sight
from swap.reports import service, store, table_store
from swap.reports.table_store import Part, Table
from swap.settings import Policy
from swap.settings.sources import RESULT_TABLES

EDITION: Final = "@"
"""Between a table's name and the run whose rows alone are meant."""
FOUND: Final = 20
"""Tables that are looked at for a search."""
WORDS: Final = 20
LISTED: Final = 200
"""Tables of notebooks that somebody may open, which are looked at for a list."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A result table as a page shows it."""

    table: Table
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """How many rows it has, of all periods."""
        return sum(part.rows for part in self.parts)

    @property
    def written(self) -> str:
        """What it is called in a statement."""
        return spoken(self.table.owner, self.table.name)


def visible(conn: Connection, policy: Policy, person: Principal, table: Table, now: datetime) -> list[Part] | None:
    """Return what counts of a table, the last period first; None where it does not exist for somebody.

    All of it or nothing: rows that are left out would make other sums.
    """
    try:
        sharing.open_(conn, person, table.notebook_id, now)
    except NotFound:
        return None
    parts = table_store.parts(conn, table)
    read = {part.lineage for part in parts}
    if not parts or sight.readable(conn, policy, person, read, now) != read:
        return None
    return parts


def search(conn: Connection, policy: Policy, person: Principal, text: str, now: datetime) -> tuple[list[Shown], bool]:
    """Return the first tables with all words of a text in their names that somebody may see, and whether to look on."""
    candidates = table_store.named(conn, sharing.opens(person, now), text.split()[:WORDS], FOUND + 1)
    found = [(table, visible(conn, policy, person, table, now)) for table in candidates[:FOUND]]
    return [Shown(table, tuple(parts)) for table, parts in found if parts is not None], len(candidates) > FOUND


def edition(
    conn: Connection, policy: Policy, person: Principal, table: Table, run_id: str, now: datetime
) -> Part | None:
    """Return what one run wrote of a table; None where that does not exist for somebody.

    Who may not see the table sees no edition of it; one that is held exists for its report's people alone.
    """
    found = None if visible(conn, policy, person, table, now) is None else table_store.edition(conn, table, run_id)
    if found is None:
        return None
    part, is_held = found
    if is_held and not service.look(conn, person, table.report_id, now).sees_held:
        return None
    return part if sight.readable(conn, policy, person, {part.lineage}, now) else None


def of_report(conn: Connection, policy: Policy, person: Principal, report_id: str, now: datetime) -> list[Shown]:
    """Return those tables of a report that somebody may see."""
    return _shown(conn, policy, person, table_store.of_report(conn, report_id), now)


def listed(conn: Connection, policy: Policy, person: Principal, now: datetime) -> list[Shown]:
    """Return the first tables that somebody may see, in the order of their names."""
    return _shown(conn, policy, person, table_store.opened(conn, sharing.opens(person, now), LISTED), now)


def _shown(conn: Connection, policy: Policy, person: Principal, among: Iterable[Table], now: datetime) -> list[Shown]:
    found = ((table, visible(conn, policy, person, table, now)) for table in among)
    return [Shown(table, tuple(parts)) for table, parts in found if parts is not None]


def zone(conn: Connection, policy: Policy, person: Principal, owner: str, name: str, now: datetime) -> ZoneInfo:
    """Return the time zone of the report that writes a table.  Raises NotFound where there is none for somebody."""
    table = table_store.find(conn, owner, name.casefold())
    if table is None or visible(conn, policy, person, table, now) is None:
        raise NotFound(Problem("There is no such result table."))
    held = store.find(conn, table.report_id)
    assert held is not None
    return held.report.schedule.zone


def spoken(owner: str, name: str, run_id: str = "") -> str:
    """Return what a table, or what one run wrote of it, is called in a statement."""
    return names.written(RESULT_TABLES, owner, f"{name}{EDITION}{run_id}" if run_id else name)
