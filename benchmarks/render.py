"""A notebook of 50 cells and 623 KB as HTML: made anew, with one cell changed, served; nbconvert in the same process.

nbconvert's exporter is made once, as a server would; the words that are seen are compared.  Served is it by a portal on
one core, which checks each request's signature and, in PostgreSQL, that its sign-in lives; whoever asks is another
process.  Bytes of the first paint are the page and its sheet; nbconvert's hold the pictures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import nbformat

import notebooks
import services
import visible
from benchmarks.figures import ROUNDS, Figure, begin, finish
from integration.web.running import PERSON_IDS, Portal, running
from swap import look
from swap.identity import Via
from swap.people import service
from swap.people.model import PortalSession
from swap.reading import render
from swap.web import content as host

REQUESTS = 2_000
CLIENT = """
import http.client, json, sys, threading, time
port, host, mark, paths = json.load(sys.stdin)
parts = [paths[at::4] for at in range(4)]
bad = []
def ask(mine):
    line = http.client.HTTPConnection("127.0.0.1", port)
    for path in mine:
        line.request("GET", path, headers={"Host": host, **({"If-None-Match": mark} if mark else {})})
        answer = line.getresponse()
        answer.read()
        if answer.status != (304 if mark else 200):
            bad.append(answer.status)
threads = [threading.Thread(target=ask, args=(each,)) for each in parts]
began = time.perf_counter()
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps([len(paths) / (time.perf_counter() - began), bad[:3]]))
"""
"""Four lines that stay open, each asking one thing after the other."""


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("render")
    document = notebooks.typical()
    figures = _made(document) + _served(json.dumps(document).encode())
    finish("render", figures)


def _made(document: dict[str, Any]) -> list[Figure]:
    warnings.simplefilter("ignore")
    from nbconvert.exporters import HTMLExporter  # noqa: PLC0415 — it warns when it is imported

    exporter = HTMLExporter()
    content = json.dumps(document)

    def theirs() -> str:
        html: str = exporter.from_notebook_node(nbformat.reads(content, as_version=4))[0]
        return html

    kept = render.cache()
    render.render(content.encode(), kept)
    changes = iter(range(10**6))

    def changed() -> bytes:
        document["cells"][20]["source"] = f"A sentence that changed, for the {next(changes)}th time."
        return json.dumps(document).encode()

    seconds: dict[str, list[float]] = {"nbconvert": [], "cold": [], "one cell": []}
    for number in range(ROUNDS + 1):
        taken = {
            "nbconvert": _timed(theirs, 1),
            "cold": _timed(lambda: render.render(content.encode(), render.cache()), 5),
            "one cell": statistics.median(_timed(partial(render.render, changed(), kept), 1) for _ in range(20)),
        }
        if number:  # the first round fills caches and is not counted
            for name, each in taken.items():
                seconds[name].append(each)
    ours, other = render.render(content.encode(), render.cache()).html, theirs()
    assert visible.text(ours) == visible.text(other), "the two do not show the same words"
    sheet = (look.STATIC.parent / look.asset("reader.css").removeprefix("/")).stat().st_size
    pages = f"pages of {len(ours) / 1e3:.0f} and {len(other) / 1e3:.0f} KB"
    print(f"  {len(content) / 1e3:.0f} KB, {len(document['cells'])} cells; {pages}")
    for name, each in seconds.items():
        print(f"  {name}: {1e3 * statistics.median(each):.2f} ms")
    median = {name: statistics.median(each) for name, each in seconds.items()}
    return [
        Figure("nbconvert / cold", median["nbconvert"] / median["cold"], 8, at_least=True),
        Figure("nbconvert / one changed cell", median["nbconvert"] / median["one cell"], 100, at_least=True),
        Figure("bytes of the first paint / nbconvert's", (len(ours.encode()) + sheet) / len(other.encode()), 0.1),
    ]


def _timed(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _served(content: bytes) -> list[Figure]:
    apps: list[Any] = []
    postgres = services.run_postgres()
    database = services.fresh_database(next(postgres))
    try:
        # All that serves is on one core from here on; PostgreSQL and whoever asks are not.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        with tempfile.TemporaryDirectory() as folder, running(database, Path(folder) / "portal", apps.append) as portal:
            return _asked(portal, apps[0].state.portal, content, cores)
    finally:
        os.sched_setaffinity(0, cores)
        database.close()
        postgres.close()


def _asked(portal: Portal, app: Any, content: bytes, cores: list[int]) -> list[Figure]:
    ann = portal.signed_in()
    portal.home().mkdir(exist_ok=True)
    (portal.home() / "a.ipynb").write_bytes(content)
    page = ann.get("/notebooks/read/a.ipynb").text
    first = page.partition('<iframe class="reader"')[2].partition('src="')[2].partition('"')[0]
    mark = _tag(portal, first)
    with portal.database.engine().begin() as conn:
        person = service.principal(conn, PERSON_IDS["ann"], Via.PORTAL, datetime.now(UTC))
        session = PortalSession(person, "", service.access(conn, person.id, datetime.now(UTC)))
    rates: dict[str, list[float]] = {"cached": [], "unchanged": []}
    spent: dict[str, list[float]] = {"cached": [], "unchanged": []}
    for _ in range(max(3, ROUNDS // 2)):
        now = datetime.now(UTC)
        paths = [
            _path(host.address(app, portal.settings.site.address, session, "a.ipynb", content, now))
            for _ in range(REQUESTS)
        ]
        for name, tag, asked in (("cached", "", paths), ("unchanged", mark, paths[:1] * REQUESTS)):
            began = time.process_time()
            rates[name].append(_load(portal.port, tag, asked, cores))
            spent[name].append((time.process_time() - began) / REQUESTS)
    for name, each in rates.items():
        rate, cpu = statistics.median(each), statistics.median(spent[name])
        print(f"  {name}: {rate:.0f} requests/s on one core, {1e3 * cpu:.2f} ms of it for each")
    return [
        Figure("cached pages/s", statistics.median(rates["cached"]), 300, at_least=True),
        Figure("unchanged pages/s", statistics.median(rates["unchanged"]), 1_000, at_least=True),
    ]


def _path(url: str) -> str:
    return "/read/" + url.partition("/read/")[2]


def _tag(portal: Portal, url: str) -> str:
    answer = httpx.get(
        f"http://127.0.0.1:{portal.port}{_path(url)}",
        headers={"Host": f"content.localhost:{portal.port}"},
        trust_env=False,
    )
    return str(answer.headers["etag"])


def _load(port: int, mark: str, paths: list[str], cores: list[int]) -> float:
    given = json.dumps([port, f"content.localhost:{port}", mark, paths])
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, cores[1:] or cores)), sys.executable, "-c", CLIENT],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    rate, bad = json.loads(done.stdout)
    assert not bad, bad
    return float(rate)


if __name__ == "__main__":
    main()
