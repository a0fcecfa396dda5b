"""A real worker under a clock that jumps: no due time comes twice, and none is lost but by its report's own policy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, text

import services
from integration.gateway.gateways import runtime_for
from integration.reports.bureau import until
from integration.reports.offices import Office, new_id
from services import Database
from swap import runtime as runtimes
from swap.db.report_tables import report_run
from swap.db.tables import audit_event
from swap.reports import service
from swap.reports.model import Missed, Overlap, Report, State
from swap.reports.schedule import Schedule

CHANGES = (
    # Zone, schedule, when the clock begins, and what is due in the two days after.
    ("America/New_York", "day 02:30", "2026-03-07 12:00", ["2026-03-08 07:00", "2026-03-09 06:30"]),
    ("Europe/Berlin", "day 02:30", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
    ("Australia/Lord_Howe", "day 01:45", "2026-04-04 00:00", ["2026-04-04 14:45", "2026-04-05 15:15"]),
    ("Australia/Lord_Howe", "day 02:10", "2026-10-03 00:00", ["2026-10-03 15:30", "2026-10-04 15:10"]),
    ("Europe/Berlin", "day 02:30", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
    ("America/New_York", "day 01:30", "2026-10-31 12:00", ["2026-11-01 05:30", "2026-11-02 06:30"]),
    ("UTC", "cron 0 6 29 2 *", "2028-02-28 12:00", ["2028-02-29 06:00"]),
)
TEN_MINUTES = timedelta(minutes=10)
WAITS = """
import pathlib, time
place = pathlib.Path({!r})
with (place / "begun").open("a") as begun:
    begun.write("!")
while not (place / "go").exists():
    time.sleep(0.05)
