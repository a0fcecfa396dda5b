"""What runs write counts when it is done, at once and whole; and exists for who may read all that it comes from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
from integration.gateway.desks import EVERYONE
from integration.gateway.gateways import POLICY
from integration.reports.offices import BEGIN, Office, new_id
from services import Database
from swap.catalog.model import TableName, VisibleDataset
from swap.client import checks, expect
from swap.client.checks import Rules
from swap.db import tables as db
from swap.db.report_tables import report
from swap.errors import Conflict, LimitExceeded, NotSignedIn, Problem
from swap.identity import Principal, Via
from swap.identity import Run as RunOf
from swap.people import service as people
from swap.people.ids import new_person_id
from swap.policy.model import Resource
from swap.query import lineage
from swap.reports import outputs, owners, running, runs, table_store, tables
from swap.reports.model import Claimed, Outcome, RunState
from swap.reports.results import Results

VIEWS = (Resource("lake", "wmf", "pageview_hourly", "view_count"),)
CITY = (Resource("lake", "wmf", "pageview_hourly", "city"),)
READERS = pa.schema({"country": pa.string(), "views": pa.int64()})
DONE, FAILED = Outcome(None), Outcome(None, Problem("Cell 2 of 3 failed."), cell=2)
HELD = Outcome(notebooks.notebook(notebooks.code("x", notebooks.shown(expect.bundle([checks.outcome("x", False, Rules())])))))  # fmt: skip
ROOM = 10**9


class Desk:
    """An office whose report writes tables, and people who ask for them."""

    def __init__(self, office: Office, root: Path) -> None:
        self.office, self.root = office, root
        self.name = office.person.name

    def due(self) -> Claimed:
        """Let the next hour's run be claimed, a quarter past."""
        self.office.later(minutes=15 if self.office.now == BEGIN else 60)
        self.office.plan()
        return self.office.claimed()

    def again(self) -> Claimed:
        """Let the last hour be run once more."""
        self.office.later(minutes=1)
        with self.office.database.engine("web").begin() as conn:
            running.run_now(conn, self.office.person, self.office.report.id, self.office.now, new_id)
        return self.office.claimed()

    def writes(
        self,
        claimed: Claimed,
        *columns: Resource,
        schema: pa.Schema = READERS,
        name: str = "readers",
        room: int = ROOM,
    ) -> str:
        """Let a claim's kernel read some columns and write its rows; return by what they are found."""
        self.reads(claimed, columns or VIEWS)
        engine, who = self.office.database.engine("gateway"), self.acts(claimed)
        with engine.begin() as conn:
            begun = outputs.begin(conn, who, name, ["country"], schema, room)
        outputs.write(engine, self.root, begun, 3, [b"rows of ", claimed.run.id.encode()], who, self.office.now)
        return f"{claimed.run.id}-{claimed.epoch}"

    def reads(self, claimed: Claimed, columns: tuple[Resource, ...]) -> None:
        digest = lineage.digest(columns)
        read = {"person_id": self.office.person.id, "kernel_id": claimed.kernel_id, "last_at": self.office.now}
        with self.office.database.engine("owner").begin() as conn:
            kept = upsert(db.lineage).values(digest=digest, columns=lineage.encode(columns))
            conn.execute(kept.on_conflict_do_nothing())
            conn.execute(upsert(db.kernel_read).values(lineage=digest, **read).on_conflict_do_nothing())

    def acts(self, claimed: Claimed) -> Principal:
        """Return who shows the token of a claim."""
        who = self.office.person
        return Principal(who.id, who.name, who.groups, Via.REPORT, RunOf(claimed.run.id, claimed.epoch))

    def ends(self, claimed: Claimed, outcome: Outcome = DONE) -> RunState | None:
        with self.office.database.engine("worker").begin() as conn:
            return runs.finish(conn, claimed, outcome, self.office.now)

    def sees(self, who: Principal, name: str = "readers") -> VisibleDataset | None:
        with self.office.database.engine("gateway").connect() as conn:
            asked = TableName("reports", self.name, name)
            return Results(POLICY, lambda: self.office.now).find(conn, who, [asked]).get(asked)

    def parts(self, who: Principal | None = None, name: str = "readers") -> tuple[str, ...]:
        seen = self.sees(who or self.office.person, name)
        assert seen is None or seen.stored is not None
        return seen.stored.parts if seen and seen.stored else ()

    def other(self, *groups: str) -> Principal:
        """Return somebody else."""
        with self.office.database.engine("owner").begin() as conn:
            name = secrets.token_hex(4)
            made = people.ensure_person(conn, name, name, groups, lambda: new_person_id(secrets.token_bytes))
            people.sign_in(conn, made.id, secrets.token_hex(4), self.office.now, 7)
        return Principal(made.id, name, frozenset(groups), Via.KERNEL)

    def tidies_much_later(self) -> None:
        for part in self.root.glob("*/*/*"):
            os.utime(part, (0, datetime(2020, 1, 1, tzinfo=UTC).timestamp()))
        outputs.tidy(self.office.database.engine("gateway"), self.root)

    def share(self) -> None:
        with self.office.database.engine("owner").begin() as conn:
            conn.execute(EVERYONE, {"id": self.office.notebook})


