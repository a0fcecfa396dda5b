"""`swap reports`: what runs by itself, for whoever runs SWAP.  They see and pause it; nothing runs at their word.

It asks the database itself: no worker, gateway or portal need answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import tomlkit
from sqlalchemy import Connection

from swap import audit, runtime, terminal
from swap.db import engine
from swap.errors import Invalid, NotFound, Problem, Unavailable
from swap.reports import store
from swap.reports.events import ReportStateChanged
from swap.reports.model import Report, State
from swap.settings import load

Say = Callable[[str], None]
SHOWN: Final = 50
"""Runs of a report that are listed."""


def list_all(conn: Connection, say: Say, _report_id: str = "") -> None:
    """Print a line for each report: its id, its state, when it is due next, whose it is, when it runs, its notebook."""
    found = store.everybodys(conn)
    for report, name, path in found:
        due = f"{report.next_due_at:%Y-%m-%d %H:%M} UTC" if report.state is State.ACTIVE else "not due"
        say(f"{report.id}  {report.state:<6}  {due:<20}  {name:<12} {audit.typed(path)}: {report.schedule.words}")
    if not found:
        say("There is no report.")


def history(conn: Connection, say: Say, report_id: str) -> None:
    """Print a line for each of the last runs of a report: its period, what became of it, and why.  Raises NotFound."""
    report = _found(conn, report_id)
    found = store.runs(conn, report.id, 0, SHOWN)
    for run in found:
        why = f"  {audit.typed(run.said.title)}" if run.said is not None else ""
        say(f"{run.due_at:%Y-%m-%d %H:%M} UTC  {run.state:<8} {run.about(report.schedule)}{why}")
    if not found:
        say("It has not run yet.")


def pause(conn: Connection, say: Say, report_id: str) -> None:
    """Let nothing of a report be due until its person resumes it.  Raises NotFound, Invalid if it is not active."""
    report = _found(conn, report_id, hold=True)
    if report.state is not State.ACTIVE:
        raise Invalid(Problem(f"The report {report_id} is {report.state} already."))
    store.change(conn, report.id, state=State.PAUSED.value)
    audit.record(conn, ReportStateChanged(person_id="", report_id=report.id, state=State.PAUSED.value))
    say(f"{report_id} is paused; its person can resume it on its page.")


def export(conn: Connection, say: Say, _report_id: str = "") -> None:
    """Print all reports as TOML: what runs when, as whom, and by which rules."""
    say(as_toml(store.everybodys(conn)))


def as_toml(reports: Iterable[tuple[Report, str, str]]) -> str:
    """Return reports, each with its person's name and its notebook's path, as TOML."""
    return tomlkit.dumps({"report": [_written(report, name, path) for report, name, path in reports]})


def _written(report: Report, name: str, path: str) -> dict[str, Any]:
    return {
        "id": report.id,
        "person": name,
        "notebook": path,
        "version": report.version,
        "schedule": str(report.schedule),
        "time_zone": report.schedule.zone.key,
        "missed": report.missed.value,
        "overlap": report.overlap.value,
        "state": report.state.value,
        "waits_for": [list(each.name) for each in report.chosen.waits],
        "late_after_hours": report.chosen.deadline.total_seconds() / 3600,
        "parameters": dict(report.chosen.parameters),
    }


def _found(conn: Connection, report_id: str, *, hold: bool = False) -> Report:
    held = store.find(conn, report_id, hold=hold)
    if held is None:
        raise NotFound(Problem(f"There is no report {report_id}.", todo="`swap reports list` lists those there are."))
    return held.report


DO: Final[dict[str, Callable[[Connection, Say, str], None]]] = {
    "list": list_all,
    "history": history,
    "pause": pause,
    "export": export,
}


def main(config: str, what: str, report_id: str = "") -> int:
    """Do one of these on the database of the SWAP that runs."""
    here = runtime.of_running(load(Path(config)).state)
    if here is None:
        raise Unavailable(Problem("SWAP does not run.", why="Nor does any report."))
    owner = engine.create(here.database_urls["owner"], connections=1)
    try:
        with owner.begin() as conn:
            DO[what](conn, terminal.line, report_id)
    finally:
        owner.dispose()
    return 0


if __name__ == "__main__":
    terminal.leave(lambda: main(*sys.argv[1:]))
