"""The memory of a plain start, before anybody signs in and with people at work, and where it goes.

`swap demo` as it stands, at rest; then two people, one after the other, who each open a notebook and run a query in
it: a Jupyter server and a kernel.  Memory is the proportional set size of the supervisor and all that descend from it,
PostgreSQL and Traefik included.  The browser is not.
"""

from __future__ import annotations

import shutil
from collections import Counter

from playwright.sync_api import sync_playwright
from stage import Demo, start_demo, stop_demo

import browsers
from benchmarks import cost
from benchmarks.figures import Figure, begin, finish
from benchmarks.first_result import Swap
from services import temporary_directory
from swap import ports

REST_SECONDS = 20.0
"""How long a start may take to rest: its first harvest, and what is made ready beforehand."""
TARGET_MB = 500


def main() -> None:
    """Measure, and print where the memory goes and the last line."""
    begin("idle", rounds=1)
    folder = temporary_directory()
    demo = start_demo(folder / "state", ports.free(1)[0], folder / "swap.log")
    try:
        plain = _at_rest(demo)
        print(f"  a plain start: {cost.parts(plain)}")
        _processes(demo)
        with sync_playwright() as playwright:
            browser, before = browsers.launch(playwright), plain
            for name in ("ann", "bertrand"):
                Swap(browser, demo, name).first_result()
                now = _at_rest(demo)
                print(f"  {name}, with a server and a kernel: {_more(now, before)}")
                before = now
            _processes(demo)
            browser.close()
    finally:
        stop_demo(demo)
        shutil.rmtree(folder, ignore_errors=True)
    finish("idle", [Figure("fixed processes MB", plain.total(), TARGET_MB)])


def _at_rest(demo: Demo) -> Counter[str]:
    cost.settled(demo.process.pid, at_most=REST_SECONDS)
    return cost.memory(demo.process.pid)


def _processes(demo: Demo) -> None:
    """Print each process and its memory, the largest first."""
    sizes = [(cost.pss(pid), cost.kind(pid), pid) for pid in cost.family(demo.process.pid)]
    for size, kind, pid in sorted(sizes, reverse=True):
        print(f"    {size:6.1f} MB  {kind} ({pid})")


def _more(now: Counter[str], before: Counter[str]) -> str:
    grown = {kind: now[kind] - before[kind] for kind in now | before}
    told = sorted(grown.items(), key=lambda each: -abs(each[1]))
    where = ", ".join(f"{kind} {size:+.0f}" for kind, size in told if abs(size) >= 1)
    return f"{now.total() - before.total():.0f} MB more ({where})"


if __name__ == "__main__":
    main()
