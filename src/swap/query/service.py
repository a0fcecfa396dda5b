"""The verbs of queries.  `Queries.run` is the spine: parse, resolve, decide, rewrite, plan, queue, execute, audit.

The intent is in the audit before anything runs, and so is every refusal, cancellation and outcome.  A
query is its person's own: for anybody else its id does not exist.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import IO, Any

from sqlalchemy import Engine

from swap import audit
from swap.catalog import service as catalog
from swap.catalog.model import VisibleDataset
from swap.connectors.base import Connector
from swap.errors import Invalid, NotFound, Problem, QueryCancelled, QueryRefused, SourceUnavailable, SwapError
from swap.identity import Principal
from swap.people import service as people
from swap.query import store
from swap.query.combiner import Pool
from swap.query.execute import Execution
from swap.query.model import Plan, Reference, RunState, Statement
from swap.query.parse import parse, place
from swap.query.plan import plan
from swap.query.queue import NO_SOURCE, Queue
from swap.query.resolve import resolve
from swap.query.results import Spool
from swap.query.run import Run
from swap.query.uploads import Uploads
from swap.settings import Settings

log = logging.getLogger(__name__)


class Queries:
    """All queries of one gateway."""

    def __init__(self, engine: Engine, settings: Settings, connectors: Mapping[str, Connector], pool: Pool, spool: Spool,
                 now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.engine = engine
        self.settings = settings
        self.connectors = connectors
        self.spool = spool
        self.uploads = Uploads(spool, pool, settings.limits, now, new_id)
        self.queue = Queue(engine, settings)
        self.source_is_down: Callable[[str], None] = lambda _source: None
        """Told when a query found a source down, so that the catalog asks it soon."""
        self._pool = pool
        self._now = now
        self._new_id = new_id
        self._runs: dict[str, Run] = {}
        self._threads: dict[str, threading.Thread] = {}

    def now(self) -> datetime:
        """Return this moment, on the clock the queries were given."""
        return self._now()

    # ── The spine ───────────────────────────────────────────────────────────────────────────────
    def run(self, principal: Principal, statement: Statement) -> Run:
        """Accept a statement and start it.  Raises QueryRefused, UnknownName, Forbidden, LimitExceeded; then nothing was run."""
        query_id = "q" + self._new_id()
        try:
            planned, references = self._plan(principal, statement, query_id)
            self.queue.enqueue(query_id, principal.id, planned.sources or (NO_SOURCE,))
        except SwapError as error:
            self._record_refusal(principal, statement, error)
            raise
        run = Run(query_id, principal.id, statement.text, planned)
        run.finish("rights", _rights(references))
        try:
            with self.engine.begin() as conn:
                store.add(conn, query_id, principal, statement, planned, self._now())
                audit.record(conn, _accepted(principal, statement, query_id, references))
        except BaseException:
            self.queue.leave(query_id)
            raise
        self._runs[query_id] = run
        thread = threading.Thread(target=self._carry_out, args=(run, principal), name=query_id, daemon=True)
        self._threads[query_id] = thread
        thread.start()
        return run

    def _plan(self, principal: Principal, statement: Statement, query_id: str) -> tuple[Plan, list[Reference]]:
        tree = parse(statement.text, statement.params, self.settings.limits.statement_bytes)
        own = {name: self.uploads.table(principal, name, upload_id) for name, upload_id in statement.tables.items()}
        with self.engine.begin() as conn:
            visible = catalog.visible(conn, self.settings.policy, principal)
        resolved = resolve(tree, statement.text, visible, own, self.settings.policy)
        capabilities = {name: connector.capabilities for name, connector in self.connectors.items()}
        planned = plan(resolved, capabilities, query_id)
        if missing := [name for name in planned.sources if name not in self.connectors]:
            raise QueryRefused(Problem(f"There is no source {missing[0]}.", why="Nothing was run."))
        return planned, resolved.references

    def _carry_out(self, run: Run, principal: Principal) -> None:
        """Wait for places, execute, and record how it ended.  Runs in the query's own thread."""
        state = RunState.FAILED
        error: SwapError | None = None
        try:
            self._wait_for_places(run)
            self._check_again(run, principal)
            run.start()
            with self.engine.begin() as conn:
                store.started(conn, run.id)
            run.result = self.spool.create(run.id)
            Execution(run, run.plan, self.connectors, self._pool, self.settings.limits, self.uploads.open)(run.result)
            state = RunState.DONE
        except QueryCancelled as cancelled:
            state, error = RunState.CANCELLED, cancelled
        except SwapError as failed:
            error = self._explain(failed, run)
        except Exception:  # whatever it was, the person is told that it ended
            log.exception("Query %s failed", run.id)
            error = SwapError(Problem("SWAP made a mistake with this query.", why="Trying again is safe.",
                                      todo=f"Tell whoever runs SWAP: query {run.id}."))
        self._finish(run, principal, state, error)

    def _wait_for_places(self, run: Run) -> None:
        waited = False
        while True:
            if run.cancelled.is_set():
                raise QueryCancelled
            started, positions = self.queue.try_start(run.id)
            if started:
                break
            run.on_cancel = self.queue.wake
            self._show_waiting(run, positions, first=not waited)
            waited = True
            self.queue.wait()
        for source in run.waits_for:
            if waited:
                run.finish(f"wait:{source}")
            else:
                run.skip(f"wait:{source}")

    def _show_waiting(self, run: Run, positions: Mapping[str, int], *, first: bool) -> None:
        said = {}
        for source, position in positions.items():
            before = position - 1
            line = "yours is next" if not before else f"{before} {'query' if before == 1 else 'queries'} before yours"
            said[source] = f"position {position}, {line}"
        source = max(positions, key=lambda name: positions[name])
        places = self.queue.places(source)
        runs = "SWAP runs" if source == NO_SOURCE else f"{source} runs"
        kind = " without a source" if source == NO_SOURCE else ""
        run.note = (f"{runs} {places.slots} {'query' if places.slots == 1 else 'queries'}{kind} at a time, at most {places.slots_per_person} of one person. "
                    "Yours starts when the next place is free.")
        if first or said != {key.partition(":")[2]: detail for key, detail in run.details("wait").items()}:
            for name, detail in said.items():
                run.begin(f"wait:{name}", detail)

    def _check_again(self, run: Run, principal: Principal) -> None:
        """Rights may have changed while it waited: what may not be read now is not read."""
        with self.engine.begin() as conn:
            now_principal = people.principal(conn, principal.id, principal.via, self._now())
            visible = {table.full_name: table for table in catalog.visible(conn, self.settings.policy, now_principal)}
        for item in run.plan.inputs:
            if item.fragment is None:
                continue
            name = f"{item.source}.{item.fragment.schema}.{item.fragment.table}"
            table = visible.get(name)
            readable = {column.column.name for column in table.columns if column.read.allowed} if table and table.read.allowed else set()
            if not {column.name for column in item.columns} <= readable:
                raise NotFound(Problem(f"You may no longer read {name}.", why="Your rights or the table changed while the query waited. Nothing was run.",
                                       todo="Run it again to see what is open to you now."))

    def _explain(self, error: SwapError, run: Run) -> SwapError:
        """Add to a failure what only SWAP as a whole knows: where it stands in the statement; since when a source is down, whom to ask."""
        if isinstance(error, (QueryRefused, Invalid)) and error.problem.line is None:
            return _in_the_statements_words(error, run)
        if not isinstance(error, SourceUnavailable):
            return error
        source = error.problem.source or next(iter(run.plan.sources), "")
        settings = self.settings.sources.get(source)
        if settings is None:
            return error
        with contextlib.suppress(SwapError):
            with self.engine.begin() as conn:
                catalog.mark(conn, source, up=False, problem=error.problem.why or error.problem.title, now=self._now())
                health = catalog.health(conn)
            self.source_is_down(source)
            others = sorted(name for name, state in health.items() if state.up and name in self.settings.sources)
            since = health[source].since.strftime("%H:%M UTC")
            verb = "does" if len(others) == 1 else "do"
            works = f"; {' and '.join(others)} {verb}" if others else ""
            ask = settings.owner
            return SourceUnavailable(Problem(
                f"{source} does not answer{works}.",
                why=(f"{source} has not answered since {since}; SWAP gives up after {settings.connect_timeout_seconds:g} s. "
                     "Nothing is wrong with your SQL."),
                todo=f"Try again later{f', or ask {ask}' if ask else ''}.", ask=ask or None, source=source,
                extra={"since": health[source].since.isoformat(), "waited_seconds": settings.connect_timeout_seconds, "working": others}))
        return error

    def _finish(self, run: Run, principal: Principal, state: RunState, error: SwapError | None) -> None:
        written = run.result.written if run.result else None
        rows, size = (written.rows[-1], written.bytes) if written else (0, 0)
        now = self._now()
        kept_for = timedelta(hours=self.settings.limits.spool_hours)
        if run.result is not None and state is not RunState.DONE:
            # Half a result is of no use, and its room is needed; whoever reads it now sees it end without an end mark.
            run.result.end(complete=False)
            self.spool.forget(run.id)
        try:
            with self.engine.begin() as conn:
                store.ended(conn, run.id, state, error, rows=rows, size_bytes=size, now=now, expires_at=now + kept_for)
                audit.record(conn, audit.QueryEnded(
                    person_id=principal.id, via=principal.via, query_id=run.id, state=state.value, reason=str(error) if error else "",
                    rows=rows, bytes=size, seconds=round(run.elapsed, 3)))
            self.queue.leave(run.id)
        except Exception:  # the person's result is there all the same; the lease frees the place
            log.exception("The end of query %s could not be recorded", run.id)
        finally:
            run.end(state, error, kept_for, now)
            self._threads.pop(run.id, None)

    def _record_refusal(self, principal: Principal, statement: Statement, error: SwapError) -> None:
        with self.engine.begin() as conn:
            audit.record(conn, audit.QueryRefused(
                person_id=principal.id, via=principal.via, kernel_id=statement.kernel_id, statement=statement.text[:20_000],
                category=error.category, reason=str(error), rule=error.problem.rule or ""))

    # ── Other verbs ─────────────────────────────────────────────────────────────────────────────
    def find(self, principal: Principal, query_id: str) -> Run | None:
        """Return a person's own run, if this gateway has it in memory."""
        run = self._runs.get(query_id)
        return run if run is not None and run.person_id == principal.id else None

    def state(self, principal: Principal, query_id: str, after: int, seconds: float) -> dict[str, Any]:
        """Return a run's state, waiting for one newer than `after`.  Raises NotFound."""
        run = self.find(principal, query_id)
        if run is not None:
            run.wait_change(after, seconds)
            view = run.view()
            view["error"] = store.problem_json(view["error"]) if view["error"] else None
            return view
        with self.engine.begin() as conn:
            row = store.find(conn, query_id, principal.id)
        if row is None:
            raise _no_such_query()
        return _remembered(row, self.spool)

    def cancel(self, principal: Principal, query_id: str) -> str:
        """Cancel at the sources; return the state.  Idempotent.  Raises NotFound."""
        run = self.find(principal, query_id)
        if run is None:
            return str(self.state(principal, query_id, 0, 0)["state"])
        run.cancel()
        thread = self._threads.get(query_id)
        if thread is not None:
            thread.join(timeout=5.0)
        return run.state.value

    def cancel_all_of(self, person_id: str) -> None:
        """Cancel whatever a person runs, because their access has ended."""
        for run in list(self._runs.values()):
            if run.person_id == person_id and not run.state.ended:
                run.cancel()

    def stream(self, principal: Principal, query_id: str, first_batch: int) -> Iterator[bytes]:
        """Yield the result as an Arrow IPC stream, following the run; nothing for one that has failed.  Raises NotFound."""
        run = self._wait_for_result(principal, query_id)
        if run is not None and run.state in {RunState.FAILED, RunState.CANCELLED}:
            return iter(())
        return self.spool.stream(query_id, first_batch)

    def _wait_for_result(self, principal: Principal, query_id: str) -> Run | None:
        run = self.find(principal, query_id)
        if run is None:
            self.state(principal, query_id, 0, 0)
            return None
        while run.result is None and not run.state.ended:
            run.wait_change(run.revision, 1.0)
        return run

    def page(self, principal: Principal, query_id: str, offset: int, limit: int, sort: str | None, *, descending: bool) -> dict[str, Any]:
        """Return rows of a result as text.  Raises NotFound, Invalid."""
        self.state(principal, query_id, 0, 0)
        return self.spool.page(query_id, offset, limit, sort, descending=descending)

    def download(self, principal: Principal, query_id: str) -> None:
        """Record that a person takes a result away.  Raises NotFound."""
        self.state(principal, query_id, 0, 0)
        self.spool.written(query_id)
        with self.engine.begin() as conn:
            audit.record(conn, audit.ResultDownloaded(person_id=principal.id, via=principal.via, query_id=query_id))

    def upload(self, principal: Principal, body: IO[bytes]) -> dict[str, Any]:
        """Keep one of a person's own tables for an hour.  Raises Invalid, LimitExceeded."""
        return self.uploads.add(principal, body)

    # ── Coming and going ────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Begin: end what a gateway before this one left, make a combiner ready."""
        now = self._now()
        error = SwapError(Problem("SWAP was restarted while this query ran.", todo="Run it again."))
        with self.engine.begin() as conn:
            for row in store.unfinished(conn):
                self.spool.forget(row.id)
                store.ended(conn, row.id, RunState.FAILED, error, rows=0, size_bytes=0, now=now, expires_at=now)
        self.queue.start()
        self._pool.prepare()

    def stop(self) -> None:
        """End every run, at its sources too."""
        for run in list(self._runs.values()):
            run.cancel()
        for thread in list(self._threads.values()):
            thread.join(timeout=5.0)
        self.queue.stop()
        self._pool.close()

    def keep_house(self) -> None:
        """Forget results that have expired, uploads after an hour, and runs that nobody can ask for any more."""
        now = self._now()
        running = {query_id for query_id, run in self._runs.items() if not run.state.ended}
        self.spool.expire(running, now)
        self.uploads.expire(now)
        for query_id, run in list(self._runs.items()):
            if run.state.ended and run.expires_at is not None and run.expires_at < now:
                self.spool.forget(query_id)
                self._runs.pop(query_id, None)