@pytest.fixture
def desk(module_database: Database, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Office(module_database), tmp_path)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


# ── What counts ─────────────────────────────────────────────────────────────────────────────────────
def test_a_period_counts_when_its_run_is_done_and_a_newer_edition_takes_its_place_at_once(desk: Desk) -> None:
    claimed = desk.due()
    first = desk.writes(claimed)
    assert desk.parts() == (), "the run goes on"
    desk.ends(claimed)
    assert desk.parts() == (first,)
    again = desk.again()
    second = desk.writes(again)
    assert desk.parts() == (first,)
    desk.ends(again)
    assert desk.parts() == (second,)
    third = desk.due()
    desk.writes(third)
    desk.ends(third, FAILED)
    fourth = desk.due()
    last = desk.writes(fourth)
    desk.ends(fourth)
    assert desk.parts() == (last, second)
    seen = desk.sees(desk.office.person)
    assert seen is not None
    assert [column.name for column in seen.dataset.columns] == ["period_start", "period_end", "country", "views"]
    assert (seen.dataset.row_estimate, seen.dataset.rows_exact) == (6, True)
    (file,) = desk.root.glob(f"*/readers/*{second}/*")
    assert file.read_bytes() == f"rows of {again.run.id}".encode()


def test_what_is_held_counts_once_it_is_released(desk: Desk) -> None:
    claimed = desk.due()
    part = desk.writes(claimed)
    desk.ends(claimed, HELD)
    assert desk.parts() == ()
    with desk.office.database.engine("web").begin() as conn:
        owners.release(conn, desk.office.person, desk.office.report.id, claimed.run.id, desk.office.now)
    assert desk.parts() == (part,)


def test_what_an_older_claim_writes_or_one_that_has_ended_is_refused(desk: Desk) -> None:
    slept = desk.due()
    desk.office.later(seconds=61)
    other = desk.office.claimed()
    part = desk.writes(other)
    with pytest.raises(NotSignedIn, match="over"):
        desk.writes(slept)
    desk.ends(other)
    assert desk.parts() == (part,)
    (file,) = desk.root.glob("*/readers/*/*")
    before = file.stat()
    with pytest.raises(NotSignedIn, match="over"):
        desk.writes(other)
    assert file.stat().st_mtime_ns == before.st_mtime_ns, "an edition is not changed"


def test_a_run_that_writes_a_table_twice_has_written_it_once(desk: Desk) -> None:
    claimed = desk.due()
    assert desk.writes(claimed) == desk.writes(claimed, *CITY)
    desk.ends(claimed)
    assert len(desk.parts(desk.office.person)) == 0, "it has read cities by now, which its person may not"


