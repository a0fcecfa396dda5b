"""The tables that a report can wait for: those that its notebook reads, whose catalog tells how far they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from swap.catalog import keys, upto
from swap.catalog.model import TableName
from swap.errors import Invalid, NotFound, Problem, Unavailable
from swap.reports.model import DEADLINE, Awaited, Chosen
from swap.web.portal import Portal, Visit

MOST: Final = 8
"""Tables that are offered."""
HOURS: Final = {1: "1 hour", 3: "3 hours", 6: "6 hours", 12: "12 hours", 24: "a day", 72: "3 days", 168: "a week"}
_TABLE: Final = "table-"
"""Before a number, in a form."""


def choices(portal: Portal, visit: Visit, tables: Iterable[TableName], now: Chosen | None = None) -> dict[str, Any]:
    """Return what a form offers: tables that can be waited for, with how far each is, and what is chosen."""
    waits = {each.name for each in now.waits} if now else set[TableName]()
    try:
        found, away = _offered(portal, visit, tables), False
    except Unavailable:
        found, away = {}, True
    deadline = now.deadline if now else DEADLINE
    return {
        "tables": [(keys.joined(*name), name, newest, name in waits) for name, (_, newest) in found.items()],
        "tables_away": away,
        "hours": HOURS,
        "hours_now": int(deadline.total_seconds()) // 3600,
        "table_field": _TABLE,
    }


def chosen(portal: Portal, visit: Visit, tables: Iterable[TableName]) -> tuple[tuple[Awaited, ...], timedelta]:
    """Return which tables a form chose, and for how long they are waited for.  Raises Invalid, Unavailable."""
    wanted = [keys.split(said) for name, said in visit.form.items() if name.startswith(_TABLE)]
    names = [TableName(*parts) for parts in wanted if len(parts) == len(TableName._fields)]
    offered = _offered(portal, visit, tables) if names else {}
    if len(names) != len(wanted) or any(name not in offered for name in names):
        raise Invalid(
            Problem("This table cannot be waited for.", todo="Load the page again, and choose one it offers.")
        )
    hours = visit.form.get("hours", str(int(DEADLINE.total_seconds()) // 3600))
    if hours not in {str(each) for each in HOURS}:
        raise Invalid(Problem("This cannot be chosen.", todo="Choose one that the page offers."))
    return tuple(offered[name][0] for name in dict.fromkeys(names)), timedelta(hours=int(hours))


def _offered(portal: Portal, visit: Visit, tables: Iterable[TableName]) -> dict[TableName, tuple[Awaited, str]]:
    """Return what can be waited for of some tables, and up to when the catalog says that each goes.

    The gateway tells somebody of a table what they may know of it now.
    """
    token, found = portal.token(visit.signed_in), dict[TableName, tuple[Awaited, str]]()
    for name in list(dict.fromkeys(tables))[:MOST]:
        try:
            told = portal.gateway.table(token, *name)
        except NotFound:
            continue
        if upto.told(told) is not None:
            columns = [*told["partitions"], *([told["newest_of"]] if told.get("newest_of") else [])]
            found[name] = Awaited(name, tuple(columns)), str(told.get("newest") or "")
    return found
