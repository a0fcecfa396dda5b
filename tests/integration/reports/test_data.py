"""A run waits for its data: until the catalog says that they are there, and late after its deadline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from integration.reports.offices import BEGIN, Office, new_id
from services import Database
from swap.catalog import store as catalog
from swap.catalog.model import TableName
from swap.connectors.base import Column, Dataset, Partition, Partitions
from swap.db.tables import audit_event
from swap.errors import Conflict
from swap.notebooks import notices
from swap.notebooks.notices import Kind
from swap.reports import data, queue, running, service, store
from swap.reports.model import Awaited, Chosen, Run, RunState, Stand, State

TABLE = TableName("lake", "wmf", "pageview_hourly")
KEYS = ("year", "month", "day", "hour")
CHOSEN = Chosen((Awaited(TABLE, KEYS),), timedelta(hours=2))


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.dataset"))
    made = Office(module_database, chosen=CHOSEN)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def harvested(office: Office, hours: int) -> None:
    """Let the catalog know that so many hours of the day are there, and all of the day before."""
    newest = (_day("24", hours), _day("23", 24)) if hours else (_day("23", 24),)
    columns = tuple(Column(name, pa.int64(), partition=True) for name in KEYS)
    parts = Partitions(KEYS[:-1], KEYS[-1], 24 + hours, newest)
    with office.database.engine("gateway").begin() as conn:
        catalog.put(conn, TABLE.source, [Dataset(TABLE.schema, TABLE.table, columns, partitions=parts)], office.now)


def _day(day: str, hours: int) -> Partition:
    return Partition(("2026", "11", day), hours, 100, exact=True)


def look(office: Office) -> None:
    with office.database.engine("worker").begin() as conn:
        assert data.look(conn, office.now) is False


def last(office: Office) -> Run:
    with office.database.engine("web").begin() as conn:
        return store.runs(conn, office.report.id, 0, 1)[0]


def let_go(office: Office, run: Run) -> None:
    with office.database.engine("web").begin() as conn:
        running.let_go(conn, office.person, office.report.id, run.id, office.now)


def test_a_run_starts_when_its_data_are_complete_up_to_its_periods_end(office: Office) -> None:
    harvested(office, 8)
    office.later(minutes=15)
    office.plan()
    assert office.states() == ["data"]
    look(office)
    assert office.claim() is None
    assert last(office).stand == (Stand(TABLE, BEGIN - timedelta(hours=1)),)
    harvested(office, 9)
    look(office)
    assert office.claim() is None, "it is looked at each minute"
    office.later(minutes=1)
    look(office)
    assert office.finish(office.claimed()) is RunState.DONE
    assert last(office).stand == ()


def test_a_run_whose_data_do_not_come_is_late_and_still_runs_when_they_do(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    look(office)
    assert (last(office).state, last(office).stand) == (RunState.DATA, (Stand(TABLE, None),)), "it is in no catalog"
    office.later(hours=2)
    look(office)
    look(office)
    assert last(office).state is RunState.LATE
    with office.database.engine("owner").connect() as conn:
        wanted = select(audit_event.c.detail).where(
            audit_event.c.event == "report-run-late", audit_event.c.person_id == office.person.id
        )
        (said,) = conn.scalars(wanted)
    assert said["tables"] == [str(TABLE)]
    with office.database.engine("web").begin() as conn:
        (row,) = service.listed(conn, office.person, office.now)
    assert row.late is True
    office.later(minutes=1)
    look(office)
    assert told(office) == [Kind.REPORT_LATE], "once"
    harvested(office, 9)
    office.later(minutes=1)
    look(office)
    assert office.finish(office.claimed()) is RunState.DONE
    assert told(office) == [Kind.REPORT_RECOVERED, Kind.REPORT_LATE]


def told(office: Office) -> list[str]:
    """Return what its person is told, the newest first."""
    with office.database.engine("web").begin() as conn:
        found, _ = notices.listed(conn, office.person, office.now, 0)
    return [each.kind for each in found]


def test_a_worker_looks_again_after_a_minute_and_at_the_deadline(office: Office) -> None:
    def wakes() -> timedelta:
        with office.database.engine("worker").connect() as conn:
            found = queue.wakes_at(conn)
        assert found is not None
        return found - office.now

    office.later(minutes=15)
    office.plan()
    assert wakes() == timedelta(0)
    look(office)
    assert wakes() == data.AGAIN
    office.later(hours=1, minutes=59, seconds=30)
    office.plan()
    look(office)
    assert wakes() == timedelta(seconds=30)


def test_its_person_lets_a_run_go_without_its_data(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    look(office)
    run = last(office)
    let_go(office, run)
    office.claimed()
    with pytest.raises(Conflict):
        let_go(office, run)


def test_what_is_chosen_later_counts_for_runs_that_wait(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    look(office)
    with office.database.engine("web").begin() as conn:
        service.choose(conn, office.person, office.report.id, Chosen((), timedelta(hours=1)), office.now)
    look(office)
    office.finish(office.claimed())
    office.later(hours=1)
    office.plan()
    assert office.states() == ["done", "waiting"]


def test_what_is_asked_for_waits_for_its_data_too(office: Office) -> None:
    harvested(office, 0)
    with office.database.engine("web").begin() as conn:
        asked = running.run_now(conn, office.person, office.report.id, office.now, new_id)
    look(office)
    assert last(office).state is RunState.DATA
    assert asked.late_at == office.now + CHOSEN.deadline


def test_a_report_that_has_ended_waits_for_nothing(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    with office.database.engine("web").begin() as conn:
        service.become(conn, office.person, office.report.id, State.ENDED, office.now)
    look(office)
    assert office.states() == ["left"]


def test_a_worker_reads_of_the_catalog_how_far_tables_are_and_nothing_else(office: Office) -> None:
    with office.database.engine("worker").connect() as conn, pytest.raises(ProgrammingError):
        conn.execute(text("SELECT comment FROM swap.dataset"))
    with office.database.engine("worker").connect() as conn, pytest.raises(ProgrammingError):
        conn.execute(text("UPDATE swap.dataset SET newest = ''"))
