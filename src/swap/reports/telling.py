"""Who is told of what becomes of runs: the person a report runs as, who owns its notebook, and who may manage it.

All of it is part of the transaction in which a run ends, so that nothing is told of what did not happen, or twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from swap.notebooks import notices
from swap.notebooks.notices import TROUBLE, Kind, OfRun
from swap.reports import delivering, edition_store
from swap.reports.model import Held, Run, RunState

AGAIN: Final = timedelta(hours=12)
"""For which a report that fails again for the same reason is not told of."""
HELD: Final = "held"
_KINDS: Final = {RunState.FAILED: Kind.REPORT_FAILED, RunState.REFUSED: Kind.REPORT_REFUSED}
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ended(
    conn: Connection, held: Held, run: Run, state: RunState, reason: str, now: datetime, *, is_held: bool = False
) -> None:
    """Tell what there is to tell of a run that has just ended in a state; let its edition be brought to people."""
    if state is RunState.DONE and not is_held:
        well(conn, held, run, now)
    elif state is RunState.DONE:
        _of_trouble(conn, held, run.id, Kind.REPORT_HELD, HELD, now)
        delivering.call(conn, run, HELD, now)
    elif state in _KINDS:
        _of_trouble(conn, held, run.id, _KINDS[state], reason, now)
        delivering.call(conn, run, state.value, now)


def well(conn: Connection, held: Held, run: Run, now: datetime) -> None:
    """Let an edition that readers have from now on be brought to people, and tell that trouble is over."""
    _recovered(conn, held, run.id, now)
    delivering.deliver(conn, held.report, run, now)
    delivering.call(conn, run, RunState.DONE.value, now)


def late(conn: Connection, held: Held, run: Run, now: datetime) -> None:
    """Tell that a run waits for its data longer than its person said."""
    _of_trouble(conn, held, run.id, Kind.REPORT_LATE, RunState.LATE.value, now)
    delivering.call(conn, run, RunState.LATE.value, now)


def _of_trouble(conn: Connection, held: Held, run_id: str, kind: Kind, reason: str, now: datetime) -> None:
    """Tell of a run that needs somebody; of the same trouble of a report once in a while, until it went well.

    `reason` is the run's own words, or `notices.AWAY`, which many reports have in common.
    """
    reason = reason if reason == notices.AWAY else f"{held.report.id} {reason}"
    after = max(now - AGAIN, edition_store.last_well(conn, held.report.id, run_id) or _BEGINNING)
    if not notices.told_of(conn, held.report.id, {kind}, after, reason):
        notices.tell_of_run(conn, kind, _about(held, run_id, reason), now)


def _recovered(conn: Connection, held: Held, run_id: str, now: datetime) -> None:
    """Tell those who were told of trouble, if they were, that a run went well; once."""
    after = edition_store.last_well(conn, held.report.id, run_id) or _BEGINNING
    if notices.told_of(conn, held.report.id, TROUBLE, after):
        notices.tell_of_run(conn, Kind.REPORT_RECOVERED, _about(held, run_id, ""), now)


def _about(held: Held, run_id: str, reason: str) -> OfRun:
    report = held.report
    return OfRun(report.notebook_id, report.id, run_id, report.person_id, held.owner_id, reason)