# ── For whom ────────────────────────────────────────────────────────────────────────────────────────
def test_a_table_exists_for_who_may_open_the_notebook_and_read_all_that_it_comes_from(desk: Desk) -> None:
    analyst, private, reader = desk.other("analysts"), desk.other("analysts", "data-privacy"), desk.other("readers")
    first = desk.due()
    one = desk.writes(first)
    desk.ends(first)
    everybody = (analyst, private, reader)
    assert [desk.parts(who) for who in everybody] == [(), (), ()], "the notebook is not shared"
    desk.share()
    assert [desk.parts(who) for who in everybody] == [(one,), (one,), ()]
    second = desk.due()
    two = desk.writes(second, *CITY)
    desk.ends(second)
    assert [desk.parts(who) for who in everybody] == [(), (two, one), ()], "all of it or nothing"
    seen = desk.sees(private)
    assert seen is not None
    assert seen.stored is not None
    assert set(seen.stored.comes_from) == {*VIEWS, *CITY}
    with desk.office.database.engine("web").begin() as conn:
        shown = [
            [each.written for each in tables.of_report(conn, POLICY, who, desk.office.report.id, desk.office.now)]
            for who in everybody
        ]
    assert shown == [[], [f"reports.{desk.name}.readers"], []]
    with desk.office.database.engine("gateway").connect() as conn:
        known = Results(POLICY, lambda: desk.office.now)
        listed = [[each.name.schema for each in known.listed(conn, who)] for who in everybody]
    assert listed == [[], [desk.name], []]
    with desk.office.database.engine("hub").begin() as conn:
        people.end_everything(conn, private.id, desk.office.now)
    with pytest.raises(NotSignedIn):
        desk.parts(private)


def test_one_edition_is_for_who_may_read_the_table_and_all_that_its_run_read(desk: Desk) -> None:
    analyst, private = desk.other("analysts"), desk.other("analysts", "data-privacy")
    first, where = desk.due(), "readers@{}".format
    desk.writes(first, *CITY)
    desk.ends(first)
    second = desk.again()
    two = desk.writes(second)
    desk.ends(second)
    held = desk.again()
    three = desk.writes(held)
    desk.ends(held, HELD)
    mine = desk.office.person
    for who in (analyst, private):
        assert desk.parts(who, where(second.run.id)) == (), "the notebook is not shared"
    desk.share()
    assert desk.parts(analyst) == desk.parts(analyst, where(second.run.id)) == (two,)
    assert [len(desk.parts(who, where(first.run.id))) for who in (analyst, private, mine)] == [0, 1, 0]
    assert [desk.parts(who, where(held.run.id)) for who in (analyst, private, mine)] == [(), (), (three,)]
    assert desk.parts(mine, where("nothing")) == ()


def test_a_right_that_is_lost_takes_the_table_along(desk: Desk) -> None:
    claimed, who = desk.due(), desk.other("analysts", "data-privacy")
    desk.writes(claimed, *CITY)
    desk.ends(claimed)
    desk.share()
    assert len(desk.parts(who)) == 1
    with desk.office.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.person SET groups = '{analysts}' WHERE id = :id"), {"id": who.id})
    assert desk.parts(who) == ()


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL])
def test_nobody_but_a_run_writes(desk: Desk, via: Via) -> None:
    claimed, who = desk.due(), desk.office.person
    engine = desk.office.database.engine("gateway")
    for wrong in (
        Principal(who.id, who.name, who.groups, via),
        Principal(desk.other("analysts").id, "x", who.groups, Via.REPORT, RunOf(claimed.run.id, claimed.epoch)),
        Principal(who.id, who.name, who.groups, Via.REPORT, RunOf("nothing", 1)),
    ):
        with pytest.raises(NotSignedIn), engine.begin() as conn:
            outputs.begin(conn, wrong, "readers", [], READERS, ROOM)


