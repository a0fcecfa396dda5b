"""The verbs of queries.  `Queries.run` is the spine: parse, resolve, decide, rewrite, plan, queue, execute, audit.

The intent is in the audit before anything runs, and so is every refusal, cancellation and outcome.  A
query is its person's own: for anybody else its id does not exist.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from swap import audit
from swap.catalog import service as catalog
from swap.connectors.base import Connector
from swap.errors import Problem, QueryCancelled, QueryRefused, SwapError, Unavailable
from swap.identity import Principal
from swap.query import left, reads, resume, rights, store
from swap.query.access import Access
from swap.query.execution import waiting
from swap.query.execution.execute import Execution
from swap.query.execution.pool import Pool
from swap.query.execution.queue import Queue, at_server
from swap.query.execution.uploads import Uploads
from swap.query.language import names, native
from swap.query.language.dialects import demand_none, language
from swap.query.language.params import decoded
from swap.query.language.parse import parse
from swap.query.model import End, NoResults, Plan, Reference, ResultTables, RunState, Statement
from swap.query.planning.native import plan as plan_native
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve
from swap.query.planning.turns import Planning
from swap.query.results.spool import Spool
from swap.query.run import told
from swap.query.run.failures import Failures
from swap.query.run.habits import Usual
from swap.query.run.news import RunNews
from swap.query.run.presence import GONE_SECONDS, Presence
from swap.query.run.run import Run
from swap.settings import Settings

log = logging.getLogger(__name__)

AT_HAND = timedelta(minutes=10)
"""How long all of an ended run can be looked at.  How it ended stays in the database, its result in the spool."""
_RESTARTED = "SWAP was restarted while this query ran."


class Queries:
    """All queries of one gateway."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        connectors: Mapping[str, Connector],
        pool: Pool,
        spool: Spool,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        source_is_down: Callable[[str], None],
        results: ResultTables | None = None,
    ) -> None:
        self.engine = engine
        # For what only looks: a transaction around it would ask the database twice more.
        self._looking = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.settings = settings
        self.connectors = connectors
        self.results: ResultTables = results or NoResults()
        self.spool = spool
        self.uploads = Uploads(spool, pool, settings.limits, now, new_id)
        self.access = Access(engine, settings.policy, spool, now, self.find)
        self.queue = Queue(engine, settings)
        self.news = RunNews()
        self.presence = Presence()
        self._failures = Failures(engine, settings, now, source_is_down)
        self._pool = pool
        self._planning = Planning()
        self._now = now
        self._new_id = new_id
        self._usual = Usual()
        self._reads = reads.Reads()
        self._runs: dict[str, Run] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._unrecorded: dict[str, tuple[Run, End]] = {}
        """What the database is still to be told of runs that ended while it was away."""

    def now(self) -> datetime:
        """Return this moment, on the clock the queries were given."""
        return self._now()

    # ── The spine ───────────────────────────────────────────────────────────────────────────────
    def run(self, principal: Principal, statement: Statement) -> Run:
        """Accept a statement and start it.

        Raises QueryRefused, UnknownName, Forbidden, LimitExceeded; then nothing was run.
        """
        query_id = "q" + self._new_id()
        try:
            with self._planning.place(principal.id):
                statement = decoded(statement)
                planned, references = self._plan(principal, statement, query_id)
            habit = self._usual.of(principal.id, statement)
            run = Run(query_id, principal, statement, planned, habit, news=self.news)
            run.waits_for += self._servers(planned)
            # News of changed rights finds it from here on; what came before is seen by looking once more.
            self._runs[query_id] = run
            with self.engine.begin() as conn:
                self._demand_rights(conn, run)
                starts = self.queue.enqueue(conn, query_id, principal.id, run.waits_for)
                asked = resume.fingerprint(statement, planned.reads) if principal.run else None
                store.add(conn, query_id, principal, statement, planned, self._now(), starts=starts, fingerprint=asked)
                mark = self._reads.record(conn, principal, statement, planned, references, self._now())
                audit.record(conn, told.accepted(principal, statement, query_id, references))
        except Exception as error:
            refusal = told.refusal(error)
            with self.engine.begin() as conn:
                if begun := self._runs.pop(query_id, None):
                    # The database may have taken it, and not have been able to say so.
                    now = self._now()
                    self._end(conn, begun, End(RunState.FAILED, refusal, now, now))
                audit.record(conn, told.refused(principal, statement, refusal))
            if refusal.category == "internal":
                raise
            raise refusal from None
        self._reads.remember(mark, self._now())
        self.queue.hold(query_id, principal.id, run.waits_for, running=starts)
        run.finish("rights", told.readable(references))
        self._begin(run, starts)
        return run

    def _begin(self, run: Run, starts: bool) -> None:
        """Carry out an accepted run in a thread of its own.  Raises when there can be none; then it has failed."""
        thread = threading.Thread(target=self._carry_out, args=(run, starts), name=run.id, daemon=True)
        self._threads[run.id] = thread
        try:
            thread.start()
        except RuntimeError as error:
            self._threads.pop(run.id)
            failed = self._failures.explain(error, run)
            self._finish(run, RunState.FAILED, failed)
            raise failed from error

    def _plan(self, principal: Principal, statement: Statement, query_id: str) -> tuple[Plan, list[Reference]]:
        longest = self.settings.limits.statement_bytes
        spoken = None
        if statement.dialect:
            demand_none(statement.tables)
            spoken = native.parse(statement.text, statement.params, longest, language(statement.dialect))
        tree = spoken.tree if spoken else parse(statement.text, statement.params, longest)
        own = {name: self.uploads.table(principal, name, upload_id) for name, upload_id in statement.tables.items()}
        with self._looking.connect() as conn:
            known, named = catalog.Catalog(conn, self.settings.policy, principal), names.tables(tree)
            found = known.find(named) | self.results.find(conn, principal, named)
            resolved = resolve(tree, statement.text, found, known.near, own)
        rights.decide(self.settings.policy, principal, resolved)
        capabilities = {name: connector.capabilities for name, connector in self.connectors.items()}
        planned = (
            plan_native(spoken, resolved, capabilities, query_id) if spoken else plan(resolved, capabilities, query_id)
        )
        if missing := [name for name in planned.sources if name not in self.connectors]:
            raise QueryRefused(Problem(f"There is no source {missing[0]}.", why="Nothing was run."))
        return planned, resolved.references

    def _servers(self, planned: Plan) -> tuple[str, ...]:
        """Return the lines at those servers that a plan reads, of the sources that have several."""
        lines = {
            at_server(item.source, server)
            for item in planned.inputs
            for schema, _ in item.tables
            if (server := self.connectors[item.source].server_of(schema))
        }
        return tuple(sorted(lines))

    def _carry_out(self, run: Run, starts: bool) -> None:
        """Wait for places unless it has them, execute, and record how it ended.  Runs in the query's own thread."""
        state = RunState.FAILED
        error: SwapError | None = None
        execution: Execution | None = None
        try:
            if starts:
                waiting.skipped(run)
            else:
                waiting.for_places(run, self.queue)
                with self.engine.begin() as conn:
                    self._demand_rights(conn, run)
                    store.started(conn, run.id)
            run.start()
            run.result = resume.taken(self.engine, self.spool, run, self._now())
            if run.result is None:
                run.result = self.spool.create(run.id)
                execution = self._execution(run)
                execution(run.result)
            state = RunState.DONE
        except QueryCancelled as cancelled:
            state, error = RunState.CANCELLED, run.why_cancelled or cancelled
        except Exception as failed:  # noqa: BLE001 — whatever it was, the run ends and its person is told
            if why := self._cancelled_elsewhere(run):
                state, error = RunState.CANCELLED, why
            else:
                error = self._failures.explain(failed, run)
        try:
            self._finish(run, state, error)
        finally:
            if execution is not None:
                execution.close()

    def _execution(self, run: Run) -> Execution:
        return Execution(
            run,
            run.plan,
            self.connectors,
            self._pool,
            self.settings.limits,
            self.uploads.open,
            lambda source, handle: self._keep_handle(run, source, handle),
        )

    def _keep_handle(self, run: Run, source: str, handle: Mapping[str, Any]) -> None:
        """Keep by what a statement can be ended at its source, for whoever comes after this process."""
        # With the database away the source ends it itself, at the time it was given.
        with contextlib.suppress(SQLAlchemyError, Unavailable), self._looking.connect() as conn:
            store.keep_handle(conn, run.id, source, handle)

    def _cancelled_elsewhere(self, run: Run) -> QueryCancelled | None:
        """Return why it was cancelled, if its sources failed because somebody ended it there (`swap cancel`)."""
        with contextlib.suppress(SQLAlchemyError, Unavailable), self._looking.connect() as conn:
            return store.cancelled(conn, run.id)
        return None

    def _demand_rights(self, conn: Connection, run: Run) -> None:
        """Rights may have changed since they were looked at: what may not be read is not, nor under old groups.

        Raises Forbidden, NotSignedIn.
        """
        run.principal = rights.demand_now(conn, self.settings.policy, run.principal, run.plan.reads, self._now())

    def _finish(self, run: Run, state: RunState, error: SwapError | None) -> None:
        written = run.result.written if run.result else None
        rows, size = (written.rows[-1], written.file_bytes) if written else (0, 0)
        now = self._now()
        kept_for = resume.kept_for(run, self.settings.limits) if state is RunState.DONE else AT_HAND
        if run.result is not None and state is not RunState.DONE:
            # Half a result is of no use, and its room is needed; whoever reads it now sees it end without an end mark.
            run.result.end(complete=False)
            self.spool.forget(run.id)
        end = End(state, error, now, now + kept_for, rows, size)
        try:
            self._record(run, end)
        except Exception:  # the person's result is there all the same; the lease frees the place
            log.exception("The end of query %s could not be recorded; it is tried again", run.id)
            self.queue.let_go(run.id)
            self._unrecorded[run.id] = run, end
        finally:
            run.end(state, error, kept_for, now)
            run.plan = run.plan.without_values()
            self._threads.pop(run.id, None)

    def _record(self, run: Run, end: End) -> None:
        """Tell the database how a run ended, give its places back and make room for its result."""
        with self.engine.begin() as conn:
            self._end(conn, run, end)
            room = self.settings.limits.spool_bytes_per_person
            done = end.state is RunState.DONE
            over = store.make_room(conn, run.principal.id, run.id, room, end.at) if done else []
        self.queue.wake()
        for query_id in over:
            self.spool.forget(query_id)

    def _end(self, conn: Connection, run: Run, end: End) -> None:
        """Record the end once, also when the database has heard of it before and could not say so; leave the line."""
        if store.ended(conn, run.id, end):
            if isinstance(end.error, QueryRefused):
                audit.record(conn, told.refused_there(run, end.error))
            audit.record(conn, told.ended(run, end))
        self.queue.leave(conn, run.id)

    # ── Other verbs ─────────────────────────────────────────────────────────────────────────────
    def find(self, principal: Principal, query_id: str) -> Run | None:
        """Return a person's own run, if this gateway has it in memory."""
        run = self._runs.get(query_id)
        return run if run is not None and run.principal.id == principal.id else None

    def under_way(self, person_id: str, kernel_id: str | None = None) -> list[Run]:
        """Return the runs of a person, or of one of their kernels, that have not ended."""
        runs = [self._runs.get(query_id) for query_id in list(self._threads)]
        return [run for run in runs if run and run.principal.id == person_id and kernel_id in {None, run.kernel_id}]

    def cancel(self, principal: Principal, query_id: str) -> RunState:
        """Cancel at the sources; return the state.  Idempotent.  Raises NotFound."""
        run = self.find(principal, query_id)
        if run is None:
            return self.access.state(principal, query_id, 0, 0).state
        run.cancel()
        thread = self._threads.get(query_id)
        if thread is not None:
            thread.join(timeout=5.0)
        return run.state

    def recheck(self, person_id: str | None) -> None:
        """Cancel what somebody runs who may not any more, and what was cancelled from elsewhere (`swap cancel`).

        None means that anybody's access may have changed.
        """
        for run in list(self._runs.values()):
            if not run.state.ended and person_id in {None, run.principal.id}:
                try:
                    with self._looking.connect() as conn:
                        if why := store.cancelled(conn, run.id):
                            run.cancel(why)
                        self._demand_rights(conn, run)
                except Exception:  # noqa: BLE001 — who cannot be looked up may not go on either
                    run.cancel()

    # ── Coming and going ────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Begin: end what a gateway before this one left, make a combiner ready."""
        self._reconcile(_RESTARTED)
        self.spool.forget_unfinished()
        self.queue.start()
        self._pool.prepare()

    def _reconcile(self, why: str) -> None:
        """End in the database what nobody carries out, and free the places that nobody uses: what is true is here."""
        with self.engine.begin() as conn:
            # A run is known here before the database hears of it, and for as long as its end is not recorded.
            lost, handles = left.record(conn, self._runs, why, self._now())
            self.queue.free_others(conn, self._goes_on)
        for query_id in lost:
            # Its result may have been whole: what has failed has none.
            self.spool.forget(query_id)
        left.end(self.connectors, handles)

    def _goes_on(self, query_id: str) -> bool:
        run = self._runs.get(query_id)
        return run is not None and not run.state.ended

    def stop(self) -> None:
        """End every run, at its sources too."""
        for run in list(self._runs.values()):
            run.cancel(QueryCancelled(Problem(_RESTARTED, todo="Run it again.")))
        for thread in list(self._threads.values()):
            thread.join(timeout=5.0)
        self.queue.stop()
        self._pool.close()

    def look_after(self) -> None:
        """Stop what nobody waits for any more, and tell the database of ends that it missed: every few seconds.

        While the database is away and has missed some, that raises.
        """
        self._stop_abandoned()
        for query_id, (run, end) in list(self._unrecorded.items()):
            try:
                self._record(run, end)
            except Unavailable:
                raise  # nor can the others be recorded
            except Exception as error:  # noqa: BLE001 — one that cannot be holds up no other
                log.warning("The end of query %s cannot be recorded: %s", query_id, type(error).__name__)
            else:
                self._unrecorded.pop(query_id, None)

    def _stop_abandoned(self) -> None:
        going = [run for query_id in list(self._threads) if (run := self._runs.get(query_id)) and run.program]
        asked: dict[str, float] = {}
        for run in going:
            asked[run.program] = max(run.accepted_at, asked.get(run.program, 0.0))
        gone = self.presence.gone(asked)
        for run in going:
            if run.program in gone:
                run.cancel(_abandoned())

    def keep_house(self) -> None:
        """Forget results that have expired, uploads after an hour, and what happened in runs that ended a while ago."""
        now = self._now()
        self._reconcile("SWAP lost sight of this query.")
        running = {query_id for query_id, run in self._runs.items() if not run.state.ended}
        self.spool.expire(running | resume.held(self.engine, self.settings.limits, now), now)
        self.uploads.expire(now)
        for query_id, run in list(self._runs.items()):
            if run.ended_at is not None and run.ended_at + AT_HAND < now and query_id not in self._unrecorded:
                self.spool.settle(query_id)
                self._runs.pop(query_id, None)


def _abandoned() -> QueryCancelled:
    return QueryCancelled(
        Problem(
            "Cancelled: its kernel is gone",
            why=f"Nobody has waited for the answer for {GONE_SECONDS:g} seconds.",
            todo="Run the cell again. With keep=True a query goes on without its kernel.",
        )
    )
