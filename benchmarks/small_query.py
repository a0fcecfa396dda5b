"""What a query of ten rows takes through `swap.sql`, from the statement to the rows, beside what people use instead.

Four kinds: ten rows from PostgreSQL, ten from Parquet, `SELECT 1`, and a join of the two sources that gives ten.
The peers connect anew each time, as a notebook's cell does: psycopg (connect, ask, fetch) and a fresh DuckDB, which
reads the Parquet itself and is handed PostgreSQL's rows by psycopg.  All are processes that have imported what they
need.  CPU is of all processes: the gateway, whatever it starts, and the client; PostgreSQL's is told apart.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import cost
from benchmarks.figures import ROUNDS, Figure, begin, finish, percentile, ratio
from benchmarks.site import STORE, Gateway, Side, Site, running, same

TIMES = 10
"""Queries of each side and kind in a round, one after another."""

STATEMENTS = {
    "postgres": "SELECT id, title, length, touched FROM mediawiki.bench.page WHERE id <= 10 ORDER BY id",
    "parquet": "SELECT id, code, name FROM lake.bench.country WHERE id <= 10 ORDER BY id",
    "select 1": "SELECT 1 AS one",
    "join": (
        "SELECT p.id, p.title, c.name FROM mediawiki.bench.page p JOIN lake.bench.country c ON p.id = c.id"
        " WHERE p.id <= 10 AND c.id <= 10 ORDER BY p.id"
    ),
}


def make(site: Site) -> None:
    """Make both tables."""
    page = (
        f"CREATE TABLE {STORE}.page AS SELECT n::bigint AS id, 'Page ' || n AS title, (n * 10)::integer AS length,"
        " timestamp '2026-01-01' + n * interval '1 minute' AS touched FROM generate_series(1, 10000) n"
    )
    site.make_tables([page, f"ALTER TABLE {STORE}.page ADD PRIMARY KEY (id)"])
    folder = site.lake / STORE / "country"
    folder.mkdir()
    ids = range(1, 1001)
    table = {"id": pa.array(ids, pa.int64()), "code": [f"C{n}" for n in ids], "name": [f"Country {n}" for n in ids]}
    pq.write_table(pa.table(table), folder / "a.parquet")


def peers(site: Site) -> dict[str, dict[str, dict[str, Any]]]:
    """Return kind → peer → what it is asked."""
    uri, files = site.uri, f"read_parquet('{site.lake}/{STORE}/country/*.parquet')"
    page = STATEMENTS["postgres"].replace("mediawiki.", "")
    pages = f"SELECT id, title FROM {STORE}.page WHERE id <= 10"
    join = STATEMENTS["join"].replace("mediawiki.bench.page", "fetched").replace("lake.bench.country", files)
    return {
        "postgres": {
            "psycopg": {"call": "psycopg_rows", "uri": uri, "statement": page},
            "duckdb": {"call": "duckdb_rows", "uri": uri, "fetch": page, "statement": "SELECT * FROM fetched"},
        },
        "parquet": {
            "duckdb": {
                "call": "duckdb_files",
                "statement": STATEMENTS["parquet"].replace("lake.bench.country", files),
            }
        },
        "select 1": {
            "psycopg": {"call": "psycopg_rows", "uri": uri, "statement": STATEMENTS["select 1"]},
            "duckdb": {"call": "duckdb_files", "statement": STATEMENTS["select 1"]},
        },
        "join": {"duckdb": {"call": "duckdb_rows", "uri": uri, "fetch": pages, "statement": join}},
    }


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("small_query")
    with running() as site:
        make(site)
        gateway = site.gateway()
        ours, other = gateway.person(), site.peer()
        figures = []
        for kind, asked in peers(site).items():
            figures += _measure(site, gateway, ours, other, kind, asked)
    finish("small_query", figures)


def _measure(
    site: Site, gateway: Gateway, ours: Side, other: Side, kind: str, asked: dict[str, dict[str, Any]]
) -> list[Figure]:
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    used, database = [], []
    for number in range(ROUNDS + 1):
        began, began_database = cost.settled(gateway.pid), cost.seconds(site.postgres_pid)
        answers = {"swap": ours.ask("measured", call="swap_arrow", statement=STATEMENTS[kind], times=TIMES)}
        spent = cost.settled(gateway.pid) - began + answers["swap"]["cpu"]
        spent_database = cost.seconds(site.postgres_pid) - began_database
        answers |= {name: other.ask("measured", times=TIMES, **given) for name, given in asked.items()}
        same(answers)
        if number:  # the first round fills caches and is not counted
            for name, answer in answers.items():
                seconds[name].append(answer["seconds"])
            used.append(spent / TIMES)
            database.append(spent_database / TIMES)
    with cost.Peak([gateway.pid]) as peak:
        ours.ask("measured", call="swap_arrow", statement=STATEMENTS[kind], times=TIMES)
    for name, rounds in seconds.items():
        every = [1e3 * each for one in rounds for each in one]
        print(f"  {kind}, {name}: p50 {statistics.median(every):.0f} ms, p95 {percentile(every, 95):.0f} ms")
    rested = statistics.median(1e3 * one[0] for one in seconds["swap"])
    ours_ms, database_ms = 1e3 * statistics.median(used), 1e3 * statistics.median(database)
    print(f"  {kind}, swap: the first after a rest {rested:.0f} ms")
    print(f"  {kind}, swap: CPU {ours_ms:.0f} ms a query, and PostgreSQL's {database_ms:.0f}", flush=True)
    print(f"  {kind}, swap: peak of the gateway's processes {peak}", flush=True)
    medians = {name: [statistics.median(one) for one in rounds] for name, rounds in seconds.items()}
    return [
        Figure(f"{kind} p50 ms", 1e3 * statistics.median(medians["swap"]), 60),
        Figure(f"{kind} / fresh DuckDB", ratio(medians["swap"], medians["duckdb"]), 1.5),
        Figure(f"{kind} CPU ms", 1e3 * statistics.median(used), 60),
    ]


if __name__ == "__main__":
    main()
