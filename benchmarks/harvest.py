"""What it costs to look through a MariaDB of 500, 5,000 and 50,000 tables, and whom it disturbs.

Each table has eight columns with comments, each hundred a database, as wikis have them.  A gateway that knows nothing
yet harvests them, is started again and harvests them once more, unchanged.  All the while somebody else asks a small
query of Parquet, one after another, and again afterwards at rest.  Memory is that of the gateway and of whatever it
starts; rows are those that were written into the catalog.  Hive's harvest goes the same way from its reader on.
Afterwards a page of the list, a search and one table are asked for: what they take should not grow with the tables.
There is no peer: the bounds are the issue's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

import services
from benchmarks import cost
from benchmarks.figures import Figure, begin, finish, percentile
from benchmarks.site import STORE, Gateway, Side, Site, running
from services import Database
from swap.people.ids import new_person_id

SIZES = (500, 5_000, 50_000)
PER_DATABASE = 100
FEWEST = SIZES[0] // PER_DATABASE
"""Tables of a name that are there at every size."""
SOURCE = "mariadb"
SMALL = f"SELECT id, name FROM lake.{STORE}.country WHERE id <= 10 ORDER BY id"
AT_REST, ENOUGH = 60, 15
"""Small queries at rest; and how many it takes at least while a harvest goes on, which is as many as there is time."""
LOOK_SECONDS = 0.5
"""How often the memory is looked at."""
REQUESTS = 30
AT_MOST_SECONDS = 900.0
PASSWORD = "measured"

MEMORY_MB, BESIDE, REQUEST_MS, GROWN = 500.0, 2.0, 100.0, 2.0
"""The bounds: of the memory, of a small query's p95 beside that at rest, of a request, and of its growth."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one harvest took."""

    seconds: float
    asked: Sequence[float]
    """Seconds of the small queries that were asked meanwhile."""
    peak: cost.Peak
    written: int


