"""How many small queries two cores answer: 20 at once by 3 people, and 200 by 30 people, each one after another.

The queries are small_query's that have a source, in turn, each through a kernel of its person's own.  One gateway has
places enough that waiting for a place is not what is measured; beside it, in turn, one with the default places is.
Every answer is compared with what psycopg and DuckDB say.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import cost, small_query
from benchmarks.figures import ROUNDS, Figure, begin, finish, percentile
from benchmarks.site import Gateway, Side, running, same

PLACES = "slots = 40\nslots_per_person = 20"
LIMITS = "waiting_per_person = 200"
SOURCED = [small_query.STATEMENTS[kind] for kind in ("postgres", "parquet", "join")]


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("concurrent")
    with running() as site:
        small_query.make(site)
        expected = _expected(site.peer(), small_query.peers(site))
        gateways = {
            "places raised": site.gateway("raised", places=PLACES, limits=LIMITS),
            "default places": site.gateway("default"),
        }
        three = {name: [each.person() for _ in range(3)] for name, each in gateways.items()}
        thirty = {name: [each.person() for _ in range(30)] for name, each in gateways.items()}
        figures = []
        for name, at_once in _measured(gateways, three, thirty, expected).items():
            figures.append(_told(name, at_once))
        finish("concurrent", [figure for told in figures[:1] for figure in told])


def _measured(
    gateways: Mapping[str, Gateway],
    three: Mapping[str, Sequence[Side]],
    thirty: Mapping[str, Sequence[Side]],
    expected: Mapping[str, Any],
) -> dict[str, dict[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {
        name: {"20": [], "200": [], "seconds": [], "cpu": []} for name in gateways
    }
    for number in range(ROUNDS + 1):
        for name, gateway in gateways.items():
            twenty, _ = _asked(three[name], 20, 7, expected)
            before = cost.settled(gateway.pid, *(each.pid for each in thirty[name]))
            many, took = _asked(thirty[name], 200, 1, expected)
            spent = cost.settled(gateway.pid, *(each.pid for each in thirty[name])) - before
            if number:  # the first round imports and fills caches, and is not counted
                kept = found[name]
                kept["20"] += twenty
                kept["200"] += many
                kept["seconds"].append(took)
                kept["cpu"].append(spent / 200)
    return found


def _told(name: str, found: Mapping[str, list[Any]]) -> list[Figure]:
    """Print what one gateway gave, and return the figures that have targets."""
    rate = 200 / statistics.median(found["seconds"])
    for many, who in (("20", "at once by 3 people"), ("200", "by 30 people")):
        p50, p95 = statistics.median(found[many]), percentile(found[many], 95)
        print(f"  {name}, {many} {who}: p50 {p50:.2f} s, p95 {p95:.2f} s, longest {max(found[many]):.2f} s")
    cpu = 1e3 * statistics.median(found["cpu"])
    print(f"  {name}: {rate:.1f} queries a second, CPU {cpu:.0f} ms a query, checksums included", flush=True)
    return [
        Figure("queries a second, 200 by 30", rate, 15, at_least=True),
        Figure("p95 s, 20 at once by 3", percentile(found["20"], 95), 2),
    ]


def _asked(kernels: Sequence[Side], count: int, threads: int, expected: Mapping[str, Any]) -> tuple[list[float], float]:
    """Let kernels share so many queries; return the seconds of each, and of all together."""
    given = [
        [SOURCED[number % len(SOURCED)] for number in range(count)][start :: len(kernels)]
        for start in range(len(kernels))
    ]
    began = time.perf_counter()
    for kernel, statements in zip(kernels, given, strict=True):
        kernel.tell("at_once", statements=statements, threads=threads)
    done = [each for kernel in kernels for each in kernel.answer()["done"]]
    took = time.perf_counter() - began
    assert len(done) == count
    for statement, _, columns in done:
        same({"expected": {"columns": expected[statement]}, "swap": {"columns": columns}})
    return [seconds for _, seconds, _ in done], took


def _expected(peer: Side, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return statement → checksums, as the peers have them."""
    return {
        small_query.STATEMENTS[kind]: peer.ask("measured", **each["duckdb"])["columns"] for kind, each in asked.items()
    }


if __name__ == "__main__":
    main()