"""


class Clocked(Office):
    """An office with a worker, a process of its own whose clock is set by the office's."""

    def __init__(self, database: Database, place: Path) -> None:
        super().__init__(database)
        self.place, self.clock = place, place / "clock"
        self.process: subprocess.Popen[bytes]

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run the worker for the block, as `swap up` does."""
        sockets = services.temporary_directory()
        here = runtime_for(self.database, self.place)
        told = {"kernel_env": Path(sys.prefix).parent / "kernel", "socket_directory": sockets}
        runtimes.write(here.model_copy(update=told), self.place / "runtime.json")
        (self.place / "swap.toml").write_text('state = "."\npeople.file = "people.toml"\n')
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.place),
            runtimes.ENVIRONMENT: str(self.place / "runtime.json"),
            **services.fake_clock(self.clock),
        }
        self.set(self.now)
        with (self.place / "log").open("wb") as log:
            begun = [sys.executable, "-m", "swap.processes.worker"]
            self.process = subprocess.Popen(begun, stdout=log, stderr=log, cwd=self.place, env=environment)
        try:
            yield
        finally:
            self.process.terminate()
            assert self.process.wait(60) == 0, (self.place / "log").read_text()
            shutil.rmtree(sockets)

    def set(self, now: datetime) -> None:
        """Let the worker's clock, and ours, show a moment."""
        self.now = now
        self.clock.write_text(f"{(now - datetime.now(UTC)).total_seconds():+.0f}")

    def look(self) -> None:
        """Tell the worker to look, and wait until nothing is left for it to do at this moment."""
        self.tell()
        until(self._is_done)

    def tell(self) -> None:
        with self.database.engine("owner").begin() as conn:
            conn.execute(text("NOTIFY swap_reports"))

    def _is_done(self) -> bool:
        assert self.process.poll() is None, (self.place / "log").read_text()
        with self.database.engine("owner").connect() as conn:
            due = "SELECT count(*) FROM swap.report WHERE state = 'active' AND next_due_at <= :now"
            open_ = "SELECT count(*) FROM swap.report_run WHERE state IN ('waiting', 'running')"
            return not (conn.scalar(text(due), {"now": self.now}) or conn.scalar(text(open_)))

    def become(self, state: State, *reports: Report) -> None:
        """Pause reports, let them go on, or end them, as their person does now."""
        with self.database.engine("web").begin() as conn:
            for each in reports:
                service.become(conn, self.person, each.id, state, self.now)

    def schedule_in(self, zone: str, schedule: str, missed: Missed) -> Report:
        wanted = Schedule.read(schedule, zone)
        with self.database.engine("web").begin() as conn:
            return service.schedule(conn, self.person, self.notebook, wanted, missed, Overlap.WAIT, self.now, new_id)

    def due(self, report: Report) -> Counter[tuple[datetime, str]]:
        """Return when a report was due, and what became of it."""
        with self.database.engine("owner").connect() as conn:
            rows = conn.execute(
                select(report_run.c.due_at, report_run.c.state).where(report_run.c.report_id == report.id)
            )
            return Counter((row.due_at, row.state) for row in rows)

    def periods(self, report: Report) -> list[tuple[datetime, datetime]]:
        """Return what the runs of a report are about, in the order in which they were due."""
        with self.database.engine("owner").connect() as conn:
            wanted = select(report_run.c.period_start, report_run.c.period_end)
            rows = conn.execute(wanted.where(report_run.c.report_id == report.id).order_by(report_run.c.due_at))
            return [(row.period_start, row.period_end) for row in rows]

    def told_ends(self, report: Report) -> int:
        """Return how many ends of its runs the audit has."""
        with self.database.engine("owner").connect() as conn:
            ends = audit_event.c.event == "report-run-ended", audit_event.c.detail["report_id"].astext == report.id
            return len(list(conn.scalars(select(audit_event.c.id).where(*ends))))


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Clocked:
    return Clocked(database, tmp_path)


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_over_changes_of_clocks_and_a_leap_day_each_time_comes_once_also_for_a_clock_that_is_set_back(
    office: Clocked,
) -> None:
    """In three zones.  Its person lost a group, so that each run ends at once: what is tried is when they come."""
    office.now = at(CHANGES[0][2]) - timedelta(hours=1)
    office.become(State.ENDED, office.report)
    with office.working():
        for zone, schedule, begin, expected in CHANGES:
            office.set(at(begin))
            report, hourly = (
                office.schedule_in(zone, schedule, Missed.ALL),
                office.schedule_in(zone, "hour 00:15", Missed.LATEST),
            )
            office.groups("staff")
            for due in expected:
                for moment in (at(due) - TEN_MINUTES, at(due) + timedelta(seconds=5)):
                    office.set(moment)
                    office.look()
                # Set back by ten minutes, its person lets it go on anew: what was due is due again, and is not run.
                office.set(at(due) - TEN_MINUTES / 2)
                office.become(State.PAUSED, report, hourly)
                office.become(State.ACTIVE, report, hourly)
                office.set(at(due) + TEN_MINUTES)
                office.look()
            assert office.due(report) == Counter((at(each), "refused") for each in expected), (zone, schedule)
            assert office.told_ends(report) == len(expected)
            assert set(office.due(hourly).values()) == {1}
            assert all(one[1] == later[0] for one, later in pairwise(office.periods(hourly))), "no hour is left out"
            office.become(State.ENDED, report, hourly)
            office.groups("analysts", "staff")


def test_a_clock_that_is_set_back_and_a_worker_that_sleeps_for_two_days_run_nothing_twice(
    office: Clocked, tmp_path: Path
) -> None:
    office.become(State.ENDED, office.report)
    office.notebook = office.save(WAITS.format(str(tmp_path)))
    report = office.schedule_in("Europe/Berlin", "hour 00:15", Missed.LATEST)
    begun, go = tmp_path / "begun", tmp_path / "go"
    go.touch()
    first = datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
    with office.working():
        for moment in (first, first + TEN_MINUTES, first, first + TEN_MINUTES, first + timedelta(hours=1, seconds=5)):
            office.set(moment)
            office.look()
        assert begun.read_text() == "!!"
        go.unlink()
        office.set(first + timedelta(hours=2, seconds=5))
        office.tell()
        until(lambda: begun.read_text() == "!!!")
        office.process.send_signal(signal.SIGSTOP)
        office.set(first + timedelta(days=2, minutes=1))
        go.touch()
        office.process.send_signal(signal.SIGCONT)
        office.look()
    ran = {first + timedelta(hours=hour) for hour in (0, 1, 2, 48)}
    hours = [first + timedelta(hours=hour) for hour in range(49)]
    assert office.due(report) == Counter((each, "done" if each in ran else "left") for each in hours)
    assert begun.read_text() in {"!!!!", "!!!!!"}, "what it slept over went on, or was begun anew once"
    assert office.told_ends(report) == 49
