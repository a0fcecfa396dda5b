"""What is said of a query: to its person while it waits and when it fails, and to the audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from swap import audit
from swap.catalog.model import VisibleDataset
from swap.catalog.service import Health
from swap.errors import Problem, SourceUnavailable, SwapError
from swap.identity import Principal
from swap.query.execution.queue import NO_SOURCE, Places
from swap.query.language.parse import cut, place
from swap.query.language.verify import too_deep
from swap.query.model import Reference, Statement
from swap.query.run.run import Run
from swap.settings import Source

MAX_TOLD = 1_000
"""Characters of a sentence of an error."""


def place_in_line(position: int) -> str:
    """Say where a query stands in a queue."""
    before = position - 1
    return f"position {position}, " + (
        f"{before} {'query' if before == 1 else 'queries'} before yours" if before else "yours is next"
    )


def why_it_waits(source: str, places: Places) -> str:
    """Say how many a source runs at a time."""
    runs, kind = ("SWAP runs", " without a source") if source == NO_SOURCE else (f"{source} runs", "")
    return (
        f"{runs} {places.slots} {'query' if places.slots == 1 else 'queries'}{kind} at a time, at most"
        f" {places.slots_per_person} of one person. Yours starts when the next place is free."
    )


def source_down(source: str, settings: Source, health: Mapping[str, Health]) -> SourceUnavailable:
    """Say since when a source does not answer, which others do, and whom to ask."""
    others = sorted(name for name, state in health.items() if state.up)
    works = f"; {' and '.join(others)} {'does' if len(others) == 1 else 'do'}" if others else ""
    since, ask = health[source].since, settings.owner
    return SourceUnavailable(
        Problem(
            f"{source} does not answer{works}.",
            why=(
                f"{source} has not answered since {since:%H:%M UTC}; SWAP gives up after"
                f" {settings.connect_timeout_seconds:g} s. Nothing is wrong with your SQL."
            ),
            todo=f"Try again later{f', or ask {ask}' if ask else ''}.",
            ask=ask or None,
            source=source,
            extra={"since": since.isoformat(), "waited_seconds": settings.connect_timeout_seconds, "working": others},
        )
    )


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


def in_the_statements_words(error: SwapError, run: Run) -> SwapError:
    """Name tables, not the combiner's inputs; say where a name that the combiner quotes stands in the person's text."""
    ours = {
        item.name: f"{item.source}.{item.fragment.schema}.{item.fragment.table}" if item.fragment else "your table"
        for item in run.plan.inputs
    }
    title = re.sub(r"swap_\w+", lambda found: ours.get(found.group(), found.group()), error.problem.title)
    at = next(
        (
            found.start()
            for name in re.findall(r'"([^"]+)"', title)
            if (found := re.search(rf"\b{re.escape(name)}\b", run.statement, re.IGNORECASE))
        ),
        None,
    )
    where = place(run.statement, at)
    return type(error)(
        replace(error.problem, title=title, line=where.line if where else None, column=where.column if where else None)
    )


def accepted(
    principal: Principal, statement: Statement, query_id: str, references: list[Reference]
) -> audit.QueryAccepted:
    """Return the audit's record of the intent: what is read, by which rules."""
    tables = [(reference, reference.table) for reference in references]
    read = [(table, reference) for reference, table in tables if isinstance(table, VisibleDataset)]
    columns = {f"{table.full_name}.{column.name}" for table, reference in read for column in reference.needed()}
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
        datasets=tuple(sorted({table.full_name for table, _ in read})),
        columns=tuple(sorted(columns)),
        rules=tuple(sorted(rules)),
    )


def readable(references: list[Reference]) -> str:
    """Say of how much the person's rights were checked."""
    tables = {reference.table.full_name for reference in references if isinstance(reference.table, VisibleDataset)}
    sources = {name.partition(".")[0] for name in tables}
    if not tables:
        return "no source is read"
    return (
        f"{len(tables)} table{'s' if len(tables) > 1 else ''} in {len(sources)}"
        f" source{'s' if len(sources) > 1 else ''}, {'all ' if len(tables) > 1 else ''}readable"
    )