def _in_the_statements_words(error: SwapError, run: Run) -> SwapError:
    """Name tables, not the combiner's inputs, and say where a name that the combiner quotes stands in the person's text."""
    title = error.problem.title
    for item in run.plan.inputs:
        known = f"{item.source}.{item.fragment.schema}.{item.fragment.table}" if item.fragment else "your table"
        title = title.replace(item.name, known)
    at = next((found.start() for name in re.findall(r'"([^"]+)"', title) if (found := re.search(rf"\b{re.escape(name)}\b", run.statement, re.IGNORECASE))), None)
    where = place(run.statement, at)
    return type(error)(replace(error.problem, title=title, line=where.line if where else None, column=where.column if where else None))


def _accepted(principal: Principal, statement: Statement, query_id: str, references: list[Reference]) -> audit.QueryAccepted:
    tables = [(reference, reference.table) for reference in references]
    read = [(table, reference) for reference, table in tables if isinstance(table, VisibleDataset)]
    columns = {f"{table.full_name}.{column.name}" for table, reference in read for column in reference.needed()}
    rules = {visible.read.rule for table, reference in read for visible in table.columns if visible.column in reference.needed()}
    return audit.QueryAccepted(
        person_id=principal.id, via=principal.via, query_id=query_id, kernel_id=statement.kernel_id, statement=statement.text,
        datasets=tuple(sorted({table.full_name for table, _ in read})), columns=tuple(sorted(columns)), rules=tuple(sorted(rules)))


