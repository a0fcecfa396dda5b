"""What workers do with runs: make those that are due, claim one, renew it, end it.  One verb, one transaction.

Only whoever holds a run in its epoch can end it; what an older one brings is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.client.checks import MOST_PERIODS
from swap.client.period import Interval
from swap.errors import Problem, SwapError
from swap.identity import Via
from swap.notebooks import editions, lineages, notices, room
from swap.people import service as people
from swap.people import tokens
from swap.people.tokens import Token
from swap.reports import edition_store, expected, queue, store, telling
from swap.reports.events import ReportRunEnded, ReportRunStarted
from swap.reports.model import (
    WAS_ENDED,
    Claimed,
    Held,
    Missed,
    Outcome,
    Overlap,
    Run,
    RunState,
    State,
    kept,
    new_run,
)
from swap.reports.queue import Free
from swap.reports.schedule import Schedule

LEASE: Final = timedelta(seconds=60)
TRIES: Final = 3
RESUMES: Final = 3
"""How often a period is resumed by itself: a source may come back and go again for ever."""
PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=10))
"""Before the second and the third try."""
LATE: Final = timedelta(minutes=10)
"""What is found later than this was missed."""
AT_ONCE: Final = 250
"""Reports that are planned in one transaction."""
CAUGHT_UP: Final = 1_000
"""Due times of one report that are made, or listed as missed, at a time: the last ones."""
LOG_LENGTH: Final = 10_000
"""Characters of what a run's programs said that are kept, the last ones."""
_About = Callable[[Schedule, datetime], Interval]
"""A schedule and a due time → what the run is about."""
_MISSED: Final = Problem(
    "It was missed.",
    why="No worker ran at that time.",
    todo="Run its period again on the run's page.",
)
_OVERLAP: Final = Problem(
    "The run before it still went on.",
    why="The report leaves such a time out.",
    todo="Schedule its notebook anew so that a run waits, or with more time for each; then end this report.",
)
_LOST: Final = Problem(
    "Its worker ended three times while it ran.",
    why="What it needed may be more than the machine has.",
    todo="Run the notebook in JupyterLab and look at the memory it takes; then run the report again.",
)


def plan(conn: Connection, now: datetime, new_id: Callable[[], str]) -> int:
    """Make the runs of the first reports that are due; return how many these are."""
    found = queue.hold_due(conn, now, AT_ONCE)
    going = queue.open_reports(conn, [each.report.id for each in found if each.report.overlap is Overlap.SKIP])
    # Most of what is due at one instant has the same schedule as many others.
    about, after = cache(Schedule.interval), cache(lambda schedule: schedule.next(now))
    made = [(held, run) for held in found for run in _due(held, now, new_id, about, is_open=held.report.id in going)]
    new = store.add_runs(conn, (run for _, run in made))
    if found:
        queue.put_due(conn, {each.report.id: after(each.report.schedule) for each in found})
    for held, run in made:
        if run.said is not None and run.id in new:
            _record(conn, held, run.id, RunState.LEFT, run.said.title)
    return len(found)


def _due(
    held: Held,
    now: datetime,
    new_id: Callable[[], str],
    about: Callable[[Schedule, datetime], Interval],
    *,
    is_open: bool,
) -> Iterator[Run]:
    """Return a run for each time at which a report was due, also for those that are left out."""
    report = held.report
    due = [report.next_due_at, *report.schedule.between(report.next_due_at, now)][-CAUGHT_UP:]
    for at in due:
        run = new_run(new_id(), report, at, about(report.schedule, at))
        is_late = report.missed is Missed.NONE and now - at > LATE
        missed = is_late or (report.missed is Missed.LATEST and at != due[-1])
        why = _MISSED if missed else _OVERLAP if is_open and report.overlap is Overlap.SKIP else None
        # Those behind it overlap with what comes to run now.
        is_open = is_open or (why is None and run.state is RunState.WAITING)
        yield run if why is None else replace(run, state=RunState.LEFT, ended_at=now, said=why)


def claim(conn: Connection, now: datetime, limit: int = 1) -> list[Claimed | Run]:
    """Claim the next runs; return them, and those that came to their end because they may not be run."""
    free = queue.hold_free(conn, now, limit)
    if not free:
        return []
    queue.begin(conn, [each.run.id for each in free], now, now + LEASE)
    found = [_begun(conn, each, now) for each in free]
    audit.record_all(
        conn,
        [
            ReportRunStarted(
                person_id=each.report.person_id,
                via=Via.REPORT,
                report_id=each.report.id,
                run_id=each.run.id,
                kernel_id=each.kernel_id,
                version=each.report.version,
            )
            for each in found
            if isinstance(each, Claimed)
        ],
    )
    return found


