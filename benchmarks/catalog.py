"""Whether anything on a request's path grows with what the site has: 10, 1,000 and 50,000 tables of 20 columns.

A gateway of its own process harvests a source that describes so many tables, under 500 rules for 60 groups, and
beside it runs a portal; both as they are served, on a real PostgreSQL.  For somebody of three groups who may know of
every table it measures

* planning a statement over two tables (parse, find, resolve, decide, rewrite, verify), p50;
* completion, asked after each key of that statement as it is typed, p99;
* the Data page of the source, its first page and one that is searched for, p50;
* the gateway's memory beside that of one with 10 tables.

There is no peer: the targets are the issue's.  The last line's figure is the worst of all in parts of its target.
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa

import services
from integration.gateway.gateways import runtime_for
from integration.web.running import Browser, finish_sign_in, running
from services import Database, temporary_directory
from swap import ports
from swap.connectors.base import Capabilities, Column, Dataset
from swap.gateway import app as gateway_app
from swap.identity import Principal, Via
from swap.people import tokens
from swap.processes.serve import serve
from swap.query.execution.pool import Pool
from swap.query.model import Statement
from swap.query.results.spool import Spool
from swap.query.service import Queries
from swap.runtime import Runtime
from swap.settings import Denial, FilesSource, Grant, Policy, Settings

SIZES = (10, 1_000, 50_000)
ROUNDS = 9
PER_SCHEMA = 60
TARGETS = {"planning p50 ms": 10.0, "completion p99 ms": 30.0, "data page p50 ms": 100.0, "memory MB": 200.0}
MINE = ("group-1", "group-2", "group-3")


def schema(number: int) -> str:
    """Return the name of a schema: a wiki."""
    return f"wiki{number:04d}"


def table(number: int) -> str:
    """Return the name of a table, alike in every wiki."""
    return f"table_{number:02d}"


def datasets(count: int) -> Iterator[Dataset]:
    """Yield so many tables of 20 columns each."""
    types = (pa.int64(), pa.string(), pa.timestamp("us"), pa.float64())
    columns = [
        Column(f"column_{n:02d}", types[n % 4], comment=f"What column {n} says of a row, in some words")
        for n in range(18)
    ]
    columns += [Column("user_email", pa.string()), Column("ip", pa.string())]
    for number in range(count):
        where, what = divmod(number, PER_SCHEMA)
        yield Dataset(
            schema(where),
            table(what),
            tuple(columns),
            comment=f"Rows of table {what} of wiki {where}, as it keeps them",
            row_estimate=1_000 * number,
            size_bytes=50_000 * number,
        )


def policy(count: int) -> Policy:
    """Return 500 rules for 60 groups; every one of them has a part in the tables there are."""
    chance = random.Random(500)
    groups = [f"group-{n}" for n in range(60)]
    schemas = [schema(n) for n in range(max(1, count // PER_SCHEMA))]
    grants = [Grant(name="known", groups=("*",), actions=("discover",), on=("mediawiki",))]
    grants += [
        Grant(
            name=f"grant-{n}",
            groups=tuple(chance.sample(groups, 4)),
            on=(f"mediawiki.{chance.choice(schemas)}", f"mediawiki.*.{table(n % PER_SCHEMA)}"),
        )
        for n in range(299)
    ]
    grants[1] = Grant(name="mine", groups=MINE[:1], on=("mediawiki.*.table_01", "mediawiki.*.table_02"))
    denials = [
        Denial(
            name=f"denial-{n}",
            on=(f"mediawiki.*.{table(n % PER_SCHEMA)}.user_email", f"mediawiki.{chance.choice(schemas)}.*.ip"),
            unless_groups=(chance.choice(groups),),
            because="locks what identifies a person",
            ask="data-privacy",
        )
        for n in range(200)
    ]
    return Policy(grants=tuple(grants), denials=tuple(denials))


@dataclass
class Described:
    """A source that describes its tables and holds no row."""

    name: str
    count: int
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(comparisons=frozenset()))

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield the tables, 500 at a time."""
        piece: list[Dataset] = []
        for dataset in datasets(self.count):
            piece.append(dataset)
            if len(piece) == 500:
                yield piece
                piece = []
        yield piece

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Site:
    """A gateway in a process of its own, and what asks it."""

    count: int
    database: Database
    runtime: Runtime
    settings: Settings
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.runtime.gateway_url

    def token(self, person_id: str, via: Via) -> str:
        """Return a token of a person who is signed in."""
        key = self.runtime.kernel_key if via is Via.KERNEL else self.runtime.portal_key
        return tokens.mint(
            key,
            person_id=person_id,
            via=via,
            epoch=0,
            server_id="s",
            kernel_id="k",
            now=datetime.now(UTC),
            seconds=3600,
        ).value


def main() -> None:
    """Measure at each size, and print the figures and the last line."""
    measured: dict[int, dict[str, float]] = {}
    for server in services.run_postgres():
        for count in SIZES:
            database = services.fresh_database(server)
            folder = temporary_directory()
            with site(count, database, folder) as made, portal(made, folder) as browser:
                measured[count] = measure(made, browser)
            database.close()
            print(f"{count:6,} tables: " + ", ".join(f"{name} {value:.1f}" for name, value in measured[count].items()))
    many, little = measured[SIZES[-1]], measured[SIZES[0]]["memory MB"]
    for figures in measured.values():
        figures["memory MB"] -= little
    worst = max(figures[name] / target for figures in measured.values() for name, target in TARGETS.items())
    print(", ".join(f"{name} {many[name]:.1f} (target {target:g})" for name, target in TARGETS.items()))
    print(f"catalog worst_part_of_target={worst:.2f} target=1.00 {'ok' if worst <= 1 else 'short'}")


