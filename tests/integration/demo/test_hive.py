"""The demo's lake in a real Hive, read through SWAP's own connector."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

import services
import sign_in
from reading import batches
from swap.connectors.base import Comparison, Dataset, Deadline, Fragment, OnBehalf, Predicate
from swap.connectors.hive.connector import HiveConnector
from swap.connectors.hive.session import Session, StatementError
from swap.demo import describe, events, hive_lake, lake
from swap.demo.hive_server import ARCHIVE, OWNER, READER, guarded
from swap.errors import SourceUnavailable

NAMES = ("event.navigationtiming", "canonical_data.wikis", "nyc.flights", "wmf.editors_daily")
PASSWORDS = {OWNER: "the owner's", READER: "the reader's"}
NOBODY = OnBehalf("p", "ann", frozenset(), frozenset())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lake")
    made.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        # A tenth of the demo's: Hive takes most of a minute for all of them.
        patch.setattr(events, "COUNT", 2_400)
        lake.make(made, tables={name: lake.TABLES[name] for name in NAMES})
    return made


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[services.RunningHive]:
    made = services.RunningHive(guarded(PASSWORDS))
    hive_lake.make(made.port, root, names=NAMES, password=PASSWORDS[OWNER])
    yield made
    made.close()


@pytest.fixture(scope="module")
def hive(server: services.RunningHive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiveConnector]:
    password = tmp_path_factory.mktemp("secrets") / "reader"
    password.write_text(PASSWORDS[READER])
    with sign_in.connected(
        server.port, user=READER, password={"file": password}, tls="disable", impersonate=False
    ) as made:
        yield made


@pytest.fixture(scope="module")
def harvested(hive: HiveConnector) -> dict[str, Dataset]:
    return {f"{each.schema}.{each.name}": each for piece in hive.harvest() for each in piece}


def test_its_classes_come_from_the_archive_that_setup_makes(server: services.RunningHive) -> None:
    """One that does not fit its Java, its jars or their order is not used."""
    assert str(services.CHECKOUT / ARCHIVE) in Path(f"/proc/{server.pid}/maps").read_text()


def test_nothing_is_held_against_the_account_that_reads(hive: HiveConnector) -> None:
    assert hive.check().excess == ()


def read(hive: HiveConnector, dataset: Dataset, *where: Predicate) -> pa.Table:
    fragment = Fragment(dataset.schema, dataset.name, dataset.columns, where, query_id="q1")
    reader = hive.read(fragment, NOBODY, Deadline(time.monotonic() + 120))
    return pa.Table.from_batches(list(batches(reader)), fragment.columns_as(()))


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_the_rows_of_its_files(
    hive: HiveConnector, harvested: dict[str, Dataset], root: Path, name: str
) -> None:
    files = ds.dataset(root / Path(*name.split(".")), partitioning="hive").to_table()
    rows = read(hive, harvested[name])

    assert rows.num_rows == files.num_rows == harvested[name].row_estimate
    assert set(rows.column_names) == set(files.column_names)
    for column in rows.column_names:
        assert rows[column].null_count == files[column].null_count, column
        if pa.types.is_integer(rows[column].type):
            assert pc.sum(rows[column]) == pc.sum(files[column].cast(pa.int64())), column
        elif pa.types.is_string(rows[column].type):
            assert pc.count_distinct(rows[column]) == pc.count_distinct(files[column].cast(pa.string())), column
        elif pa.types.is_timestamp(rows[column].type):
            assert pc.max(rows[column]).as_py() == pc.max(files[column]).as_py().replace(tzinfo=None), column
        elif pa.types.is_floating(rows[column].type):
            assert pc.min_max(rows[column]) == pc.min_max(files[column].cast(rows[column].type)), column
        elif pa.types.is_nested(rows[column].type):
            assert texts(rows[column]) == texts(files[column]), column


def texts(values: pa.ChunkedArray) -> list[str]:
    """Return every value's text in an order of its own: the server's rows come in another one."""
    return sorted(map(repr, values.to_pylist()))


def test_comments_owners_and_sensitivity_are_harvested(harvested: dict[str, Dataset]) -> None:
    dataset, about = harvested["event.navigationtiming"], describe.LAKE["event.navigationtiming"]

    assert (dataset.comment, dataset.owner) == (about.comment, about.owner)
    assert {column.name: column.comment for column in dataset.columns} == about.columns
    assert {column.name: column.sensitivity for column in dataset.columns if column.sensitivity} == about.sensitivity
    assert [column.name for column in dataset.columns if column.partition] == ["year", "month", "day", "hour"]
    assert dataset.partitions
    assert (dataset.partitions.keys, dataset.partitions.finer) == (("year", "month", "day"), "hour")


def test_a_partition_is_chosen_by_its_keys(hive: HiveConnector, harvested: dict[str, Dataset]) -> None:
    rows = read(hive, harvested["nyc.flights"], Predicate("month", Comparison.EQ, 2))

    assert rows.num_rows == 24_951
    assert pc.unique(rows["month"]).to_pylist() == [2]


def reading(server: services.RunningHive) -> AbstractContextManager[Session]:
    """Return a session of the account that reads for people."""
    return sign_in.session(server.port, {"user": READER, "password": PASSWORDS[READER]})


@pytest.mark.parametrize(
    ("account", "password"), [(READER, PASSWORDS[OWNER]), (OWNER, PASSWORDS[READER]), ("root", "")]
)
def test_who_knows_no_password_is_not_let_in(server: services.RunningHive, account: str, password: str) -> None:
    with (
        pytest.raises(SourceUnavailable, match="It refused SWAP's account"),
        sign_in.session(server.port, {"user": account, "password": password}),
    ):
        pass


@pytest.mark.parametrize("name", ["hive.server2.proxy.user", "set:hiveconf:hive.users.in.admin.role"])
def test_who_is_let_in_does_not_become_the_owner(server: services.RunningHive, name: str) -> None:
    address = {"user": READER, "password": PASSWORDS[READER], "configuration": {name: OWNER}}
    with pytest.raises(SourceUnavailable, match="It opened no session"), sign_in.session(server.port, address):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT TRANSFORM(1) USING 'id'",
        "SELECT reflect('java.lang.System', 'getProperty', 'user.home')",
        "SELECT java_method('java.lang.System', 'getProperty', 'user.home')",
        "SELECT in_file('root', '/etc/passwd')",
        "CREATE TEMPORARY FUNCTION f AS 'org.apache.hadoop.hive.ql.udf.UDFPI'",
        "CREATE FUNCTION f AS 'C' USING JAR 'file:///tmp/c.jar'",
        "ADD JAR /tmp/c.jar",
        "DFS -ls /",
        "COMPILE `x` AS GROOVY NAMED x",
        "SET hive.users.in.admin.role",
        "SET hive.exec.pre.hooks=",
        "SET hive.variable.substitute=true",
        "CREATE EXTERNAL TABLE mine (said string) LOCATION 'file:///etc'",
        "CREATE TABLE mine (said string) LOCATION '/etc'",
        "CREATE DATABASE mine LOCATION '/etc'",
        "CREATE DATABASE mine MANAGEDLOCATION '/etc'",
        "ALTER TABLE canonical_data.wikis SET LOCATION 'file:///etc'",
        "ALTER TABLE nyc.flights ADD PARTITION (month=13) LOCATION '/etc'",
        "LOAD DATA LOCAL INPATH '/etc/passwd' INTO TABLE canonical_data.wikis",
        "LOAD DATA INPATH '/etc/passwd' INTO TABLE canonical_data.wikis",
        "EXPORT TABLE canonical_data.wikis TO '/tmp/mine'",
        # A table of this kind holds the names of the files that it is read from.
        (
            "CREATE TABLE mine (said string) STORED AS"
            " INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'"
            " OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"
        ),
        "CREATE TEMPORARY TABLE mine (said string)",
        "CREATE TABLE mine AS SELECT 1",
        # What holds the files of the lake itself.
        "INSERT OVERWRITE TABLE canonical_data.wikis SELECT * FROM canonical_data.wikis",
        "ALTER TABLE canonical_data.wikis SET TBLPROPERTIES ('external.table.purge'='true')",
        "DROP TABLE canonical_data.wikis",
        "DROP DATABASE canonical_data CASCADE",
    ],
)
def test_who_is_not_the_owner_can_have_it_run_no_program_and_touch_no_file(
    server: services.RunningHive, statement: str
) -> None:
    with (
        reading(server) as session,
        pytest.raises(StatementError, match=r"Permission denied|Insufficient privileges|not allowed|disallowed"),
    ):
        sign_in.run(session, statement)


WRITES = (
    "INSERT OVERWRITE DIRECTORY '{mine}' SELECT 1",
    "INSERT OVERWRITE LOCAL DIRECTORY '{mine}' SELECT 1",
    "EXPLAIN INSERT OVERWRITE DIRECTORY '{mine}' SELECT 1",
    "EXPLAIN EXTENDED FROM (SELECT 1 AS one) a INSERT OVERWRITE DIRECTORY '{mine}' SELECT one",
    "EXPORT TABLE canonical_data.wikis TO '{mine}'",
    "CREATE TABLE mine LOCATION '{mine}' AS SELECT 1",
    "INSERT INTO canonical_data.wikis SELECT * FROM canonical_data.wikis",
    "EXPLAIN INSERT OVERWRITE TABLE canonical_data.wikis SELECT * FROM canonical_data.wikis",
)


@pytest.mark.parametrize("statement", WRITES)
def test_what_is_refused_leaves_and_had_left_nothing_anywhere(
    server: services.RunningHive, root: Path, tmp_path: Path, statement: str
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "kept").touch()
    places = [tmp_path, mine, root / "canonical_data", root / "canonical_data" / "wikis"]
    before = {place: _long_ago(place) for place in places}

    with reading(server) as session, pytest.raises(StatementError, match="Permission denied"):
        sign_in.run(session, statement.format(mine=mine))

    # What was made and is gone again would have changed a time.
    assert {place: place.stat().st_mtime_ns for place in places} == before
    assert [each.name for each in mine.iterdir()] == ["kept"]


def _long_ago(place: Path) -> int:
    os.utime(place, ns=(1, 1))
    return place.stat().st_mtime_ns


@pytest.mark.parametrize("statement", WRITES[:2])
def test_the_owner_writes_a_directory(server: services.RunningHive, tmp_path: Path, statement: str) -> None:
    with sign_in.session(server.port, {"user": OWNER, "password": PASSWORDS[OWNER]}) as session:
        sign_in.run(session, statement.format(mine=tmp_path / "mine"))

    assert "000000_0" in [each.name for each in (tmp_path / "mine").iterdir()]


def test_without_the_fence_what_is_refused_has_left_something(tmp_path: Path) -> None:
    """Hive makes a directory for a statement's rows, where they are to go, before it asks for rights."""
    known = guarded(PASSWORDS)
    del known["hive.semantic.analyzer.hook"]
    unfenced = services.RunningHive(known)
    try:
        before = _long_ago(tmp_path)
        with reading(unfenced) as session, pytest.raises(StatementError, match="Permission denied"):
            sign_in.run(session, f"INSERT OVERWRITE DIRECTORY '{tmp_path}' SELECT 1")

        assert tmp_path.stat().st_mtime_ns != before
    finally:
        unfenced.close()


