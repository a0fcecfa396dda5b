"""Why a run failed, in words for its person: what only SWAP as a whole knows is added here.

Where it stands in the statement; since when a source is down, which others answer, and whom to ask.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from swap.catalog import service as catalog
from swap.catalog.service import Health
from swap.errors import Invalid, Problem, QueryRefused, SourceUnavailable, SwapError
from swap.identity import Principal
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.query.language.text import place
from swap.query.run.run import Run
from swap.settings import Settings, Source

log = logging.getLogger(__name__)


class Failures:
    """Explains failures of one gateway's runs."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        now: Callable[[], datetime],
        source_is_down: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._now = now
        self._source_is_down = source_is_down
        """Told when a query found a source down, so that the catalog asks it soon."""

    def explain(self, error: Exception, run: Run) -> SwapError:
        """Return what the person of a run is told of what stopped it."""
        if not isinstance(error, SwapError):  # whatever it was, the person is told that it ended
            log.error("Query %s failed", run.id, exc_info=error)
            return our_mistake(run.id)
        if isinstance(error, (QueryRefused, Invalid)) and error.problem.line is None:
            return in_the_statements_words(error, run)
        return self._source_down(error, run) if isinstance(error, SourceUnavailable) else error

    def _source_down(self, error: SourceUnavailable, run: Run) -> SwapError:
        source = error.problem.source or next(iter(run.plan.sources), "")
        settings = self._settings.sources.get(source)
        # Where one of several servers is away, the source is not.
        if settings is None or error.problem.extra.get("server"):
            return error
        with contextlib.suppress(SwapError):
            with self._engine.begin() as conn:
                catalog.mark(conn, source, up=False, problem=error.problem.why or error.problem.title, now=self._now())
                health = {
                    name: state
                    for name, state in catalog.health(conn).items()
                    if name == source or self._known_to(run.principal, name)
                }
            self._source_is_down(source)
            return source_down(source, settings, health)
        return error

    def _known_to(self, principal: Principal, source: str) -> bool:
        return (
            source in self._settings.sources
            and decide(self._settings.policy, principal, Action.DISCOVER, Resource(source)).allowed
        )


def our_mistake(query_id: str) -> SwapError:
    """Return what is told when the mistake is ours."""
    return SwapError(
        Problem(
            "SWAP made a mistake with this query.",
            why="Trying again is safe.",
            todo=f"Tell whoever runs SWAP: query {query_id}.",
        )
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
