"""What one person's six large queries do to another's small one: its time beside that of the same query alone.

The six are combiner-bound: each multiplies two inputs of 60,000 rows in the combiner, would take minutes, runs from
before the first small query to after the last, and is then cancelled.  Rounds with and without them take turns.
"""

from __future__ import annotations

import statistics
import time

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import cost, small_query
from benchmarks.figures import ROUNDS, Figure, begin, finish, percentile
from benchmarks.site import STORE, Gateway, Side, Site, running, same

SIX = 6
TIMES = 10
WARM_SECONDS = 2.0
"""Seconds of processor that the six have used when the small queries begin."""
LARGE = (
    "SELECT sum(a.n * b.n % 7) AS total, {number} AS number FROM lake.bench.many a, lake.bench.many b"
    " WHERE a.n * b.n % 11 < 5"
)


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("flood")
    with running() as site:
        small_query.make(site)
        _make(site)
        gateway = site.gateway(places=f"slots_per_person = {SIX}")
        greedy, other = gateway.person(), gateway.person()
        peer = site.peer().ask("measured", **small_query.peers(site)["join"]["duckdb"])
        figures = []
        for kind in ("postgres", "join", "select 1"):
            figures += _measure(gateway, greedy, other, kind, peer if kind == "join" else None)
    finish("flood", figures)


def _make(site: Site) -> None:
    folder = site.lake / STORE / "many"
    folder.mkdir()
    pq.write_table(pa.table({"n": pa.array(range(60_000), pa.int64())}), folder / "a.parquet")


def _measure(gateway: Gateway, greedy: Side, other: Side, kind: str, expected: dict | None) -> list[Figure]:
    statement, alone, slowed, seconds = small_query.STATEMENTS[kind], [], [], []
    for number in range(ROUNDS + 1):
        quiet = other.ask("measured", call="swap_arrow", statement=statement, times=TIMES)
        _flood(gateway, greedy)
        with cost.Peak([gateway.pid]) as peak:
            flooded = other.ask("measured", call="swap_arrow", statement=statement, times=TIMES)
        before = greedy.ask("cancel")["states"]
        assert before == ["running"] * SIX, f"the six did not run all the time: {before}"
        cost.settled(gateway.pid)
        same({"alone": quiet, "flooded": flooded, **({} if expected is None else {"peer": expected})})
        if number:  # the first round fills caches and is not counted
            alone += quiet["seconds"]
            usual = statistics.median(quiet["seconds"])
            slowed += [each / usual for each in flooded["seconds"]]
            seconds += flooded["seconds"]
            median = statistics.median(flooded["seconds"])
            print(
                f"  {kind}, round {number}: alone {1e3 * usual:.0f} ms, flooded {1e3 * median:.0f} ms; {peak}",
                flush=True,
            )
    spread = percentile(alone, 95) / statistics.median(alone)
    print(f"  {kind}: alone, p95 is {spread:.2f} times p50")
    return [
        Figure(f"{kind} slowdown p50", statistics.median(slowed), 2),
        Figure(f"{kind} slowdown p95", percentile(slowed, 95), 4),
        Figure(f"{kind} flooded p95 (s)", percentile(seconds, 95), 1),
    ]


def _flood(gateway: Gateway, greedy: Side) -> None:
    """Start the six, and wait until they use the processor."""
    states = greedy.ask("start", statements=[LARGE.format(number=number) for number in range(SIX)])["states"]
    until = time.monotonic() + 60
    while states != ["running"] * SIX:
        assert time.monotonic() < until, states
        time.sleep(0.05)
        states = greedy.ask("states")["states"]
    began = cost.seconds(gateway.pid)
    while cost.seconds(gateway.pid) - began < WARM_SECONDS:
        assert time.monotonic() < until, "the six use no processor"
        time.sleep(0.05)


if __name__ == "__main__":
    main()