def measure(made: Site, browser: Browser) -> dict[str, float]:
    """Return the figures of one site; rounds of all of them take turns."""
    seconds: dict[str, list[float]] = {"planning": [], "completion": [], "page": []}
    plans, keys = planning(made), typing(made)
    pages = [f"/data/mediawiki{query}" for query in ("", f"?schema={schema(0)}", "?q=table+01", "?show=readable")]
    for number in range(ROUNDS + 1):
        figures = {
            "planning": [timed(plans) for _ in range(20)],
            "completion": keys(),
            "page": [timed(lambda page=page: opened(browser, page)) for page in pages],
        }
        if number:  # the first round fills caches and is not counted
            for name, values in figures.items():
                seconds[name] += values
    memory = psutil.Process(made.process.pid).memory_info().rss / 1e6
    return {
        "planning p50 ms": 1e3 * statistics.median(seconds["planning"]),
        "completion p99 ms": 1e3 * statistics.quantiles(seconds["completion"], n=100)[98],
        "data page p50 ms": 1e3 * statistics.median(seconds["page"]),
        "memory MB": memory,
    }


def planning(made: Site) -> Callable[[], None]:
    """Return what plans a statement of two tables, as the gateway does."""
    place = temporary_directory()
    queries = Queries(
        made.database.engine("gateway"),
        made.settings,
        {"mediawiki": Described("mediawiki", 0)},
        Pool(made.settings.limits, place / "spill"),
        Spool(place, made.settings.limits),
        gateway_app.utc_now,
        gateway_app.new_id,
        lambda _source: None,
    )
    who = Principal("paaaaaaaaa", "ann", frozenset(MINE), Via.KERNEL)

    def plan() -> None:
        made_plan, _ = queries._plan(  # noqa: SLF001 — the part that is measured, without the run
            who, Statement(statement(made.count)), "q1"
        )
        assert len(made_plan.inputs) == 2

    return plan


def statement(count: int) -> str:
    """Return a statement over two tables of different wikis."""
    last = (count - 1) // PER_SCHEMA
    return (
        f"SELECT a.column_00, count(*) FROM mediawiki.{schema(last)}.table_01 AS a"
        f" JOIN mediawiki.{schema(0)}.table_02 AS b ON a.column_00 = b.column_00"
        " WHERE a.column_01 = 'x' GROUP BY a.column_00"
    )


def typing(made: Site) -> Callable[[], list[float]]:
    """Return what types the statement and asks for completion after each key; every offer is read."""
    client = httpx.Client(
        base_url=made.url,
        headers={"authorization": f"Bearer {made.token('paaaaaaaaa', Via.KERNEL)}"},
        trust_env=False,
        timeout=20,
    )
    sql = statement(made.count)

    def key(length: int) -> None:
        answer = client.post("/v1/complete", json={"sql": sql[:length], "offset": length})
        assert answer.status_code == 200, answer.text
        assert all(item["label"] and item["insert"] for item in answer.json()["items"])

    return lambda: [timed(lambda length=length: key(length)) for length in range(1, len(sql) + 1, 2)]


def opened(browser: Browser, page: str) -> None:
    """Open a page and see that it lists tables."""
    answer = browser.get(page)
    assert answer.status_code == 200, answer.text
    assert "table_01</a>" in answer.text


def timed(do: Callable[[], Any]) -> float:
    """Return how many seconds something takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


@contextlib.contextmanager
def site(count: int, database: Database, folder: Path) -> Iterator[Site]:
    """Run a gateway that has harvested so many tables."""
    settings = Settings(
        state=folder,
        policy=policy(count),
        sources={"mediawiki": FilesSource(kind="files", root=folder, title="Replicas")},
    )
    runtime = runtime_for(database, folder, ports.free(1)[0])
    given = json.dumps({"runtime": runtime.model_dump(mode="json"), "folder": str(folder), "count": count})
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.catalog", "serve", given])
    made = Site(count, database, runtime, settings, process)
    try:
        wait_for_harvest(made)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def wait_for_harvest(made: Site) -> None:
    """Wait until every table is in the catalog; let the database look at what it has, as it does by itself in time."""
    began, owner = time.monotonic(), made.database.engine("owner")
    while True:
        with owner.begin() as conn:
            known = conn.exec_driver_sql(
                "SELECT count(*) FROM swap.source_state WHERE harvested_at IS NOT NULL"
            ).scalar()
        if known:
            break
        assert made.process.poll() is None, "the gateway ended"
        assert time.monotonic() - began < 900, "the harvest takes too long"
        time.sleep(0.2)
    print(f"{made.count:6,} tables harvested in {time.monotonic() - began:.1f} s")
    with owner.begin() as conn:
        conn.exec_driver_sql("ANALYZE swap.dataset")


@contextlib.contextmanager
def portal(made: Site, folder: Path) -> Iterator[Browser]:
    """Run a portal before the gateway, and sign somebody in."""
    with running(made.database, folder / "portal", gateway_at=made.runtime) as site_portal:
        browser = Browser(site_portal.port)
        finish_sign_in(site_portal, browser, site_portal.person("ann", MINE))
        yield browser


def served(given: str) -> None:
    """Serve a gateway: the child's part."""
    told = json.loads(given)
    runtime, folder, count = Runtime.model_validate(told["runtime"]), Path(told["folder"]), told["count"]
    settings = Settings(
        state=folder,
        policy=policy(count),
        sources={"mediawiki": FilesSource(kind="files", root=folder, title="Replicas")},
    )
    connectors: dict[str, Any] = {"mediawiki": Described("mediawiki", count)}
    serve(gateway_app.create(settings, runtime, connectors), runtime.gateway_port)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        served(sys.argv[2])
    else:
        main()
