"""A real gateway behind its walls, started as `swap up` starts it: it answers from files and from a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from conformance.test_connector import eventually
from integration.gateway.desks import EVERYONE
from integration.gateway.gateways import Gateway, Person, runtime_for
from integration.reports.offices import Office
from integration.test_under_way import answers, harvested, process
from programs import still_running
from swap import ports, under_way
from swap.reports import runs
from swap.reports.model import Outcome
from swap.settings import load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")

SETTINGS = """\
state = {state}
launch.isolation = "user"
people.file = "people.toml"
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["lake", "store"]
[sources.lake]
kind = "files"
root = "lake"
[sources.store]
kind = "postgres"
host = "127.0.0.1"
port = {port}
database = "{database}"
user = "store_reader"
password = {{ file = "password" }}
sslmode = "disable"
"""


@dataclass
class Warded:
    """A gateway that runs behind walls, and its warden."""

    gateway: Gateway
    warden: subprocess.Popen[bytes]
    owner: psycopg.Connection

    @property
    def state(self) -> Path:
        return self.gateway.settings.state

    @property
    def pid(self) -> int:
        (found,) = [each.pid for each in psutil.Process(self.warden.pid).children() if "serving" in str(each.cmdline())]
        return found


@pytest.fixture(scope="module")
def warded(module_database: services.Database) -> Iterator[Warded]:
    with tempfile.TemporaryDirectory(prefix="swap-state-") as made:
        state = Path(made)
        state.chmod(0o711)
        (state / "people.toml").touch()
        (state / "lake" / "nyc" / "flights").mkdir(parents=True, mode=0o700)
        pq.write_table(pa.table({"a": [1, 2, 3]}), state / "lake" / "nyc" / "flights" / "part.parquet")
        (state / "lake" / "nyc" / "flights" / "part.parquet").chmod(0o600)
        (state / "lake").chmod(0o700)
        (state / "password").touch(mode=0o600)
        (state / "password").write_text("the first")
        text = SETTINGS.format(state=json.dumps(made), port=module_database.server.port, database=module_database.name)
        (state / "swap.toml").write_text(text, encoding="utf-8")
        here = runtime_for(module_database, state, ports.free(1)[0])
        with module_database.server.administrator(module_database.name) as owner:
            owner.execute("DROP ROLE IF EXISTS store_reader")
            owner.execute("CREATE ROLE store_reader LOGIN PASSWORD 'the first'")
            owner.execute("CREATE SCHEMA store")
            owner.execute("CREATE TABLE store.page AS SELECT n FROM generate_series(1, 5) n")
            owner.execute("GRANT USAGE ON SCHEMA store TO store_reader")
            owner.execute("GRANT SELECT ON store.page TO store_reader")
            with process(here) as warden:
                gateway = Gateway(here.gateway_url, load(here.config), here, module_database, {}, None)
                assert eventually(lambda: _all_harvested(module_database), 60)
                yield Warded(gateway, warden, owner)
            owner.execute("DROP OWNED BY store_reader")
            owner.execute("DROP ROLE store_reader")


def _all_harvested(database: services.Database) -> bool:
    with database.engine("owner").begin() as conn:
        wanted = "SELECT count(*) FROM swap.source_state WHERE harvested_at IS NOT NULL"
        return harvested(database) and conn.exec_driver_sql(wanted).scalar() == 2


@pytest.fixture(scope="module")
def ann(warded: Warded) -> Person:
    return warded.gateway.person("ann", "analysts")


ALL_KINDS = pa.table(
    {
        "a": [7, 8],
        "text": ["x", None],
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "number": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "big": pa.array([2**64 - 1, 0], pa.uint64()),
        "small": pa.array([1.5, None], pa.float32()),
        "yes": [True, None],
        "day": [date(2026, 1, 2), None],
        "clock": [time(1, 2, 3), None],
        "moment": pa.array([1_000_000, None], pa.timestamp("us")),
        "in_utc": [datetime(2026, 1, 2, 3, tzinfo=UTC), None],
        "long": [timedelta(hours=1), None],
        "bytes": [b"\x00", None],
        "list": [[1, 2], None],
        "struct": [{"b": 1}, None],
    }
)
JOINED = "SELECT count(*) AS rows FROM lake.nyc.flights f JOIN store.store.page p ON f.a = p.n"


def test_it_answers_from_files_that_root_alone_may_read_and_from_a_server(ann: Person) -> None:
    assert ann.rows(JOINED) == [(3,)]


def test_each_of_its_programs_is_the_user_that_it_is_to_be(warded: Warded, ann: Person) -> None:
    ann.rows(JOINED)
    launch = warded.gateway.settings.launch

    def users() -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for each in psutil.Process(warded.warden.pid).children(recursive=True):
            with_name = " ".join(each.cmdline())
            for name in ("serving", "combiner_child", "swap.connectors.files.reader ", "postgres.reader"):
                if name in with_name:
                    found.setdefault(name, set()).add(each.uids().real)
        return found

    assert users() == {
        "serving": {launch.gateway_uid},
        "postgres.reader": {launch.gateway_uid},
        "combiner_child": {launch.combiners_uid},
        "swap.connectors.files.reader ": {launch.readers_uid},
    }
    assert psutil.Process(warded.warden.pid).uids().real == 0


def test_a_table_of_ones_own_is_taken(warded: Warded, ann: Person) -> None:
    with ann.client() as client:
        answer = client.post("/v1/uploads", content=_arrow(pa.table({"a": [2, 3, 4]})))
    assert answer.status_code in {200, 201}, answer.text
    uploads = {"mine": answer.json()["id"]}

    assert ann.rows("SELECT sum(a) AS s FROM mine JOIN lake.nyc.flights USING (a)", tables=uploads) == [(5,)]


def test_a_run_writes_a_result_table_of_which_nobody_finds_a_file(warded: Warded, ann: Person) -> None:
    office = Office(warded.gateway.database)
    office.now = datetime.now(UTC)
    office.plan()
    claimed = office.claimed()
    token = runs.token(warded.gateway.runtime.report_key, claimed, office.now, 60).value
    with ann.client() as client:
        client.headers["authorization"] = f"Bearer {token}"
        for name, table in (("numbers", ALL_KINDS), ("none", ALL_KINDS.slice(0, 0))):
            upload = client.post("/v1/uploads", content=_arrow(table)).json()["id"]
            said = {"name": name, "upload": upload, "key": ["a"]}
            assert client.post("/v1/outputs", json=said).json()["rows"] == table.num_rows
    with warded.gateway.database.engine("worker").begin() as conn:
        runs.finish(conn, claimed, Outcome(None), office.now)
    with warded.gateway.database.engine("owner").begin() as conn:
        conn.execute(EVERYONE, {"id": office.notebook})

    asked = f"SELECT a FROM reports.{office.person.name}.numbers ORDER BY a"
    assert ann.rows(asked) == [(7,), (8,)]
    assert ann.rows(asked.replace("numbers", "none")) == []
    whole = ann.sql(asked.replace("SELECT a", "SELECT *"))
    read = [{**row, "long": row["long"] and timedelta(hours=int(row["long"][:2]))} for row in whole.to_pylist()]
    assert [{name: row[name] for name in ALL_KINDS.column_names} for row in read] == ALL_KINDS.to_pylist()

    launch = warded.gateway.settings.launch
    file, _ = (warded.state / "tables").rglob("*.parquet")
    assert [_reads(uid, file) for uid in (launch.gateway_uid, launch.first_uid, launch.combiners_uid)] == [
        True,
        False,
        False,
    ]
    assert not _reads(launch.first_uid, warded.state / "tables" / "."), "nor which reports there are"


def _reads(uid: int, path: Path) -> bool:
    program = "/bin/ls" if path.is_dir() else "/bin/cat"
    tried = subprocess.run(
        [program, path], user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, check=False
    )
    return tried.returncode == 0


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def test_a_password_that_was_replaced_is_used_from_then_on(warded: Warded, ann: Person) -> None:
    own = warded.state / "password"
    warded.owner.execute("ALTER ROLE store_reader PASSWORD 'the second'")
    assert "store" in ann.fails("SELECT count(*) AS n FROM store.store.page")["title"]

    draft = warded.state / "password.new"
    draft.touch(mode=0o600)
    draft.write_text("the second")
    draft.replace(own)

    assert eventually(lambda: ann.ended(ann.start("SELECT n FROM store.store.page"))["state"] == "done", 10)


def test_what_runs_is_listed_and_a_query_is_cancelled(warded: Warded, ann: Person) -> None:
    lines: list[str] = []
    with psycopg.connect(warded.owner.info.dsn, password=warded.owner.info.password) as other:
        other.execute("LOCK TABLE store.page IN ACCESS EXCLUSIVE MODE")
        query_id = ann.start("SELECT n FROM store.store.page")
        ann.until(query_id, lambda state: state["state"] == "running")
        under_way.queries(warded.gateway.settings, lines.append)
        assert query_id in lines[0]

        assert under_way.cancel(warded.gateway.settings, query_id, lines.append) == 0
        assert ann.ended(query_id)["state"] == "cancelled"


def test_a_combiner_that_was_killed_is_told_and_the_next_query_is_answered(warded: Warded, ann: Person) -> None:
    assert ann.rows("SELECT 1 AS one") == [(1,)]
    uid = warded.gateway.settings.launch.combiners_uid
    for each in psutil.Process(warded.warden.pid).children(recursive=True):
        if each.uids().real == uid:
            each.kill()
    assert eventually(lambda: ann.ended(ann.start("SELECT 1 AS one"))["state"] == "done", 20)


def test_nothing_of_it_is_left_after_its_stop(warded: Warded, ann: Person) -> None:
    """The last test of this file: the gateway is killed, and what `swap up` would start again starts."""
    ann.rows(JOINED)
    family = psutil.Process(warded.warden.pid).children(recursive=True)
    os.kill(warded.pid, signal.SIGKILL)
    warded.warden.wait(30)
    assert still_running(family, 10) == []
    assert not answers(warded.gateway.runtime)

    with process(warded.gateway.runtime):
        assert ann.rows(JOINED) == [(3,)]
