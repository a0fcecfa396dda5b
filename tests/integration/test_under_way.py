"""What runs is listed, and cancelled from another process: with a gateway that answers, and with one that does not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

import services
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
[sources.wiki]
kind = "mysql"
host = "127.0.0.1"
port = {port}
user = "reader"
databases = ["db"]
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["wiki"]
"""


@pytest.fixture
def server() -> Iterator[services.MariaDB]:
    with busy_mariadb() as made:
        yield made


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


def test_a_statement_is_killed_at_its_source_while_its_gateway_is_stopped(
    server: services.MariaDB, database: services.Database, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "people.toml").touch()
    config = tmp_path / "swap.toml"
    config.write_text(SETTINGS.format(state=json.dumps(str(tmp_path)), port=server.port))
    here, settings = runtime_for(database, tmp_path, ports.free(1)[0]), load(config)
    with process(here) as stopped:
        gateway = Gateway(here.gateway_url, settings, here, database, {}, None)
        assert eventually(lambda: harvested(database), 60)
        ann = gateway.person("ann", "analysts")
        query_id, other = (ann.start(LONG, dialect="mysql") for _ in range(2))
        assert eventually(lambda: len(works(server, query_id)) == len(works(server, other)) == 1, 30)
        stopped.send_signal(signal.SIGSTOP)

        lines: list[str] = []
        assert under_way.cancel(settings, query_id, lines.append) == 0

        assert lines[0].startswith(f"{query_id} is cancelled")
        assert lines[1:] == ["wiki has ended it."]
        assert eventually(lambda: not works(server, query_id), 10)
        assert works(server, other)
        stopped.send_signal(signal.SIGCONT)
        ended = ann.ended(query_id)
        assert (ended["state"], ended["error"]["title"]) == ("cancelled", BY_WHOM)


def works(server: services.MariaDB, query_id: str) -> list[str]:
    return [statement for statement in server.statements() if query_id in statement and "COUNT" in statement]
