"""Who is told of what becomes of runs: the person a report runs as, who owns its notebook, and who may manage it.

All of it is part of the transaction in which a run ends, so that nothing is told of what did not happen, or twice.  Of
the runs of a backfill it is told when the last of them ends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from swap.notebooks import notices
from swap.notebooks.notices import TROUBLE, Kind, OfRun
from swap.reports import delivering, edition_store, period_store
from swap.reports.model import Held, Run, RunState

AGAIN: Final = timedelta(hours=12)
"""For which a report that fails again for the same reason is not told of."""
REASONS: Final = 5
"""For which runs of one backfill failed, that are told."""
HELD: Final = "held"
_KINDS: Final = {RunState.FAILED: Kind.REPORT_FAILED, RunState.REFUSED: Kind.REPORT_REFUSED}
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ended(
    conn: Connection, held: Held, run: Run, state: RunState, reason: str, now: datetime, *, is_held: bool = False
) -> None:
    """Tell what there is to tell of a run that has just ended in a state; let its edition be brought to people."""
    if run.batch is not None:
        _of_backfill(conn, held, run, state, now, is_held=is_held)
    elif state is RunState.DONE and not is_held:
        well(conn, held, run, now)
    elif state is RunState.DONE:
        of_trouble(conn, held, run.id, Kind.REPORT_HELD, HELD, now)
        delivering.call(conn, run, HELD, now)
    elif state in _KINDS:
        of_trouble(conn, held, run.id, _KINDS[state], reason, now)
        delivering.call(conn, run, state.value, now)


def _of_backfill(conn: Connection, held: Held, run: Run, state: RunState, now: datetime, *, is_held: bool) -> None:
    """Let a run's edition be brought to people; tell of its backfill if it was the last one."""
    if state is RunState.DONE and not is_held:
        delivering.deliver(conn, held.report, run, now)
    if state is RunState.DONE or state in _KINDS:
        delivering.call(conn, run, HELD if is_held else state.value, now)
    assert run.batch is not None
    if not filled(conn, held, run.batch, now) and state is RunState.DONE:
        recovered(conn, held, run.id, now)


def filled(conn: Connection, held: Held, batch: str, now: datetime) -> bool:
    """Tell of a backfill that is over, once for each reason for which its runs failed; tell whether there is any yet.

    The report is held by whoever asks: of two runs that end at once, one finds that it is the last.
    """
    if period_store.goes_on(conn, held.report.id, batch):
        return True
    first: dict[tuple[Kind, str], Run] = {}
    for run in period_store.wrong(conn, held.report.id, batch):
        title = "" if run.said is None else run.said.title
        reason = HELD if run.is_held else notices.AWAY if run.waits_for else title
        first.setdefault((Kind.REPORT_HELD if run.is_held else _KINDS[run.state], reason), run)
    for (kind, reason), run in list(first.items())[:REASONS]:
        of_trouble(conn, held, run.id, kind, reason, now)
    return bool(first)


def well(conn: Connection, held: Held, run: Run, now: datetime) -> None:
    """Let an edition that readers have from now on be brought to people, and tell that trouble is over."""
    recovered(conn, held, run.id, now)
    delivering.deliver(conn, held.report, run, now)
    delivering.call(conn, run, RunState.DONE.value, now)


def late(conn: Connection, held: Held, run: Run, now: datetime) -> None:
    """Tell that a run waits for its data longer than its person said."""
    of_trouble(conn, held, run.id, Kind.REPORT_LATE, RunState.LATE.value, now)
    delivering.call(conn, run, RunState.LATE.value, now)


def of_trouble(conn: Connection, held: Held, run_id: str, kind: Kind, reason: str, now: datetime) -> None:
    """Tell of a run that needs somebody; of the same trouble of a report once in a while, until it went well.

    `reason` is the run's own words, or `notices.AWAY`, which many reports have in common.
    """
    report = held.report
    reason = reason if reason == notices.AWAY else f"{report.id} {reason}"
    after = max(now - AGAIN, _last_well(conn, held, run_id))
    if not notices.told_of(conn, report.notebook_id, report.id, {kind}, after, reason):
        notices.tell_of_run(conn, kind, _about(held, run_id, reason), now)


def recovered(conn: Connection, held: Held, run_id: str, now: datetime) -> None:
    """Tell those who were told of trouble, if they were, that a run went well; once."""
    report = held.report
    if notices.told_of(conn, report.notebook_id, report.id, TROUBLE, _last_well(conn, held, run_id)):
        notices.tell_of_run(conn, Kind.REPORT_RECOVERED, _about(held, run_id, ""), now)


def _last_well(conn: Connection, held: Held, run_id: str) -> datetime:
    """Return when it went well last, beside one run, or that it did was told: what was told of before is over."""
    report = held.report
    recovered_at = notices.last_recovered(conn, report.notebook_id, report.id)
    found = edition_store.last_well(conn, report.id, run_id), recovered_at
    return max(each or _BEGINNING for each in found)


def _about(held: Held, run_id: str, reason: str) -> OfRun:
    report = held.report
    return OfRun(report.notebook_id, report.id, run_id, report.person_id, held.owner_id, reason)
