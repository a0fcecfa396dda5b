"""What workers do with runs: make those that are due, claim one, renew it, end it.  One verb, one transaction.

Only whoever holds a run in its epoch can end it; what an older one brings is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.errors import Problem, SwapError
from swap.identity import Via
from swap.notebooks import editions, room
from swap.people import service as people
from swap.people import tokens
from swap.people.tokens import Token
from swap.reports import store
from swap.reports.events import ReportRunEnded, ReportRunStarted
from swap.reports.model import Claimed, Held, Missed, Outcome, Overlap, Run, RunState, State, kept, new_run

LEASE: Final = timedelta(seconds=60)
TRIES: Final = 3
PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=10))
"""Before the second and the third try."""
LATE: Final = timedelta(minutes=10)
"""What is found later than this was missed."""
CAUGHT_UP: Final = 1_000
"""Due times of one report that are made, or listed as missed, at a time: the last ones."""
_MISSED: Final = Problem(
    "It was missed.",
    why="No worker ran at that time.",
    todo="Run its period again on the run's page.",
)
_OVERLAP: Final = Problem(
    "The run before it still went on.",
    why="The report leaves such a time out.",
    todo="Choose on its page that it waits, or a schedule that gives it more time.",
)
_ENDED: Final = Problem("The report was ended.")
_LOST: Final = Problem(
    "Its worker ended three times while it ran.",
    why="What it needed may be more than the machine has.",
    todo="Run the notebook in JupyterLab and look at the memory it takes; then run the report again.",
)


def plan(conn: Connection, now: datetime, new_id: Callable[[], str]) -> bool:
    """Make the runs of a report that is due; tell whether one was, and there may be more."""
    held = store.hold_due(conn, now)
    if held is None:
        return False
    report = held.report
    due = [report.next_due_at, *report.schedule.between(report.next_due_at, now)][-CAUGHT_UP:]
    for at in due:
        why = _left(conn, held, at, now, is_last=at == due[-1])
        run = new_run(new_id(), report, at, report.schedule.interval(at))
        if why is not None:
            run = replace(run, state=RunState.LEFT, ended_at=now, said=why)
        if store.add_run(conn, run) and why is not None:
            _record(conn, held, run.id, RunState.LEFT, why.title)
    store.change(conn, report.id, next_due_at=report.schedule.next(now))
    return True


def _left(conn: Connection, held: Held, at: datetime, now: datetime, *, is_last: bool) -> Problem | None:
    """Return why a due time is left out, if it is."""
    missed = held.report.missed
    if (missed is Missed.LATEST and not is_last) or (missed is Missed.NONE and now - at > LATE):
        return _MISSED
    if held.report.overlap is Overlap.SKIP and store.is_open(conn, held.report.id):
        return _OVERLAP
    return None


def claim(conn: Connection, now: datetime) -> Claimed | Run | None:
    """Claim a run; return it, or one that came to its end because it may not be run, or nothing."""
    found = store.claim(conn, now, now + LEASE)
    if found is None:
        return None
    run, epoch = found
    held = store.find(conn, run.report_id, hold=True)
    assert held is not None
    if held.report.state is State.PAUSED and (run.asked_by is None or run.batch is not None):
        # It was paused while this run was looked at, or went on with a worker that is gone.
        store.hold_back(conn, run, epoch)
        return run
    state, why = RunState.REFUSED, held.refused
    if held.report.state is State.ENDED:
        state, why = RunState.LEFT, _ENDED
    elif why is None and run.failures >= TRIES:
        state, why = RunState.FAILED, _LOST
    if why is not None:
        store.end(conn, run.id, epoch, state, ended_at=now, said=kept(why))
        _record(conn, held, run.id, state, f"{why.title} {why.why}")
        store.tell_workers(conn)
        return run
    if run.parameters is None:
        run = replace(run, parameters=held.report.chosen.parameters)
    claimed = Claimed(run, held.report, epoch)
    store.take(conn, run.id, held.report.version, run.parameters or {})
    audit.record(
        conn,
        ReportRunStarted(
            person_id=held.report.person_id,
            via=Via.REPORT,
            report_id=held.report.id,
            run_id=run.id,
            kernel_id=claimed.kernel_id,
            version=held.report.version,
        ),
    )
    return claimed


def token(key: str, claimed: Claimed, now: datetime, seconds: float) -> Token:
    """Return the token of a run: it lives as long as the run may take, and is worth what the run's row is worth."""
    return tokens.mint(
        key,
        person_id=claimed.report.person_id,
        via=Via.REPORT,
        epoch=claimed.epoch,
        server_id=claimed.run.id,
        kernel_id=claimed.kernel_id,
        now=now,
        seconds=seconds,
    )


def renew(conn: Connection, claimed: Claimed, now: datetime) -> bool:
    """Renew the lease; tell whether the run is still ours, and is to go on."""
    return store.renew(conn, claimed.run.id, claimed.epoch, now + LEASE)


def finish(
    conn: Connection, claimed: Claimed, outcome: Outcome, now: datetime, most_bytes: int | None = None
) -> RunState | None:
    """Say what became of a run; return what it is now, or None if it was not ours any more and nothing was kept.

    Raises LimitExceeded where what was executed is too large, or there is no room for it in `most_bytes`.
    """
    store.hold_run(conn, claimed.run.id)
    held = store.find(conn, claimed.report.id, hold=True)
    if held is None:
        return None
    run, problem = claimed.run, outcome.problem
    state = RunState.DONE if problem is None else RunState.FAILED
    again = problem is not None and outcome.may_pass and run.failures + 1 < TRIES
    values: dict[str, object] = {"said": None if problem is None else kept(problem, outcome.cell)}
    if again:
        state = RunState.WAITING
        values |= {"failures": run.failures + 1, "start_at": now + PAUSES[run.failures]}
    else:
        values["ended_at"] = now
        if state is RunState.DONE:
            values["edition"] = store.next_edition(conn, held.report.id, run.period)
    if not store.end(conn, run.id, claimed.epoch, state, **values):
        return None
    if not again and outcome.document is not None:
        digest = editions.keep(
            conn, held.report.person_id, held.report.notebook_id, outcome.document, claimed.kernel_id
        )
        store.put_digest(conn, run.id, digest)
        if most_bytes is not None:
            room.demand(conn, held.owner_id, most_bytes)
    if not again:
        _record(conn, held, run.id, state, "" if problem is None else f"{problem.title} {problem.why}")
    # Queries that it left go with it.
    people.look_again(conn, held.report.person_id)
    store.tell_workers(conn)
    return state


def give_back(conn: Connection, claimed: Claimed, now: datetime) -> None:
    """Let a run that was not ended wait for whoever comes, without a failure."""
    store.end(conn, claimed.run.id, claimed.epoch, RunState.WAITING, start_at=now)
    people.look_again(conn, claimed.report.person_id)
    store.tell_workers(conn)


def not_kept(error: SwapError) -> Outcome:
    """Return the outcome of a run whose notebook cannot be kept."""
    why = " ".join(part for part in (error.problem.title, error.problem.why) if part)
    return Outcome(None, Problem("The executed notebook cannot be kept.", why=why, todo=error.problem.todo))


def _record(conn: Connection, held: Held, run_id: str, state: RunState, reason: str) -> None:
    audit.record(
        conn,
        ReportRunEnded(
            person_id=held.report.person_id,
            via=Via.REPORT,
            report_id=held.report.id,
            run_id=run_id,
            state=state.value,
            reason=reason[: audit.REASON_LENGTH],
        ),
    )