def test_a_table_keeps_its_name_and_rows_when_its_report_runs_as_somebody_else(desk: Desk) -> None:
    first, other = desk.due(), desk.other("analysts")
    one = desk.writes(first)
    desk.ends(first)
    desk.share()
    again = desk.again()
    with desk.office.database.engine("owner").begin() as conn:
        conn.execute(update(report).values(person_id=other.id))
    claimed = replace(again, report=replace(again.report, person_id=other.id))
    mine = Desk(copy(desk.office), desk.root)
    mine.office.person = replace(other, via=Via.PORTAL)
    two = mine.writes(claimed)
    mine.ends(claimed)
    mine.name = other.name
    assert one != two
    assert desk.parts(other) == mine.parts(other) == (two,)
    assert len(list(desk.root.glob(f"{claimed.report.id}/readers/*"))) == 2
    with desk.office.database.engine("gateway").begin() as conn:
        again_mine = desk.office.schedule("hour 00:20").id
        assert table_store.take(conn, desk.office.person.id, "readers", again_mine), "the name is free again"
        assert not table_store.take(conn, other.id, "readers", again_mine), "the control"


# ── What can be written ─────────────────────────────────────────────────────────────────────────────
def test_columns_may_be_added_and_keep_their_types_also_those_of_held_editions(desk: Desk) -> None:
    more = pa.schema([*READERS, pa.field("edits", pa.int32())])
    for schema, outcome in ((READERS, DONE), (more, HELD), (READERS, DONE)):
        claimed = desk.due()
        desk.writes(claimed, schema=schema)
        desk.ends(claimed, outcome)
    claimed = desk.due()
    for wrong in (pa.schema({"country": pa.string(), "views": pa.float64()}), more.set(2, pa.field("edits", pa.int64()))):  # fmt: skip
        with pytest.raises(Conflict, match="in earlier periods it is int"):
            desk.writes(claimed, schema=wrong)


def test_one_report_writes_a_table_and_what_only_failed_is_nobodys(desk: Desk) -> None:
    claimed = desk.due()
    desk.writes(claimed)
    desk.ends(claimed, FAILED)
    other = Desk(desk.office, desk.root)
    other.office.report = other.office.schedule("hour 00:20")
    later = other.due()
    while later.report.id != other.office.report.id:
        desk.ends(later)
        later = desk.office.claimed()
    part = other.writes(later)
    other.ends(later)
    assert desk.parts() == (part,)
    back = desk.due()
    while back.report.id == other.office.report.id:
        desk.ends(back)
        back = desk.office.claimed()
    with pytest.raises(Conflict, match="is written by another report of yours"):
        desk.writes(back)


def test_there_is_a_room_for_all_tables_of_a_person_and_a_number_for_a_run(desk: Desk) -> None:
    claimed = desk.due()
    for at in range(outputs.MOST_TABLES):
        desk.writes(claimed, name=f"t{at}")
    desk.writes(claimed, name="t0")
    with pytest.raises(LimitExceeded, match="at most 20"):
        desk.writes(claimed, name="more")
    with pytest.raises(LimitExceeded, match="already"):
        desk.writes(claimed, name="t0", room=100)
    desk.ends(claimed, FAILED)
    later = desk.due()
    with pytest.raises(LimitExceeded, match="already"):
        desk.writes(later, room=100)
    desk.tidies_much_later()
    desk.writes(later, room=100)


def test_rows_that_no_run_accounts_for_are_deleted_after_an_hour(desk: Desk) -> None:
    kept = desk.due()
    desk.writes(kept)
    desk.ends(kept)
    failed = desk.due()
    desk.writes(failed)
    desk.ends(failed, FAILED)
    engine = desk.office.database.engine("gateway")
    outputs.tidy(engine, desk.root)
    assert len(list(desk.root.glob("*/readers/*"))) == 2, "it may be written just now"
    desk.tidies_much_later()
    (left,) = desk.root.glob("*/readers/*")
    assert kept.run.id in left.name