def resume(conn: Connection, now: datetime, new_id: Callable[[], str]) -> bool:
    """Let one run more be made of one that failed for sources which are back; tell whether there may be another."""
    found = queue.hold_answered(conn, now)
    if found is None:
        return False
    failed, report = found
    queue.resumed(conn, failed.id)
    if report.state is State.ACTIVE:
        run = new_run(new_id(), report, now, failed.period)
        store.add_run(conn, replace(run, parameters=failed.parameters, resumes=failed.id))
    return True


def _begun(conn: Connection, free: Free, now: datetime) -> Claimed | Run:
    """Return a run as it is claimed, or, if it may not be run, as one that has ended."""
    held, run = free.held, free.run
    if held.report.state is State.PAUSED and (run.asked_by is None or run.batch is not None):
        # It was paused while this run was looked at, or went on with a worker that is gone.
        queue.hold_back(conn, run, free.epoch)
        return run
    state, why = RunState.REFUSED, held.refused
    if held.report.state is State.ENDED:
        state, why = RunState.LEFT, WAS_ENDED
    elif why is None and run.failures >= TRIES:
        state, why = RunState.FAILED, _LOST
    if why is None:
        values = held.report.chosen.parameters if run.parameters is None else run.parameters
        return Claimed(replace(run, parameters=values), held.report, free.epoch)
    queue.end(conn, run.id, free.epoch, state, ended_at=now, said=kept(why))
    _record(conn, held, run.id, state, f"{why.title} {why.why}")
    telling.ended(conn, held, run, state, why.title, now)
    store.tell_workers(conn)
    return run


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
    return queue.renew(conn, claimed.run.id, claimed.epoch, now + LEASE)


def finish(
    conn: Connection, claimed: Claimed, outcome: Outcome, now: datetime, most_bytes: int | None = None
) -> RunState | None:
    """Say what became of a run; return what it is now, or None if it was not ours any more and nothing was kept.

    Raises LimitExceeded where what was executed is too large, or there is no room for it in `most_bytes`.
    """
    held = store.find(conn, claimed.report.id, hold=True)
    if held is None:
        return None
    run, problem = claimed.run, outcome.problem
    state = RunState.DONE if problem is None else RunState.FAILED
    again = problem is not None and outcome.may_pass and run.failures + 1 < TRIES
    asked = queue.asked(conn, run.id, claimed.kernel_id)
    values: dict[str, object] = {
        "said": None if problem is None else kept(problem, outcome.cell),
        "memory_bytes": outcome.memory_bytes,
        "row_count": asked.row_count,
        "taken": asked.taken,
        "log": outcome.log.replace("\0", "·")[-LOG_LENGTH:],
    }
    if again:
        state = RunState.WAITING
        values |= {"failures": run.failures + 1, "start_at": now + PAUSES[run.failures]}
    else:
        values["ended_at"] = now
        if state is RunState.DONE:
            values["edition"] = edition_store.next_edition(conn, held.report.id, run.period)
            values |= _as_expected(conn, claimed, outcome)
            values["lineage"] = lineages.of_kernel(conn, claimed.report.person_id, claimed.kernel_id)
        elif outcome.may_pass and asked.failed and queue.resumes(conn, run) < RESUMES:
            values["waits_for"] = list(asked.failed)
    if not queue.end(conn, run.id, claimed.epoch, state, **values):
        return None
    if not again and outcome.document is not None:
        # As whom it ran, whoever has taken the report over: what its kernel read is recorded as theirs.
        author = claimed.report.person_id
        digest = editions.keep(conn, author, held.report.notebook_id, outcome.document, claimed.kernel_id)
        queue.put_digest(conn, run.id, digest)
        if most_bytes is not None:
            room.demand(conn, held.owner_id, most_bytes)
    if not again:
        _record(conn, held, run.id, state, f"{problem.title} {problem.why}" if problem else _held_for(values))
        # A cell that may go well when it is tried again failed for something that it did not find.
        is_away = outcome.may_pass and outcome.cell is not None
        reason = notices.AWAY if is_away else "" if problem is None else problem.title
        telling.ended(conn, held, run, state, reason, now, is_held=bool(values.get("is_held")))
    # Queries that it left go with it.
    people.look_again(conn, claimed.report.person_id)
    store.tell_workers(conn)
    return state


def _as_expected(conn: Connection, claimed: Claimed, outcome: Outcome) -> dict[str, object]:
    """Return what of an edition is as its notebook expected, and whether it is held."""
    stated = expected.stated(outcome.document)
    if not stated:
        return {}
    period = claimed.run.period
    found = expected.judged(stated, edition_store.expected_before(conn, claimed.report.id, period, MOST_PERIODS))
    return {"expected": expected.kept(found), "is_held": not all(each.holds for each in found)}


def _held_for(values: Mapping[str, object]) -> str:
    return "Its edition is held: not all is as its notebook expected." if values.get("is_held") else ""


def give_back(conn: Connection, claimed: Claimed, now: datetime) -> None:
    """Let a run that was not ended wait for whoever comes, without a failure."""
    queue.end(conn, claimed.run.id, claimed.epoch, RunState.WAITING, start_at=now)
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
