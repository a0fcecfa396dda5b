"""What a person asks of a run of theirs: where it stands, and its result, by page, as a stream or to take away.

A run is its person's own: for anybody else its id does not exist.  What it read is held against the rights of this
moment each time, and again while a result is sent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa
from sqlalchemy import Engine

from swap import audit
from swap.errors import Invalid, NotFound, Problem, SwapError
from swap.identity import KERNELS, Principal
from swap.policy.model import Resource
from swap.query import lineage, rights, store
from swap.query.model import RunState
from swap.query.results import pages
from swap.query.results.filters import Filter
from swap.query.results.pages import Page
from swap.query.results.spool import Parts, Spool, Written
from swap.query.run import view
from swap.query.run.run import Run
from swap.query.run.state import RunView
from swap.settings import Policy

T = TypeVar("T")

LOOK_SECONDS = 1.0
"""How often somebody who is being sent a result is looked up: may they still?"""


class Access:
    """The runs and results of one gateway, as their people may have them now."""

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        spool: Spool,
        now: Callable[[], datetime],
        find: Callable[[Principal, str], Run | None],
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._spool = spool
        self._now = now
        self._find = find
        """Returns a person's own run, if this gateway has it in memory."""

    def state(self, principal: Principal, query_id: str, after: int, seconds: float) -> RunView:
        """Return where a run stands, waiting for a revision newer than `after`; of what is closed only how it ended.

        Raises NotFound.
        """
        run = self._find(principal, query_id)
        if run is not None:
            run.wait_change(after, seconds)
            return self.seen(principal, run)
        seen = view.remembered(self._row(principal, query_id), self._kept(query_id))
        try:
            self._demand(principal, query_id)
        except SwapError as why:
            return seen.closed(why)
        return seen

    def seen(self, principal: Principal, run: Run) -> RunView:
        """Return where a person's own run stands; of one whose result is closed to them only how it ended."""
        seen = run.view()
        if seen.state.ended:
            try:
                rights.demand(self._policy, principal, run.plan.reads)
            except SwapError as why:
                return seen.closed(why)
        return seen

    def stream(self, principal: Principal, query_id: str, first_batch: int, kernel_id: str = "") -> Parts:
        """Return the result as an Arrow IPC stream, following the run; nothing for one that has failed.

        Raises NotFound, Forbidden.
        """
        columns = self._demand(principal, query_id, kernel_id)
        run = self._find(principal, query_id)
        while run is not None and run.result is None and not run.state.ended:
            run.wait_change(run.revision, 1.0)
        if run is not None and run.state in {RunState.FAILED, RunState.CANCELLED}:
            return Parts(iter(()))
        parts, size = self._spool.stream(query_id, first_batch)
        return Parts(self._while_allowed(principal, columns, parts), size)

    def small(self, principal: Principal, query_id: str, at_most: int) -> bytes | None:
        """Return a complete result as an Arrow IPC stream if it is no larger than so many bytes.

        Raises NotFound, Forbidden.
        """
        self._demand(principal, query_id)
        return self._spool.small(query_id, at_most)

    def page(
        self,
        principal: Principal,
        query_id: str,
        offset: int,
        limit: int,
        sort: str | None,
        *,
        descending: bool,
        only: Filter | None = None,
        kernel_id: str = "",
    ) -> Page:
        """Return rows of a result as text.  Raises NotFound, Forbidden, Invalid."""
        self._demand(principal, query_id, kernel_id)
        return pages.page(self._spool, query_id, offset, limit, sort, descending=descending, only=only)

    def shown(self, principal: Principal, query_id: str, offset: int, limit: int) -> tuple[Run, Page] | None:
        """Return a person's own run with rows of its result, if it is at hand and no rows of a kernel are in it."""
        run = self._find(principal, query_id)
        if run is None or run.state is not RunState.DONE or run.brought:
            return None
        with contextlib.suppress(NotFound, Invalid):
            return run, pages.page(self._spool, query_id, offset, limit, None, descending=False)
        return None

    def download(
        self, principal: Principal, query_id: str, kernel_id: str = ""
    ) -> tuple[Written, Iterator[pa.RecordBatch]]:
        """Record that a person takes a result away, and return it.  Raises NotFound, Forbidden, Invalid."""
        columns = self._demand(principal, query_id, kernel_id)
        written = self._spool.written(query_id)
        if not written.complete:
            raise Invalid(Problem("This query still runs.", todo="Download its result when it is done."))
        with self._engine.begin() as conn:
            audit.record(conn, audit.ResultDownloaded(person_id=principal.id, via=principal.via, query_id=query_id))
        return written, self._while_allowed(principal, columns, self._spool.batches(query_id))

    def _demand(self, principal: Principal, query_id: str, taker: str = "") -> tuple[Resource, ...]:
        """Let a person pass to a result of theirs, which one of their kernels may take; return what it read.

        Raises NotFound, and Forbidden when that is closed to them by now.
        """
        run = self._find(principal, query_id)
        if run is not None:
            columns, giver = run.plan.reads, run.kernel_id
        else:
            row = self._row(principal, query_id)
            if row.reads is None:
                raise _no_such_query()
            columns, giver = rights.decode(row.reads), row.kernel_id
        rights.demand(self._policy, principal, columns)
        if taker not in {"", giver} and principal.via in KERNELS:
            with self._engine.begin() as conn:
                lineage.hand_on(conn, principal.id, giver, taker, self._now())
        return columns

    def _while_allowed(self, principal: Principal, columns: tuple[Resource, ...], parts: Iterator[T]) -> Iterator[T]:
        """Yield the parts until the person may not have them any more; whoever asks again hears why."""
        looked = time.monotonic()
        for part in parts:
            if time.monotonic() - looked >= LOOK_SECONDS:
                try:
                    with self._engine.begin() as conn:
                        rights.demand_now(conn, self._policy, principal, columns, self._now())
                except SwapError:
                    return
                looked = time.monotonic()
            yield part

    def _row(self, principal: Principal, query_id: str) -> Any:
        with self._engine.begin() as conn:
            row = store.find(conn, query_id, principal.id)
        if row is None:
            raise _no_such_query()
        return row

    def _kept(self, query_id: str) -> Written | None:
        with contextlib.suppress(NotFound):
            return self._spool.written(query_id)
        return None


def _no_such_query() -> NotFound:
    return NotFound(
        Problem(
            "There is no such query.",
            why="It never was, it is somebody else's, or it is forgotten.",
            todo="Run it again.",
        )
    )
