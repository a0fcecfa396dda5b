"""The catalog follows its sources, one by one, and shows each person what is theirs to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import services
from swap.catalog import history, service
from swap.catalog.harvest import LONGEST_PAUSE_SECONDS, Harvester, harvest
from swap.catalog.model import TableName
from swap.catalog.service import Catalog, Wanted
from swap.connectors.base import Dataset, Server
from swap.connectors.memory import MemoryConnector
from swap.errors import NotFound
from swap.identity import Principal, Via
from swap.settings import Denial, FilesSource, Grant, Policy, Settings

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANN = Principal("paaaaaaaaa", "ann", frozenset({"analysts"}), Via.PORTAL)
POLICY = Policy(
    grants=(
        Grant(name="all", groups=("analysts",), on=("lake", "wiki.s.*.a")),
        Grant(name="everything", groups=("admins",), on=("wiki",)),
        Grant(name="known", groups=("*",), actions=("discover",), on=("lake",)),
    ),
    denials=(
        Denial(name="hidden", on=("lake.s.hidden",), actions=("discover",), because="hides it", ask="x"),
        Denial(name="locked", on=("lake.*.*.b",), because="locks it", ask="x"),
    ),
)


def source(name: str, *tables: str, piece_tables: int = 100) -> MemoryConnector:
    rows = pa.table({"a": [1], "b": ["x"]})
    return MemoryConnector(name, {f"s.{table}": rows for table in tables}, piece_tables=piece_tables)


def health(database: services.Database, name: str) -> service.Health:
    with database.engine("gateway").begin() as conn:
        return service.health(conn)[name]


def names(database: services.Database, principal: Principal = ANN) -> list[str]:
    with database.engine("gateway").begin() as conn:
        return [str(table.name) for table in Catalog(conn, POLICY, principal).tables(Wanted()).tables]


def changes(database: services.Database, principal: Principal = ANN) -> list[tuple[datetime, str, str, str, str]]:
    with database.engine("gateway").begin() as conn:
        found = Catalog(conn, POLICY, principal).changes(TableName("wiki", "s", "t"))
    return [(each.at, each.column, each.what.value, str(each.was), str(each.now)) for each in found]


def latest(database: services.Database, principal: Principal = ANN) -> datetime | None:
    name = TableName("wiki", "s", "t")
    with database.engine("gateway").begin() as conn:
        return Catalog(conn, POLICY, principal).latest_changes([name]).get(name)


def test_what_happens_to_columns_is_remembered_with_its_time(database: services.Database) -> None:
    engine, everybody = database.engine("gateway"), Principal("paaaaaaaab", "bob", frozenset({"admins"}), Via.PORTAL)
    first, second, third = (
        pa.table(columns) for columns in ({"a": [1], "c": [1]}, {"a": ["x"]}, {"a": ["y"], "b": [1]})
    )
    for hour, rows in enumerate((first, second, second, third)):
        wiki = MemoryConnector("wiki", {"s.t": rows})
        assert harvest(engine, wiki, lambda hour=hour: START + timedelta(hours=hour))  # type: ignore[misc]

    assert changes(database, everybody) == [
        (START + timedelta(hours=3), "b", "added", "None", "int64"),
        (START + timedelta(hours=1), "a", "retyped", "int64", "string"),
        (START + timedelta(hours=1), "c", "gone", "int64", "None"),
    ]
    # Of a column that one may not know of there is no news, gone or not.
    assert [change[1] for change in changes(database)] == ["a"]
    # What came changes nothing for who asked before.
    assert latest(database, everybody) == latest(database) == START + timedelta(hours=1)
    fewer = pa.table({"a": ["y"]})
    assert harvest(engine, MemoryConnector("wiki", {"s.t": fewer}), lambda: START + timedelta(hours=5))
    assert (latest(database, everybody), latest(database)) == (START + timedelta(hours=5), START + timedelta(hours=1))
    assert harvest(engine, MemoryConnector("wiki", {"s.t": third}), lambda: START + timedelta(hours=6))

    assert harvest(engine, MemoryConnector("wiki", {"s.t": third}), lambda: START + history.KEPT + timedelta(hours=2))
    assert [change[1] for change in changes(database, everybody)] == ["b", "b", "b"]


def test_what_a_source_has_is_what_is_listed(database: services.Database) -> None:
    lake = source("lake", "one", "two")
    harvest(database.engine("gateway"), lake, lambda: START)
    assert names(database) == ["lake.s.one", "lake.s.two"]

    del lake.tables["s.one"]
    harvest(database.engine("gateway"), lake, lambda: START)

    assert names(database) == ["lake.s.two"]


def test_a_harvest_that_breaks_off_keeps_what_it_was_told_and_forgets_nothing(database: services.Database) -> None:
    engine, lake = database.engine("gateway"), source("lake", "gone", "one", "two", "late", piece_tables=1)
    harvest(engine, lake, lambda: START)
    del lake.tables["s.gone"]
    for name in ("one", "two", "late"):
        lake.tables[f"s.{name}"].comment = "new"
    lake.behaviour.fail_after_pieces = 2
    later = START + timedelta(minutes=5)

    assert not harvest(engine, lake, lambda: later)

    with engine.begin() as conn:
        listed = Catalog(conn, POLICY, ANN).tables(Wanted()).tables
    assert {each.name.table: each.comment for each in listed} == {"gone": "", "one": "new", "two": "new", "late": ""}
    assert (health(database, "lake").up, health(database, "lake").harvested_at) == (False, START)


def test_a_table_that_is_gone_is_forgotten_by_a_harvest_that_came_to_its_end(database: services.Database) -> None:
    engine, lake = database.engine("gateway"), source("lake", "gone", "one", "two", piece_tables=1)
    for connector in (lake, source("wiki", "gone")):
        harvest(engine, connector, lambda: START)
    del lake.tables["s.gone"]
    lake.behaviour.fail_after_pieces = 1
    harvest(engine, lake, lambda: START)
    assert names(database) == ["lake.s.gone", "lake.s.one", "lake.s.two", "wiki.s.gone"]

    lake.behaviour.fail_after_pieces = None
    assert harvest(engine, lake, lambda: START)

    assert names(database) == ["lake.s.one", "lake.s.two", "wiki.s.gone"]
    assert health(database, "lake").up


def test_what_a_server_holds_that_is_away_is_kept_with_its_age_and_the_rest_renewed(
    database: services.Database,
) -> None:
    class TwoServers(MemoryConnector):
        problem = ""

        def servers(self) -> Sequence[Server]:
            return (
                Server("s1", lambda schema: schema == "one", lag_seconds=3.0, read_only=True),
                Server("s2", lambda schema: schema == "two", self.problem),
            )

    engine, rows = database.engine("gateway"), pa.table({"a": [1]})
    lake = TwoServers("lake", {f"{schema}.{name}": rows for schema in ("one", "two") for name in ("kept", "gone")})
    assert harvest(engine, lake, lambda: START)
    later = START + timedelta(minutes=5)
    lake.problem = "lake (s2) does not answer."
    # What s2 holds is not told of, and one table of s1 is gone.
    lake.tables = {"one.kept": lake.tables["one.kept"]}

    assert harvest(engine, lake, lambda: later)

    assert names(database) == ["lake.one.kept", "lake.two.gone", "lake.two.kept"]
    state = health(database, "lake")
    assert (state.up, state.harvested_at) == (True, later)
    first, second = state.servers
    assert (first.name, first.up, first.since, first.harvested_at) == ("s1", True, START, later)
    assert (first.lag_seconds, first.stopped, first.read_only) == (3.0, None, True)
    assert (second.name, second.up, second.since, second.harvested_at) == ("s2", False, later, START)


def test_each_piece_is_seen_before_the_next_is_told(database: services.Database) -> None:
    class Watched(MemoryConnector):
        def harvest(self) -> Iterator[Sequence[Dataset]]:
            for piece in super().harvest():
                yield piece
                seen.append(len(names(database)))

    seen: list[int] = []
    rows = pa.table({"a": [1]})

    harvest(database.engine("gateway"), Watched("lake", {f"s.{n}": rows for n in "abc"}, piece_tables=1), lambda: START)

    assert seen == [1, 2, 3]


def test_after_each_piece_queries_have_the_process_for_as_long_as_it_took(database: services.Database) -> None:
    pauses: list[float] = []

    harvest(database.engine("gateway"), source("lake", *"abc", piece_tables=1), lambda: START, pauses.append)

    assert len(pauses) == 3
    assert all(0 < pause <= LONGEST_PAUSE_SECONDS for pause in pauses)


def test_a_hidden_table_and_a_table_without_a_visible_column_do_not_exist(database: services.Database) -> None:
    wiki = MemoryConnector("wiki", {"s.with": pa.table({"a": [1]}), "s.without": pa.table({"z": [1]})})
    for connector in (source("lake", "open", "hidden"), wiki):
        harvest(database.engine("gateway"), connector, lambda: START)

    assert names(database) == ["lake.s.open", "wiki.s.with"]
    with database.engine("gateway").begin() as conn:
        for missing in ("hidden", "nothing"):
            with pytest.raises(NotFound, match=f"There is no table lake.s.{missing}, or you may not know of it"):
                Catalog(conn, POLICY, ANN).table(TableName("lake", "s", missing))


def test_verdicts_stand_beside_each_column(database: services.Database) -> None:
    harvest(database.engine("gateway"), source("lake", "open"), lambda: START)

    with database.engine("gateway").begin() as conn:
        table = Catalog(conn, POLICY, ANN).table(TableName("lake", "s", "open"))
        bob = Principal("pbbbbbbbbb", "bob", frozenset(), Via.PORTAL)
        stranger = Catalog(conn, POLICY, bob).table(TableName("lake", "s", "open"))

    assert [(column.column.name, column.read.allowed, column.read.rule) for column in table.columns] == [
        ("a", True, "all"),
        ("b", False, "locked"),
    ]
    assert (table.read.allowed, stranger.read.allowed, stranger.read.rule) == (True, False, "default")


def test_a_source_that_goes_down_keeps_its_catalog_and_says_since_when(
    database: services.Database, tmp_path: Path
) -> None:
    lake, engine = source("lake", "open"), database.engine("gateway")
    settings = Settings(
        state=tmp_path, policy=POLICY, sources={"lake": FilesSource(kind="files", root=tmp_path, owner="team")}
    )
    harvest(engine, lake, lambda: START)
    lake.behaviour.down = True
    for minutes in (5, 10):
        assert not harvest(engine, lake, lambda minutes=minutes: START + timedelta(minutes=minutes))  # type: ignore[misc]

    with engine.begin() as conn:
        (state,) = service.sources(conn, settings, ANN, fresh=True)

    assert (state.up, state.since, state.tables.visible) == (False, START + timedelta(minutes=5), 1)


def test_one_source_that_hangs_holds_up_no_other(database: services.Database) -> None:
    class Hanging(MemoryConnector):
        def check(self) -> None:
            release.wait(20)

    release = threading.Event()
    harvester = Harvester(
        database.engine("gateway"), {"wiki": Hanging("wiki", {}), "lake": source("lake", "open")}, lambda: START
    )
    harvester.start()
    try:
        deadline = time.monotonic() + 10
        while names(database) != ["lake.s.open"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        release.set()
        harvester.stop()


def test_a_source_can_be_asked_again_at_once(database: services.Database) -> None:
    lake = source("lake", "one")
    harvester = Harvester(database.engine("gateway"), {"lake": lake}, lambda: START)
    harvester.start()
    try:
        assert harvester.wait_first(10)
        lake.tables["s.two"] = lake.tables["s.one"]
        harvester.ask_again("lake")
        deadline = time.monotonic() + 10
        while names(database) != ["lake.s.one", "lake.s.two"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        harvester.stop()


def test_a_source_that_the_settings_no_longer_name_is_forgotten(database: services.Database) -> None:
    harvest(database.engine("gateway"), source("wiki", "open"), lambda: START)
    harvester = Harvester(database.engine("gateway"), {"lake": source("lake", "open")}, lambda: START)
    harvester.start()
    harvester.wait_first(10)
    harvester.stop()

    assert names(database) == ["lake.s.open"]
