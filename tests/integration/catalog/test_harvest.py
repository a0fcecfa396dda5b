"""The catalog follows its sources, one by one, and shows each person what is theirs to see."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import services
from swap.catalog import service
from swap.catalog.harvest import Harvester, harvest
from swap.catalog.model import TableName
from swap.catalog.service import Catalog, Wanted
from swap.connectors.memory import MemoryConnector
from swap.errors import NotFound
from swap.identity import Principal, Via
from swap.settings import Denial, FilesSource, Grant, Policy, Settings

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANN = Principal("paaaaaaaaa", "ann", frozenset({"analysts"}), Via.PORTAL)
POLICY = Policy(
    grants=(
        Grant(name="all", groups=("analysts",), on=("lake", "wiki.s.*.a")),
        Grant(name="known", groups=("*",), actions=("discover",), on=("lake",)),
    ),
    denials=(
        Denial(name="hidden", on=("lake.s.hidden",), actions=("discover",), because="hides it", ask="x"),
        Denial(name="locked", on=("lake.*.*.b",), because="locks it", ask="x"),
    ),
)


def source(name: str, *tables: str) -> MemoryConnector:
    return MemoryConnector(name, {f"s.{table}": pa.table({"a": [1], "b": ["x"]}) for table in tables})


def names(database: services.Database, principal: Principal = ANN) -> list[str]:
    with database.engine("gateway").begin() as conn:
        return [str(table.name) for table in Catalog(conn, POLICY, principal).tables(Wanted()).tables]


def test_what_a_source_has_is_what_is_listed(database: services.Database) -> None:
    lake = source("lake", "one", "two")
    harvest(database.engine("gateway"), lake, lambda: START)
    assert names(database) == ["lake.s.one", "lake.s.two"]

    del lake.tables["s.one"]
    harvest(database.engine("gateway"), lake, lambda: START)

    assert names(database) == ["lake.s.two"]


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
        (state,) = service.sources(conn, settings, ANN)

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
