"""What it takes to bring a whole Parquet table into a notebook as Arrow, beside DuckDB and pyarrow on the same files.

1 M and 5 M rows of five columns (integer, text, double, timestamp, date) through `swap.sql(…).to_arrow()`; a fresh
DuckDB to Arrow; `pyarrow.dataset`.  Each side's clock stops when every byte was read; its columns are checksummed
after that and compared.  Memory is measured in a round of its own: what stands between files and notebook should
not grow with the rows.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks import cost
from benchmarks.figures import ROUNDS, ROWS, Figure, begin, finish, ratio
from benchmarks.site import STORE, Gateway, Side, Site, running, same

COLUMNS = ["id", "title", "ratio", "seen", "day"]
FILE_ROWS = 1_000_000
MADE = """
    SELECT n AS id, 'Page_' || md5(n::TEXT)[1 : (5 + n % 27)::INTEGER] AS title, hash(n) % 1000003 / 7 AS ratio,
        TIMESTAMP '2026-01-01' + (n * 7919 % 5000011) * INTERVAL 1 SECOND AS seen,
        DATE '2020-01-01' + (n % 2000)::INTEGER AS day
    FROM range({first}, {end}) t(n)"""
"""Titles that differ and numbers in no order: what compresses well would flatter whoever reads it cheaply."""
TARGETS = {1_000_000: 2.0, 5_000_000: 1.6}
FLAT = 1.1
"""How much the peak at the most rows may exceed that at the fewest: its samples vary by some MB."""


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("files_scan")
    figures, peaks = [], {}
    with running() as site:
        for rows in ROWS:
            _make(site, rows)
        gateway = site.gateway()
        ours, other = gateway.person(), site.peer()
        for rows in ROWS:
            told, peaks[rows] = _measure(site, gateway, ours, other, rows)
            figures.append(told)
    if len(ROWS) > 1:
        figures.append(Figure("peak memory, most rows / fewest", peaks[max(ROWS)] / peaks[min(ROWS)], FLAT))
    finish("files_scan", figures)


def _make(site: Site, rows: int) -> None:
    """Write a table in files of a million rows."""
    folder = site.lake / STORE / f"rows_{rows}"
    folder.mkdir()
    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        made = duckdb.sql(MADE.format(first=first, end=min(rows, first + FILE_ROWS))).to_arrow_table()
        pq.write_table(made, folder / f"{number:03d}.parquet")


def _measure(site: Site, gateway: Gateway, ours: Side, other: Side, rows: int) -> tuple[Figure, float]:
    folder, listed = site.lake / STORE / f"rows_{rows}", ", ".join(COLUMNS)
    asked: dict[str, dict[str, Any]] = {
        "swap": {"call": "swap_arrow", "statement": f"SELECT {listed} FROM lake.{STORE}.rows_{rows}"},
        "duckdb": {"call": "duckdb_files", "statement": f"SELECT {listed} FROM read_parquet('{folder}/*.parquet')"},
        "pyarrow.dataset": {"call": "dataset_files", "path": str(folder), "columns": COLUMNS},
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        answers = {}
        for name, given in asked.items():
            before = cost.settled(gateway.pid)
            answers[name] = answer = (ours if name == "swap" else other).ask("measured", **given)
            if number:  # the first round fills caches and is not counted
                seconds[name] += answer["seconds"]
                used[name].append(answer["cpu"] + cost.settled(gateway.pid) - before)
        same(answers)
        assert {answer["rows"] for answer in answers.values()} == {rows}
    with cost.Peak([gateway.pid]) as peak:
        ours.ask("measured", **asked["swap"])
    for name in asked:
        took, cpu = statistics.median(seconds[name]), statistics.median(used[name])
        beside = ratio(seconds["swap"], seconds[name])
        print(f"  {rows:,} rows, {name}: {took:.2f} s, CPU {cpu:.2f} s; swap takes {beside:.2f} times as long")
    print(f"  {rows:,} rows, swap: peak of the gateway's processes {peak}", flush=True)
    target = TARGETS.get(rows, TARGETS[1_000_000])
    return Figure(f"{rows:,} rows / DuckDB", ratio(seconds["swap"], seconds["duckdb"]), target), peak.most.total()


if __name__ == "__main__":
    main()
