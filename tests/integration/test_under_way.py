"""What runs is listed, and cancelled from another process: with a gateway that answers, and with one that does not."""

from __future__ import annotations

import abc
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import services
import sign_in
from conformance.test_connector import eventually
from integration.gateway.gateways import LONG, Gateway, Person, busy_mariadb, running, runtime_for
from swap import ports, processes, runtime, under_way
from swap.errors import NotFound, Unavailable
from swap.settings import Settings, load

BY_WHOM = "Cancelled by SWAP's administrator."


@pytest.fixture
def swap(database: services.Database, tmp_path: Path) -> Iterator[Gateway]:
    """Return a gateway that `swap up` seems to have started."""
    with running(database, tmp_path) as gateway:
        begin(gateway.runtime)
        yield gateway


def begin(here: runtime.Runtime) -> None:
    runtime.write(here, here.config.parent / "runtime.json")
    (here.config.parent / "lock").write_text(str(os.getpid()))


def held(person: Person) -> str:
    person.gateway.lake.behaviour.gate = threading.Event()
    query_id = person.start("SELECT n FROM lake.big.numbers")
    person.until(query_id, lambda state: state["state"] == "running")
    return query_id


def test_what_runs_is_listed_with_whose_it_is(swap: Gateway) -> None:
    lines: list[str] = []
    under_way.queries(swap.settings, lines.append)
    assert lines == ["No query waits or runs."]

    query_id = held(swap.person("ann", "analysts"))
    under_way.queries(swap.settings, lines.append)
    _, line = lines
    assert [part in line for part in (query_id, "running", " ann ", "lake")] == [True] * 4
    assert "numbers" not in line


def test_a_query_that_is_cancelled_elsewhere_ends_in_its_gateway_too(swap: Gateway) -> None:
    ann = swap.person("ann", "analysts")
    query_id, other = held(ann), held(ann)

    assert under_way.cancel(swap.settings, query_id, [].append) == 0

    ended = ann.ended(query_id)
    assert (ended["state"], ended["error"]["title"]) == ("cancelled", BY_WHOM)
    assert ann.state(other)["state"] == "running"
    assert eventually(lambda: waiting_or_running(swap) == [other])
    (row,) = swap.audit("query-ended")
    assert (row.detail["query_id"], row.detail["state"]) == (query_id, "cancelled")
    assert BY_WHOM in row.detail["reason"]


def waiting_or_running(gateway: Gateway) -> list[str]:
    with gateway.database.engine("owner").begin() as conn:
        return list(conn.scalars(text("SELECT query_id FROM swap.admission")))


def test_what_has_ended_cannot_be_cancelled(swap: Gateway) -> None:
    ann = swap.person("ann", "analysts")
    query_id = ann.start("SELECT 1 AS one")
    assert ann.ended(query_id)["state"] == "done"
    for unknown in (query_id, "q1"):
        with pytest.raises(NotFound, match="waits or runs"):
            under_way.cancel(swap.settings, unknown, [].append)
    assert ann.state(query_id)["state"] == "done"


