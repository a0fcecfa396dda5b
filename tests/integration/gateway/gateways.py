"""A whole gateway over HTTP: real PostgreSQL for its state, sources in memory that tests can slow, hold and break."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import uvicorn
from sqlalchemy import select, update

import services
from swap.connectors.memory import MemoryConnector, Table
from swap.db.tables import audit_event
from swap.db.tables import person as person_table
from swap.gateway import app as gateway
from swap.identity import Via
from swap.people import service as people
from swap.people import tokens
from swap.runtime import Runtime
from swap.settings import Denial, FilesSource, Grant, Limits, Policy, Settings

POLICY = Policy(
    grants=(
        Grant(name="analysts-read", groups=("analysts",), on=("lake", "mediawiki")),
        Grant(name="readers-read", groups=("readers",), on=("lake.canonical",)),
    ),
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.*.city",),
            unless_groups=("data-privacy",),
            because="locks places smaller than a country",
            ask="data-privacy",
            instead={"city": "country_code"},
        ),
        Denial(
            name="private-tables",
            on=("lake.private",),
            actions=("discover",),
            because="keeps these tables to data-privacy",
            unless_groups=("data-privacy",),
            ask="data-privacy",
        ),
        Denial(
            name="suppressed",
            on=("mediawiki.enwiki.revision",),
            because="keeps suppressed revisions to data-privacy",
            unless_groups=("data-privacy",),
            ask="data-privacy",
        ),
    ),
    ask="data-platform",
)


LONG = "SELECT COUNT(*) FROM wiki.db.many a, wiki.db.many b, wiki.db.many c, wiki.db.many d"
"""What keeps the server of `busy_mariadb` busy, as the source `wiki`, until somebody ends it."""


@contextlib.contextmanager
def busy_mariadb() -> Iterator[services.MariaDB]:
    """Run a server of a test's own, with a table and the account that reads it."""
    made = services.MariaDB()
    try:
        made.run(
            "CREATE DATABASE db",
            "CREATE TABLE db.many (id INT)",
            "INSERT INTO db.many SELECT seq FROM db.seq_1_to_2000",
            "CREATE USER reader@'127.0.0.1'",
            "GRANT SELECT ON db.* TO reader@'127.0.0.1'",
        )
        yield made
    finally:
        made.close()


def lake() -> MemoryConnector:
    views = pa.table(
        {
            "page_id": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
            "page_title": ["A", "B", "C", "D", "E", "F"],
            "country_code": ["DE", "DE", "FR", "FR", "IN", None],
            "city": ["Berlin", "Köln", "Paris", "Lyon", "Delhi", None],
            "year": pa.array([2025, 2026, 2026, 2026, 2025, 2026], pa.int32()),
            "view_count": pa.array([10, 20, 30, 40, 50, 60], pa.int64()),
            "ts": pa.array(
                [datetime(2026, 11, day, tzinfo=UTC).replace(tzinfo=None) for day in range(1, 7)], pa.timestamp("us")
            ),
            "price": pa.array(
                [Decimal("1.25"), None, Decimal("3.50"), Decimal("4.00"), Decimal("5.00"), Decimal("6.75")],
                pa.decimal128(9, 2),
            ),
            "event": pa.array(
                [{"ip": "10.0.0.1", "action": "view"}] * 6, pa.struct([("ip", pa.string()), ("action", pa.string())])
            ),
        }
    )
    countries = pa.table({"iso_code": ["DE", "FR", "IN"], "name": ["Germany", "France", "India"]})
    secret = pa.table({"id": pa.array([1], pa.int64()), "password": ["hunter2"]})
    big = pa.table({"n": pa.array(range(50_000), pa.int64()), "t": [f"row {index}" for index in range(50_000)]})
    return MemoryConnector(
        "lake",
        {
            "wmf.pageview_hourly": Table(views, comment="Views by hour"),
            "canonical.countries": countries,
            "private.secret": secret,
            "big.numbers": big,
        },
    )


def mediawiki() -> MemoryConnector:
    page = pa.table(
        {
            "page_id": pa.array([1, 2, 3, 7], pa.int64()),
            "page_title": ["A", "B", "C", "G"],
            "page_len": pa.array([100, 200, 300, 700], pa.int32()),
        }
    )
    revision = pa.table({"rev_id": pa.array([1], pa.int64()), "rev_text": ["suppressed"]})
    return MemoryConnector("mediawiki", {"enwiki.page": page, "enwiki.revision": revision, "dewiki.page": page})