def main() -> None:
    """Measure at each size, and print the figures and the last line."""
    begin("harvest", 1)
    figures: list[Figure] = []
    requests: dict[int, dict[str, list[float]]] = {}
    with running() as site, _mariadb() as server:
        _make_country(site)
        made = 0
        for count in SIZES:
            began = time.monotonic()
            _make_wikis(server, made, count // PER_DATABASE)
            made = count // PER_DATABASE
            print(f"  {count:,} tables are there after {time.monotonic() - began:.0f} s more", flush=True)
            began = time.monotonic()
            gateway = site.gateway(f"gateway-{count}", further={SOURCE: _lines(site, server)}, unawaited=[SOURCE])
            figures += _measure(gateway, began, count)
            requests[count] = _requests(gateway, count)
            told = ", ".join(f"{name} {statistics.median(each):.1f} ms" for name, each in requests[count].items())
            print(f"  {count:,} tables, p50 afterwards: {told}", flush=True)
            gateway.stop()
    few, most = requests[SIZES[0]], requests[SIZES[-1]]
    for name in most:
        figures.append(Figure(f"{name} of {SIZES[-1]:,}, ms", statistics.median(most[name]), REQUEST_MS))
        # The least of each, measured minutes apart: what else the machine does only adds to it.
        grown = min(most[name]) / min(few[name])
        figures.append(Figure(f"{name}, {SIZES[-1]:,} / {SIZES[0]:,}", grown, GROWN))
    finish("harvest", figures)


def _measure(gateway: Gateway, began: float, count: int) -> list[Figure]:
    """Harvest what is new since the gateway was started, then the same again; return the figures of both."""
    person = gateway.person()
    first = _harvested(gateway, person, began, None, 0)
    since, mark = _last(gateway.database), _transaction(gateway.database)
    began = time.monotonic()
    gateway.restart([SOURCE])
    again = _harvested(gateway, person, began, since, mark)
    rest = [_asked(person) for _ in range(AT_REST)]
    figures = []
    for name, one in (("first", first), ("again", again)):
        print(f"  {count:,} tables, {name}: {one.seconds:.1f} s, {one.written:,} rows written, peak {one.peak}")
        figures.append(Figure(f"{count:,}, {name}: peak MB", one.peak.most.total(), MEMORY_MB))
        if len(one.asked) < ENOUGH:
            print(f"  {count:,} tables, {name}: {len(one.asked)} small queries, too few to tell of", flush=True)
            continue
        during, without = (1e3 * percentile(each, 95) for each in (one.asked, rest))
        middle = (1e3 * statistics.median(each) for each in (one.asked, rest))
        print(
            f"  {count:,} tables, {name}: {len(one.asked)} small queries, p95 {during:.0f} ms, at rest {without:.0f};"
            " p50 {:.0f} and {:.0f}; the longest {:.0f} ms".format(*middle, 1e3 * max(one.asked)),
            flush=True,
        )
        figures.append(Figure(f"{count:,}, {name}: small query p95 / at rest", during / without, BESIDE))
    figures.append(Figure(f"{count:,}, again: % of the rows written", 100 * again.written / first.written, 1))
    return figures


def _harvested(gateway: Gateway, person: Side, began: float, since: Any, mark: int) -> Harvest:
    """Ask small queries until the harvest that has begun is over: the first after that one and that transaction."""
    database = gateway.database
    asked = []
    with cost.Peak([gateway.pid], LOOK_SECONDS) as peak:
        while _last(database) == since:
            asked.append(_asked(person))
            assert time.monotonic() - began < AT_MOST_SECONDS, "the harvest takes too long"
    seconds = time.monotonic() - began
    with database.engine("owner").begin() as conn:
        written = conn.exec_driver_sql(f"SELECT count(*) FROM swap.dataset WHERE xmin::text::bigint >= {mark}").scalar()
        conn.exec_driver_sql("ANALYZE swap.dataset")  # as the database does by itself in time
    return Harvest(seconds, asked, peak, written or 0)


def _asked(person: Side) -> float:
    answer = person.ask("measured", call="swap_arrow", statement=SMALL)
    assert answer["rows"] == 10
    seconds: float = answer["seconds"][0]
    return seconds


def _last(database: Database) -> Any:
    with database.engine("owner").begin() as conn:
        return conn.exec_driver_sql(
            f"SELECT harvested_at FROM swap.source_state WHERE source = '{SOURCE}'"
        ).scalar_one_or_none()


def _transaction(database: Database) -> int:
    with database.engine("owner").begin() as conn:
        number: int = conn.exec_driver_sql("SELECT pg_current_xact_id()::text::bigint").scalar_one()
        return number


def _requests(gateway: Gateway, count: int) -> dict[str, list[float]]:
    """Return what requests for the catalog take, in ms; each is for other tables than the one before."""
    token = gateway.token(new_person_id(lambda size: bytes(range(size))))
    step = count // PER_DATABASE / REQUESTS
    wikis = [_wiki(int(number * step)) for number in range(REQUESTS)]
    paths = {
        "a page of the list": [f"/v1/catalog/tables?source={SOURCE}&schema={wiki}&limit=50" for wiki in wikis],
        "a search": [f"/v1/catalog/tables?text={_table(number)}+{SOURCE}&limit={FEWEST}" for number in range(REQUESTS)],
        "one table": [f"/v1/catalog/{SOURCE}/{wiki}/{_table(7)}" for wiki in wikis],
    }
    found: dict[str, list[float]] = {}
    with httpx.Client(
        base_url=gateway.url, headers={"authorization": f"Bearer {token}"}, trust_env=False, verify=services.NO_TLS
    ) as client:
        for name, asked in paths.items():
            took = []
            for path in asked:
                began = time.perf_counter()
                answer = client.get(path)
                took.append(1e3 * (time.perf_counter() - began))
                assert answer.is_success, answer.text
                assert answer.json().get("tables") or answer.json().get("columns")
            found[name] = took
    return found


# ── What is there ───────────────────────────────────────────────────────────────────────────────
def _wiki(number: int) -> str:
    return f"wiki{number:04d}"


def _table(number: int) -> str:
    return f"table_{number:02d}"


def _make_country(site: Site) -> None:
    folder = site.lake / STORE / "country"
    folder.mkdir()
    ids = range(1, 1001)
    pq.write_table(pa.table({"id": ids, "name": [f"Country {number}" for number in ids]}), folder / "a.parquet")


def _make_wikis(server: services.MariaDB, made: int, count: int) -> None:
    """Make so many databases in all.  Only the first one's tables are created; the others' files are links to those.

    That takes seconds, not an hour, and a server that asks for what is there does not see the difference.
    """
    if not made:
        kinds = ("BIGINT", "VARBINARY(255)", "BINARY(14)", "DOUBLE", "INT UNSIGNED", "DECIMAL(15,2)", "BLOB", "DATE")
        columns = ", ".join(
            f"column_{number} {kind} COMMENT 'What column {number} says of a row, in some words'"
            for number, kind in enumerate(kinds)
        )
        server.run(
            f"CREATE DATABASE {_wiki(0)} CHARACTER SET binary",
            *(
                f"CREATE TABLE {_wiki(0)}.{_table(number)} ({columns}) ENGINE=MyISAM COMMENT 'Rows of table {number}'"
                for number in range(PER_DATABASE)
            ),
            "FLUSH TABLES",
        )
    first = server.state / "data" / _wiki(0)
    for number in range(max(made, 1), count):
        wiki = server.state / "data" / _wiki(number)
        shutil.copytree(first, wiki, copy_function=os.link)
        shutil.chown(wiki, first.owner(), first.group())


@contextmanager
def _mariadb() -> Iterator[services.MariaDB]:
    server = services.MariaDB()
    try:
        server.run(
            f"CREATE USER bench@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            "GRANT SELECT ON *.* TO bench@'127.0.0.1'",
        )
        yield server
    finally:
        server.close()


def _lines(site: Site, server: services.MariaDB) -> str:
    """Return the source's settings as lines of TOML."""
    password = site.folder / "password"
    password.write_text(PASSWORD)
    return "\n".join(
        [
            'kind = "mysql"',
            'host = "127.0.0.1"',
            f"port = {server.port}",
            'user = "bench"',
            f'password = {{ file = "{password}" }}',
            'tls = "disable"',
        ]
    )


if __name__ == "__main__":
    main()