def test_with_swap_stopped_nothing_is_cancelled(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not run"):
        under_way.cancel(Settings(state=tmp_path), "q1", [].append)


SETTINGS = """\
state = {state}
[people]
file = "people.toml"
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["wiki"]
[sources.wiki]
{source}
"""


class Busy(abc.ABC):
    """A real server, the source `wiki`, that can be asked two things that take long."""

    asked: tuple[str, str]
    dialect = ""
    source: str
    """Its section of swap.toml."""

    @abc.abstractmethod
    def works(self, query_id: str, number: int) -> bool:
        """Tell whether it works on what was asked."""

    @abc.abstractmethod
    def close(self) -> None:
        """End it."""


class BusyMariaDB(Busy):
    """Told apart by the query's name, with which each statement begins."""

    asked, dialect = (LONG, LONG), "mysql"

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._server = self._stack.enter_context(busy_mariadb())
        self.source = (
            f'kind = "mysql"\nhost = "127.0.0.1"\nport = {self._server.port}\nuser = "reader"\ndatabases = ["db"]'
        )

    def works(self, query_id: str, number: int) -> bool:  # noqa: ARG002 — told by its name
        return any(query_id in statement and "COUNT" in statement for statement in self._server.statements())

    def close(self) -> None:
        self._stack.close()


class BusyHive(Busy):
    """Views whose jobs sleep at each row, one for each query."""

    asked = ("SELECT id FROM wiki.db.one", "SELECT id FROM wiki.db.two")

    def __init__(self) -> None:
        self._server = services.RunningHive()
        self.source = f'kind = "hive"\nservers = ["127.0.0.1:{self._server.port}"]\nuser = "swap"\ntls = "disable"'
        sleep = "coalesce(reflect('java.lang.Thread', 'sleep', 600000L), '') <> 'awake'"
        with sign_in.session(self._server.port, {"user": "owner", "password": "x"}) as session:
            sign_in.run(session, "CREATE DATABASE db")
            sign_in.run(session, "CREATE TABLE db.few (id INT)")
            sign_in.run(session, "INSERT INTO db.few VALUES (1)")
            for name in ("one", "two"):
                sign_in.run(session, f"CREATE VIEW db.{name} AS SELECT id FROM db.few WHERE {sleep} GROUP BY id")

    def works(self, query_id: str, number: int) -> bool:  # noqa: ARG002 — told by its view
        address = f"http://127.0.0.1:{self._server.web_port}/api/v1/queries/active"
        with urllib.request.urlopen(address, timeout=5) as told:
            queries = [each for each in json.load(told) if each["running"]]
        return any(
            f"`{('one', 'two')[number]}`" in (each["queryDisplay"] or {}).get("queryString", "") for each in queries
        )

    def close(self) -> None:
        self._server.close()


@pytest.fixture(params=[BusyMariaDB, BusyHive])
def server(request: pytest.FixtureRequest) -> Iterator[Busy]:
    made = request.param()
    yield made
    made.close()


@contextlib.contextmanager
def process(here: runtime.Runtime) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gateway as `swap up` does."""
    state = here.config.parent
    begin(here)
    with (state / "gateway.log").open("wb") as log:
        made = subprocess.Popen(
            processes.COMMANDS["gateway"],
            stdout=log,
            stderr=log,
            cwd=state,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
                "LANG": "C.UTF-8",
                "HOME": str(state),
                runtime.ENVIRONMENT: str(state / "runtime.json"),
            },
        )
    try:
        assert eventually(lambda: made.poll() is not None or answers(here), 60)
        assert made.poll() is None, (state / "gateway.log").read_text()
        yield made
    finally:
        made.send_signal(signal.SIGCONT)
        made.terminate()
        made.wait(30)


def harvested(database: services.Database) -> bool:
    with database.engine("owner").begin() as conn:
        return bool(conn.scalar(text("SELECT count(*) FROM swap.source_state WHERE harvested_at IS NOT NULL")))


def answers(here: runtime.Runtime) -> bool:
    with contextlib.suppress(httpx.TransportError):
        url = f"{here.gateway_url}/v1/health"
        return httpx.get(url, trust_env=False, verify=services.NO_TLS).is_success
    return False


def test_a_statement_is_ended_at_its_source_while_its_gateway_is_stopped(
    server: Busy, database: services.Database, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "people.toml").touch()
    config = tmp_path / "swap.toml"
    config.write_text(SETTINGS.format(state=json.dumps(str(tmp_path)), source=server.source))
    here, settings = runtime_for(database, tmp_path, ports.free(1)[0]), load(config)
    with process(here) as stopped:
        gateway = Gateway(here.gateway_url, settings, here, database, {}, None)
        assert eventually(lambda: harvested(database), 60)
        ann = gateway.person("ann", "analysts")
        query_id, other = (ann.start(asked, dialect=server.dialect) for asked in server.asked)
        assert eventually(lambda: server.works(query_id, 0) and server.works(other, 1), 60)
        assert eventually(lambda: kept_for(database) == {query_id, other}, 10)
        stopped.send_signal(signal.SIGSTOP)

        lines: list[str] = []
        assert under_way.cancel(settings, query_id, lines.append) == 0

        assert lines[0].startswith(f"{query_id} is cancelled")
        assert lines[1:] == ["wiki has ended it."]
        assert eventually(lambda: not server.works(query_id, 0), 10)
        assert server.works(other, 1)
        # What it was ended by is kept no longer.
        assert kept_for(database) == {other}
        stopped.send_signal(signal.SIGCONT)
        ended = ann.ended(query_id)
        assert (ended["state"], ended["error"]["title"]) == ("cancelled", BY_WHOM)


def kept_for(database: services.Database) -> set[str]:
    with database.engine("owner").begin() as conn:
        return set(conn.scalars(text("SELECT id FROM swap.query_run WHERE handles <> '[]'")))


@pytest.mark.parametrize("account", ["web", "hub"])
def test_no_process_but_the_gateway_sees_by_what_a_statement_is_ended(
    database: services.Database, account: str
) -> None:
    with database.engine("gateway").begin() as conn:
        conn.execute(text("SELECT handles FROM swap.query_run"))
    with database.engine(account).begin() as conn, pytest.raises(ProgrammingError, match="permission denied"):
        conn.execute(text("SELECT handles FROM swap.query_run"))