@dataclass
class Gateway:
    """A running gateway and what tests ask of it."""

    url: str
    settings: Settings
    runtime: Runtime
    database: services.Database
    sources: dict[str, Any]
    app: Any
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    @property
    def lake(self) -> MemoryConnector:
        return self.sources["lake"]

    @property
    def mediawiki(self) -> MemoryConnector:
        return self.sources["mediawiki"]

    def person(self, name: str, *groups: str) -> Person:
        number = next(self._numbers)
        letters = "abcdefghijklmnopqrstuvwxyz"
        person_id = "p" + "".join(letters[(number // 26**power) % 26] for power in range(8, -1, -1))
        with self.database.engine("owner").begin() as conn:
            person = people.ensure_person(conn, f"{name}-{number}", name, groups, lambda: person_id)
            people.sign_in(conn, person.id, f"s{person.id}", datetime.now(UTC), 7)
        return Person(self, person.id)

    def set_groups(self, person: Person, *groups: str) -> None:
        with self.database.engine("owner").begin() as conn:
            conn.execute(update(person_table).where(person_table.c.id == person.id).values(groups=list(groups)))

    def audit(self, event: str | None = None) -> list[Any]:
        with self.database.engine("owner").begin() as conn:
            rows = conn.execute(select(audit_event).order_by(audit_event.c.id)).all()
        return [row for row in rows if event in {None, row.event}]


@dataclass
class Person:
    """Somebody with a kernel token."""

    gateway: Gateway
    id: str

    def token(
        self,
        via: Via = Via.KERNEL,
        *,
        key: str | None = None,
        seconds: float = 300,
        epoch: int | None = None,
        kernel: str = "k1",
    ) -> str:
        with self.gateway.database.engine("owner").begin() as conn:
            now_epoch = people.access(conn, self.id, datetime.now(UTC)).epoch
        here = self.gateway.runtime
        keys = {
            Via.KERNEL: here.kernel_key,
            Via.PORTAL: here.portal_key,
            Via.SERVER: here.server_key,
            Via.READER: here.server_key,
        }
        return tokens.mint(
            key or keys[via],
            person_id=self.id,
            via=via,
            epoch=now_epoch if epoch is None else epoch,
            server_id="s1",
            kernel_id=kernel,
            now=datetime.now(UTC),
            seconds=seconds,
        ).value

    def client(self, via: Via = Via.KERNEL) -> httpx.Client:
        return httpx.Client(
            base_url=self.gateway.url,
            headers={"authorization": f"Bearer {self.token(via)}"},
            timeout=60,
            trust_env=False,
            verify=services.NO_TLS,
        )

    def post(self, statement: str, **more: Any) -> httpx.Response:
        with self.client() as client:
            return client.post("/v1/queries", json={"statement": statement, **more})

    def start(self, statement: str, **more: Any) -> str:
        response = self.post(statement, **more)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def state(self, query_id: str, after: int = -1) -> dict[str, Any]:
        with self.client() as client:
            response = client.get(f"/v1/queries/{query_id}", params={"after": after})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def ended(self, query_id: str, seconds: float = 60) -> dict[str, Any]:
        return self.until(query_id, lambda state: state["state"] in {"done", "failed", "cancelled"}, seconds)

    def until(self, query_id: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        deadline, state = time.monotonic() + seconds, self.state(query_id)
        while not holds(state):
            assert time.monotonic() < deadline, state
            state = self.state(query_id, state["revision"])
        return state

    def result(self, query_id: str, batch: int = 0) -> pa.Table:
        with self.client() as client:
            response = client.get(f"/v1/queries/{query_id}/result", params={"batch": batch})
        assert response.status_code == 200, response.text
        return pa.ipc.open_stream(response.content).read_all()

    def sql(self, statement: str, **more: Any) -> pa.Table:
        query_id = self.start(statement, **more)
        state = self.ended(query_id)
        assert state["state"] == "done", state["error"]
        return self.result(query_id)

    def rows(self, statement: str, **more: Any) -> list[tuple[Any, ...]]:
        table = self.sql(statement, **more)
        return [tuple(row.values()) for row in table.to_pylist()]

    def refused(self, statement: str, **more: Any) -> dict[str, Any]:
        response = self.post(statement, **more)
        assert response.status_code >= 400, response.text
        return dict(response.json()["error"])

    def fails(self, statement: str, **more: Any) -> dict[str, Any]:
        state = self.ended(self.start(statement, **more))
        assert state["state"] == "failed", state
        return dict(state["error"])


@contextlib.contextmanager
def serve(app: Any) -> Iterator[str]:
    """Run an application on a free port for the block."""
    # Named, so that asyncio sends each answer at once: it does so for TCP alone.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as free:
        free.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        free.listen(128)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert thread.is_alive()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield f"http://127.0.0.1:{free.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=60)


def runtime_for(database: services.Database, directory: Path, gateway_port: int = 1) -> Runtime:
    """Return what a gateway of its own is told, with nothing beside it."""
    return Runtime(
        config=directory / "swap.toml",
        database_urls=database.urls(),
        gateway_port=gateway_port,
        web_port=1,
        hub_port=1,
        traefik_api_port=1,
        traefik_api_password="x",
        traefik_directory=directory,
        socket_directory=directory,
        kernel_key="k" * 40,
        portal_key="p" * 40,
        web_service_token="w",
        hub_cookie_secret="00" * 32,
        kernel_env=directory,
        homes=directory,
        spool=directory / "spool",
    )


@contextlib.contextmanager
def running(
    database: services.Database,
    directory: Path,
    sources: dict[str, Any] | None = None,
    policy: Policy = POLICY,
    places: dict[str, Any] | None = None,
    **limits: Any,
) -> Iterator[Gateway]:
    """Run a gateway for the block."""
    made = sources or {"lake": lake(), "mediawiki": mediawiki()}
    described = {
        name: FilesSource(
            kind="files", root=directory, owner="data-platform", connect_timeout_seconds=1, **(places or {})
        )
        for name in made
    }
    settings = Settings(state=directory, sources=described, policy=policy, limits=Limits(**limits))
    runtime = runtime_for(database, directory)
    app = gateway.create(settings, runtime, made)
    with serve(app) as url:
        assert app.state.harvester.wait_first(60)
        yield Gateway(url, settings, runtime, database, made, app)
