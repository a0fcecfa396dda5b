"""What is said of a query: to its person when it is accepted or refused, and to the audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from swap import audit
from swap.catalog.model import VisibleDataset
from swap.errors import Problem, QueryRefused, SwapError
from swap.identity import Principal, Via
from swap.query.language.text import cut
from swap.query.language.verify import too_deep
from swap.query.model import End, Reference, Statement
from swap.query.run.run import Run

MAX_TOLD = 1_000
"""Characters of a sentence of an error."""


def refusal(error: Exception) -> SwapError:
    """Return what is told and recorded of a statement that is not run, short whatever it quotes.

    `internal` when the mistake is ours.
    """
    if isinstance(error, RecursionError):
        return too_deep()
    if not isinstance(error, SwapError):
        return SwapError(Problem("SWAP made a mistake with this statement.", why=f"{type(error).__name__}."))
    problem = error.problem
    suggestions = tuple(
        each
        for each in problem.suggestions
        if len(each.label) + len(each.replace or "") + len(each.by or "") <= MAX_TOLD
    )
    return type(error)(
        replace(
            problem,
            title=cut(problem.title, MAX_TOLD),
            why=cut(problem.why, MAX_TOLD),
            todo=cut(problem.todo, MAX_TOLD),
            suggestions=suggestions,
        )
    )


def accepted(
    principal: Principal, statement: Statement, query_id: str, references: list[Reference]
) -> audit.QueryAccepted:
    """Return the audit's record of the intent: what is read, by which rules."""
    tables = [(reference, reference.table) for reference in references]
    read = [(table, reference) for reference, table in tables if isinstance(table, VisibleDataset)]
    columns = {f"{table.name}.{column.name}" for table, reference in read for column in reference.needed()}
    rules = {
        visible.read.rule
        for table, reference in read
        for visible in table.columns
        if visible.column in reference.needed()
    }
    return audit.QueryAccepted(
        person_id=principal.id,
        via=principal.via,
        query_id=query_id,
        kernel_id=statement.kernel_id,
        statement=statement.text,
        datasets=tuple(sorted({str(table.name) for table, _ in read})),
        columns=tuple(sorted(columns)),
        rules=tuple(sorted(rules)),
        dialect=statement.dialect,
    )


def refused(principal: Principal, statement: Statement, error: SwapError) -> audit.QueryRefused:
    """Return the audit's record of a statement that is not run."""
    return audit.QueryRefused(
        person_id=principal.id,
        via=principal.via,
        kernel_id=statement.kernel_id,
        statement=statement.text[:20_000],
        category=error.category,
        reason=str(error),
        rule=error.problem.rule or "",
        dialect=statement.dialect[:MAX_TOLD],
    )


def refused_there(run: Run, error: QueryRefused) -> audit.QueryRefused:
    """Return the audit's record of a statement that is not run because its source reads it otherwise."""
    return refused(run.principal, Statement(run.statement, kernel_id=run.kernel_id, dialect=run.dialect), error)


def ended(run: Run, end: End) -> audit.QueryEnded:
    """Return the audit's record of the outcome."""
    return audit.QueryEnded(
        person_id=run.principal.id,
        via=run.principal.via,
        query_id=run.id,
        state=end.state.value,
        reason=str(end.error) if end.error else "",
        rows=end.rows,
        bytes=end.size_bytes,
        seconds=round(run.elapsed, 3),
    )


def lost(row: Row[Any], end: End) -> audit.QueryEnded:
    """Return the audit's record for a run that nobody saw end."""
    return audit.QueryEnded(
        person_id=row.person_id,
        via=Via(row.via),
        query_id=row.id,
        state=end.state.value,
        reason=str(end.error),
        rows=0,
        bytes=0,
        seconds=round((end.at - row.created_at).total_seconds(), 3),
    )


def readable(references: list[Reference]) -> str:
    """Say of how much the person's rights were checked."""
    tables = {reference.table.name for reference in references if isinstance(reference.table, VisibleDataset)}
    sources = {name.source for name in tables}
    if not tables:
        return "no source is read"
    return (
        f"{len(tables)} table{'s' if len(tables) > 1 else ''} in {len(sources)}"
        f" source{'s' if len(sources) > 1 else ''}, {'all ' if len(tables) > 1 else ''}readable"
    )