@pytest.mark.parametrize("name", ["hiveconf:hive.users.in.admin.role", "env:PATH", "system:user.home"])
def test_a_statement_shows_nothing_of_its_settings_and_surroundings(server: services.RunningHive, name: str) -> None:
    with reading(server) as session:
        (((said,),),) = session.table(f"SELECT '${{{name}}}'", 60)

    assert said == f"${{{name}}}"


def test_a_second_start_makes_nothing_again(server: services.RunningHive, root: Path) -> None:
    steps: list[str] = []

    def progress(step: str, **_: object) -> None:
        steps.append(step)

    hive_lake.make(server.port, root, progress, NAMES, password=PASSWORDS[OWNER])

    assert steps == []


def test_a_lake_that_moved_is_found_where_it_is(
    server: services.RunningHive, hive: HiveConnector, harvested: dict[str, Dataset], root: Path, tmp_path: Path
) -> None:
    name = "canonical_data.wikis"
    moved = tmp_path / "lake"
    shutil.copytree(root / "canonical_data", moved / "canonical_data")
    (root / "canonical_data").rename(root / "gone")
    try:
        hive_lake.make(server.port, moved, names=[name], password=PASSWORDS[OWNER])

        assert read(hive, harvested[name]).num_rows == harvested[name].row_estimate
    finally:
        (root / "gone").rename(root / "canonical_data")
        hive_lake.make(server.port, root, names=[name], password=PASSWORDS[OWNER])