def _rights(references: list[Reference]) -> str:
    tables = {reference.table.full_name for reference in references if isinstance(reference.table, VisibleDataset)}
    sources = {name.partition(".")[0] for name in tables}
    if not tables:
        return "no source is read"
    return (f"{len(tables)} table{'s' if len(tables) > 1 else ''} in {len(sources)} source{'s' if len(sources) > 1 else ''}, "
            f"{'all ' if len(tables) > 1 else ''}readable")


def _remembered(row: Any, spool: Spool) -> dict[str, Any]:
    """Return the state of a run that ended before this gateway started, as far as it is still known."""
    written = None
    with contextlib.suppress(NotFound):
        written = spool.written(row.id)
    elapsed = (row.ended_at - row.created_at).total_seconds() if row.ended_at else 0.0
    return {
        "id": row.id, "revision": 1, "state": row.state, "headline": row.state.capitalize(), "elapsed": elapsed, "stages": [],
        "rows": row.row_count or 0, "bytes": row.size_bytes or 0, "source_rows": {}, "source_bytes": {}, "summary": "", "notices": [],
        "note": "", "columns": [{"name": each["name"], "type": each["type"]} for each in spool.columns(written)] if written else None,
        "error": row.error, "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def _no_such_query() -> NotFound:
    return NotFound(Problem("There is no such query.", why="It never was, it is somebody else's, or it is forgotten.", todo="Run it again."))
