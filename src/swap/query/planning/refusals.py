"""The errors for names that are not there or not open, and the notices for what a star leaves out.

Only what the person may discover is ever named, suggested or counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import quote

from swap.catalog import names
from swap.catalog.model import Listed, TableName, VisibleColumn, VisibleDataset
from swap.errors import Forbidden, Problem, QueryRefused, Suggestion, UnknownName
from swap.policy.decide import instead_of
from swap.query.language.text import MAX_SHOWN, cut
from swap.query.model import Closed, Place
from swap.query.planning.scope import Relation
from swap.query.results.format import sql_type
from swap.settings import Policy

MAX_SUGGESTIONS = 3

Near = Callable[[Sequence[str], int], Sequence[Listed]]
"""Finds so many of the tables that may be meant by the parts of a name that is not there."""


def left_out(starred: Mapping[TableName, VisibleDataset]) -> list[str]:
    """Return one sentence for each table and rule that a star left columns out for."""
    said = []
    for name, table in starred.items():
        by_rule: dict[str, list[str]] = {}
        for visible in table.columns:
            if not visible.read.allowed:
                by_rule.setdefault(visible.read.rule, []).append(visible.column.name)
        where = f" of {name}" if len(starred) > 1 else ""
        said += [
            f"SELECT * left out {', '.join(columns)}{where}: the rule {rule} locks"
            f" {'it' if len(columns) == 1 else 'them'}."
            for rule, columns in by_rule.items()
        ]
    return said


def refused(title: str, at: Place | None, todo: str = "") -> QueryRefused:
    """Return the error for what cannot stand there."""
    return QueryRefused(
        Problem(
            title, why="Nothing was run.", todo=todo, line=at.line if at else None, column=at.column if at else None
        )
    )


def forbidden(policy: Policy, closed: Sequence[Closed]) -> Forbidden:
    """Return the error for what a statement names that its person may not read: a whole table before columns."""
    for item in closed:
        if item.column is None:
            return _forbidden_table(item.table, item.at)
    return _forbidden_columns(policy, [(item.table, item.column, item.at) for item in closed if item.column])


def _forbidden_columns(
    policy: Policy, found: Sequence[tuple[VisibleDataset, VisibleColumn, Place | None]]
) -> Forbidden:
    """Return the error for columns that the person may not read: all of them, the first rule's words."""
    table, first, at = found[0]
    columns = list(dict.fromkeys(column.column.name for _, column, _ in found))
    verdict = first.read
    what = f"the column {columns[0]}" if len(columns) == 1 else f"the columns {', '.join(columns)}"
    instead = instead_of(policy, verdict.rule, columns[0])
    suggestions = (
        (Suggestion(label=f"Use {instead} instead", replace=columns[0], by=instead, type="column"),) if instead else ()
    )
    return Forbidden(
        Problem(
            f"You may not read {what} of {table.name}.",
            why=f"The rule {verdict.rule} {verdict.because}. The rest of this statement is fine. Nothing was run.",
            todo=(f"Ask {verdict.ask} for access" if verdict.ask else "Ask for access")
            + (f", or use {instead} instead." if instead else "."),
            suggestions=suggestions,
            line=at.line if at else None,
            column=at.column if at else None,
            rule=verdict.rule,
            ask=verdict.ask or None,
            source=table.source,
        )
    )


def _forbidden_table(table: VisibleDataset, at: Place | None) -> Forbidden:
    """Return the error for a table that the person may know of but not read."""
    verdict = table.read
    return Forbidden(
        Problem(
            f"You may not read {table.name}.",
            why=f"The rule {verdict.rule} {verdict.because}. Nothing was run.",
            todo=f"Ask {verdict.ask or table.dataset.owner or 'its owner'} for access.",
            line=at.line if at else None,
            column=at.column if at else None,
            rule=verdict.rule,
            ask=verdict.ask or None,
            source=table.source,
        )
    )


def unknown_column(
    written: str, relations: Sequence[Relation], at: Place | None, *, quoted: bool = False
) -> UnknownName:
    """Return the error for a column that is not there, with the nearest that are."""
    known = {key: (name, item) for item in relations for key, name in item.columns.items()}
    near = (
        get_close_matches(written.casefold(), known, n=MAX_SUGGESTIONS, cutoff=0.6) if len(written) <= MAX_SHOWN else []
    )
    tables = [item for item in relations if item.reference]
    of = ""
    if len(relations) == 1:
        of = f" of {_table_name(relations[0])}"
    elif tables:
        of = " of the tables in this FROM"
    suggestions = (*(_column_suggestion(written, *known[key]) for key in near), *_all_columns(relations))
    return UnknownName(
        Problem(
            f"{cut(written)} is not a column{of}.",
            why="Nothing was run." + (" Nearest columns that you may read:" if near else ""),
            todo=(
                f"Text stands in single quotes: '{cut(written)}'."
                if quoted
                else ""
                if near
                else "The Data page lists every column."
            ),
            suggestions=suggestions,
            line=at.line if at else None,
            column=at.column if at else None,
        )
    )


def unknown_table(written: Sequence[str], near: Near, own: Sequence[str], at: Place | None) -> UnknownName:
    """Return the error for a table that does not exist for this person, with the nearest that do."""
    shown = ".".join(written)
    suggestions: list[Suggestion] = []
    if len(shown) <= 3 * MAX_SHOWN:  # nothing is near a name that long
        keys = {name.casefold(): name for name in own} if len(written) == 1 else {}
        near_own = [keys[key] for key in get_close_matches(shown.casefold(), keys, n=MAX_SUGGESTIONS, cutoff=0.6)]
        tables = [(table.name, table.comment) for table in near(written, MAX_SUGGESTIONS)]
        for parts, comment in [*(((name,), None) for name in near_own), *tables][:MAX_SUGGESTIONS]:
            by = names.written(*parts)
            suggestions.append(Suggestion(f"Use {by}", replace=shown, by=by, type="table", detail=comment))
    return UnknownName(
        Problem(
            f"There is no table {cut(shown, 3 * MAX_SHOWN)} that you may see.",
            why="Nothing was run." + (" Nearest tables:" if suggestions else " Tables are named source.schema.table."),
            todo="" if suggestions else "The Data page lists every table that you may see.",
            suggestions=tuple(suggestions),
            line=at.line if at else None,
            column=at.column if at else None,
        )
    )


def _table_name(item: Relation) -> str:
    table = item.reference.table if item.reference else None
    return str(table.name) if isinstance(table, VisibleDataset) else item.alias or "this query"


def _all_columns(relations: Sequence[Relation]) -> tuple[Suggestion, ...]:
    """Return the way to the only table's page, below the portal's address."""
    table = relations[0].reference.table if len(relations) == 1 and relations[0].reference else None
    if not isinstance(table, VisibleDataset):
        return ()
    path = "/".join(quote(part, safe="") for part in (table.source, table.dataset.schema, table.dataset.name))
    return (
        Suggestion(
            label="The table's column" if len(table.columns) == 1 else f"All {len(table.columns)} columns",
            href=f"/data/{path}",
        ),
    )


def _column_suggestion(written: str, name: str, item: Relation) -> Suggestion:
    column = (
        next((column for column in item.reference.columns if column.name == name), None) if item.reference else None
    )
    return Suggestion(
        label=f"Use {name}",
        replace=written,
        by=name,
        type=sql_type(column.type) if column else None,
        detail=column.comment if column else None,
    )
