"""What it takes to bring a whole PostgreSQL table into a notebook as Arrow, beside the drivers people use.

1 M and 5 M rows of eight mixed columns, and 1 M rows of eight columns of one kind: numeric, text, timestamp.  SWAP
through `swap.sql(…).to_arrow()`; ADBC, connectorx, psycopg's `fetchall` and a drain of binary COPY that looks at
nothing, each with a connection of its own.  Columns are checksummed after the clock has stopped, and compared.
Exact are SWAP, psycopg, and ADBC's numerics once their text is read, which its time does not hold; connectorx makes
them doubles, which are not compared.  psycopg's five million rows would fill the memory, and are left out.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

from benchmarks import cost
from benchmarks.figures import ROUNDS, ROWS, Figure, begin, finish, ratio
from benchmarks.site import STORE, Gateway, Side, Site, running, same

ONE_KIND_ROWS = 1_000_000
PSYCOPG_ROWS = 1_000_000
CALLS = {
    "adbc": "adbc_arrow",
    "connectorx": "connectorx_arrow",
    "psycopg fetchall": "psycopg_rows",
    "copy drain": "copy_drain",
}
MIXED = {
    "id": "n::bigint",
    "small": "(n % 30000)::integer",
    "ratio": "n / 7.0::double precision",
    "amount": "(n * 1.2345)::numeric(18, 4)",
    "title": "'Page ' || (n::bigint * 7919 % 100003)",
    "seen": "timestamp '2026-01-01' + n * interval '1 second'",
    "day": "date '2020-01-01' + n % 2000",
    "minor": "n % 3 = 0",
}
KINDS = {
    "numeric": "((n + {number}) * 1.2345)::numeric(18, 4)",
    "text": "'Page {number} ' || (n::bigint * 7919 % 100003)",
    "timestamp": "timestamp '2026-01-01' + (n + {number}) * interval '1 second'",
}


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("postgres_fetch")
    figures = []
    with running() as site:
        tables = {f"mixed_{rows}": rows for rows in ROWS} | dict.fromkeys(KINDS, ONE_KIND_ROWS)
        site.make_tables([_made(name, rows) for name, rows in tables.items()])
        gateway = site.gateway()
        ours, other = gateway.person(), site.peer()
        for name, rows in tables.items():
            figures += _measure(site, gateway, ours, other, name, rows)
    finish("postgres_fetch", figures)


def _columns(table: str) -> dict[str, str]:
    """Return the columns of a table and how each is made from a row's number."""
    if table in KINDS:
        return {f"c{number}": KINDS[table].format(number=number) for number in range(8)}
    return MIXED


def _made(table: str, rows: int) -> str:
    columns = ", ".join(f"{made} AS {name}" for name, made in _columns(table).items())
    # Unlogged: how a table was filled is not what is measured.
    return f"CREATE UNLOGGED TABLE {STORE}.{table} AS SELECT {columns} FROM generate_series(1, {rows}) n"


def _measure(site: Site, gateway: Gateway, ours: Side, other: Side, table: str, rows: int) -> list[Figure]:
    statement = f"SELECT {', '.join(_columns(table))} FROM {{}}{STORE}.{table}"
    asked: dict[str, dict[str, Any]] = {"swap": {"call": "swap_arrow", "statement": statement.format("mediawiki.")}}
    for name, call in CALLS.items():
        if call != "psycopg_rows" or rows <= PSYCOPG_ROWS:
            asked[name] = {"call": call, "uri": site.uri, "statement": statement.format("")}
    seconds: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    database: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        answers = {}
        for name, given in asked.items():
            before, before_database = cost.settled(gateway.pid), cost.seconds(site.postgres_pid)
            answers[name] = answer = (ours if name == "swap" else other).ask("measured", **given)
            after, after_database = cost.settled(gateway.pid), cost.seconds(site.postgres_pid)
            if number:  # the first round fills caches and is not counted
                seconds[name] += answer["seconds"]
                used[name].append((answer["cpu"] + after - before) / rows * 1e6)
                database[name].append((after_database - before_database) / rows * 1e6)
        same(answers)
        assert {answer["rows"] for answer in answers.values()} <= {rows, None}
    with cost.Peak([gateway.pid]) as peak:
        ours.ask("measured", **asked["swap"])
    for name in asked:
        took, cpu = statistics.median(seconds[name]), statistics.median(used[name])
        beside, theirs = ratio(seconds["swap"], seconds[name]), statistics.median(database[name])
        print(f"  {table}, {name}: {took:.2f} s; swap takes {beside:.2f} times as long")
        print(f"  {table}, {name}: CPU {cpu:.2f} s a million rows, and PostgreSQL's {theirs:.2f}")
    print(f"  {table}, swap: peak of the gateway's processes {peak}", flush=True)
    return [
        Figure(f"{table} / ADBC", ratio(seconds["swap"], seconds["adbc"]), 1.4),
        Figure(f"{table} CPU s a million", statistics.median(used["swap"]), 2.2),
    ]


if __name__ == "__main__":
    main()
