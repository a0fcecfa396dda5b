"""What a save costs that is a version, beside the save of a stock Jupyter server; and what versions take.

Two servers, ours with a real gateway and PostgreSQL behind it, and a stock one, save the same notebook of 1 MB, of
which each time one cell and its output are other ones: in turn, over HTTP, until the answer.  Measured are

* the time of a save, in parts of the stock server's, p50 and p95;
* the space of 1,000 versions, in percent of 1,000 copies;
* the page of a history of 10,000 versions, in the portal: folded, and with each save.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

import saves
import services
from benchmarks.figures import ROUNDS, Figure, begin, finish, percentile, ratio
from integration.gateway.gateways import running
from integration.lab.conftest import started
from integration.lab.stand_ins import wait_for
from integration.web import running as portals
from swap import ports
from swap.identity import Principal, Via
from swap.notebooks import saving as versions
from swap.people import service as people
from swap.settings import Policy

SAVES = 20
"""In each round, at each server."""
VERSIONS = 1_000
LISTED = 10_000
RATIO = 1.5
SPACE_PERCENT = 3.0
PAGE_MS = 200.0


def notebook(chance: random.Random) -> dict[str, Any]:
    """Return a notebook of 1 MB: code with tables as HTML, every third with an image."""
    cells = []
    for number in range(60):
        source = "\n".join(f"value_{number}_{line} = {chance.random()}" for line in range(25))
        outputs: list[dict[str, Any]] = [table(chance)]
        if number % 3 == 0:
            image = base64.b64encode(chance.randbytes(22_000)).decode()
            outputs = [{"output_type": "display_data", "data": {"image/png": image}, "metadata": {}}]
        cells.append(
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "execution_count": number,
                "outputs": outputs,
            }
        )
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def table(chance: random.Random) -> dict[str, Any]:
    """Return an output as pandas gives it."""
    rows = "".join(f"<tr><td>{row}</td><td>{chance.random()}</td><td>{chance.random()}</td></tr>" for row in range(120))
    data = {"text/html": f"<table>{rows}</table>", "text/plain": "a table"}
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def change(document: dict[str, Any], chance: random.Random) -> None:
    """Run one cell again, with other code."""
    cell = document["cells"][1 + 3 * chance.randrange(20)]
    cell["source"] = f"value = {chance.random()}\n" + cell["source"].partition("\n")[2]
    cell["outputs"] = [table(chance)]


@contextmanager
def stock(folder: Path) -> Iterator[Callable[[dict[str, Any]], float]]:
    """Run a stock Jupyter server; give what saves there and says how long it took."""
    (folder / "home").mkdir(parents=True)
    (port,) = ports.free(1)
    options = [f"--ServerApp.port={port}", "--IdentityProvider.token=stock", f"--ServerApp.root_dir={folder / 'home'}"]
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", *options]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "JUPYTER_PREFER_ENV_PATH": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for("the stock server", lambda: ports.answers(port), seconds=60)
        with client(address, "stock") as at:
            yield lambda document: put(at, document)
    finally:
        process.terminate()
        process.wait()


def client(address: str, token: str) -> httpx.Client:
    """Return a connection that stays open, as a browser's."""
    headers = {"Authorization": f"token {token}"}
    return httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, verify=services.NO_TLS)


def put(at: httpx.Client, document: dict[str, Any]) -> float:
    """Save, and return the seconds until the answer."""
    body = json.dumps({"type": "notebook", "format": "json", "content": document})
    began = time.perf_counter()
    answer = at.put("/api/contents/a.ipynb", content=body, headers={"Content-Type": "application/json"})
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    return seconds


def saving(database: services.Database, folder: Path) -> tuple[list[list[float]], list[list[float]]]:
    """Return the seconds of saves, ours and the stock server's, round by round."""
    chance, ours, theirs = random.Random(5), list[list[float]](), list[list[float]]()
    document = notebook(chance)
    print(f"  a notebook of {len(json.dumps(document)) / 1e6:.2f} MB, {len(document['cells'])} cells")
    with ExitStack() as stack:
        gateway = stack.enter_context(running(database, folder / "gateway"))
        person, credential = gateway.person("ann"), secrets.token_hex(16)
        with database.engine("owner").begin() as conn:
            people.launch_server(conn, person.id, "s1", credential, datetime.now(UTC))
        for name in ("lab", "home"):
            (folder / name).mkdir()
        extra = {"SWAP_GATEWAY": gateway.url}
        server = stack.enter_context(started(folder / "lab", folder / "home", extra=extra, credential=credential))
        at = stack.enter_context(client(server.url, server.hub.token()))
        stock_save = stack.enter_context(stock(folder / "stock"))
        for number in range(ROUNDS + 1):
            here: list[float] = []
            there: list[float] = []
            for _ in range(SAVES):
                change(document, chance)
                here.append(put(at, document))
                there.append(stock_save(document))
            told = at.get("/swap/saved", params={"path": "a.ipynb"}).json()
            assert told["version"] == (number + 1) * SAVES, told
            if number:  # the first round warms both up
                ours.append(here)
                theirs.append(there)
    return ours, theirs


def space(database: services.Database) -> float:
    """Return what 1,000 versions take, in percent of as many copies."""
    chance = random.Random(6)
    document, engine = notebook(chance), database.engine("owner")
    with engine.begin() as conn:
        found = people.ensure_person(conn, "space", "space", (), lambda: "pspacespac")
    principal = Principal(found.id, "space", frozenset(), Via.SERVER)
    tables = ("notebook", "notebook_version", "notebook_part", "notebook_lineage", "lineage")
    sized = " + ".join(f"pg_total_relation_size('swap.{name}')" for name in tables)
    with engine.begin() as conn:
        before = conn.scalar(text(f"SELECT {sized}"))
    copies = 0
    for number in range(VERSIONS):
        change(document, chance)
        copies += len(json.dumps(document, indent=1))
        with engine.begin() as conn:
            sent = saves.sent(document, base=number or None)
            versions.save(conn, Policy(), principal, sent, datetime.now(UTC), lambda: secrets.token_hex(8))
    with engine.begin() as conn:
        took = int(conn.scalar(text(f"SELECT {sized}")) or 0) - int(before or 0)
    print(f"  {VERSIONS} versions: {took / 1e6:.1f} MB; copies: {copies / 1e6:.0f} MB")
    return 100 * took / copies


def pages(database: services.Database, folder: Path) -> dict[str, list[float]]:
    """Return the milliseconds of the pages of a history of 10,000 versions."""
    with portals.running(database, folder / "portal") as portal:
        browser = portal.signed_in()
        principal = Principal(portal.person(), "ann", frozenset(), Via.SERVER)
        began = datetime.now(UTC) - timedelta(days=100)
        with database.engine("owner").begin() as conn:
            head = versions.save(conn, Policy(), principal, saves.sent(saves.notebook("one")), began, lambda: "listed")
            conn.execute(
                text(
                    "INSERT INTO swap.notebook_version"
                    " SELECT notebook_id, n, n - 1, NULL, digest, file_digest, author, via, 'saved', '',"
                    "  environment, 'save-' || n, at + n * interval '5 minutes' + (n / 20) * interval '1 hour'"
                    " FROM swap.notebook_version, generate_series(2, :listed) n"
                    " WHERE notebook_id = :notebook AND number = 1"
                ),
                {"listed": LISTED, "notebook": head.notebook_id},
            )
            conn.execute(text("UPDATE swap.notebook SET head = :listed WHERE id = 'listed'"), {"listed": LISTED})
        with database.engine("owner").connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("ANALYZE swap.notebook_version"))
        took: dict[str, list[float]] = {"folded": [], "each save": []}
        for _ in range(ROUNDS + 1):
            for name, more in (("folded", ""), ("each save", "&all=1")):
                started_at = time.perf_counter()
                answer = browser.get(f"/notebooks/history?path=a.ipynb{more}")
                took[name].append(1e3 * (time.perf_counter() - started_at))
                assert answer.status_code == 200
                assert f'<span class="b">{LISTED}</span>' in answer.text
        return {name: times[1:] for name, times in took.items()}


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("save")
    folder = services.temporary_directory()
    with contextmanager(services.run_postgres)({}) as postgres:
        database = services.fresh_database(postgres)
        try:
            ours, theirs = saving(database, folder)
            percent = space(database)
            listed = pages(database, folder)
        finally:
            database.close()
            shutil.rmtree(folder, ignore_errors=True)
    for name, rounds in (("ours", ours), ("stock", theirs)):
        p50, p95 = (1e3 * statistics.median(percentile(one, each) for one in rounds) for each in (50, 95))
        print(f"  a save, {name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    finish(
        "save",
        [
            *(
                Figure(
                    f"a save / stock, p{each}",
                    ratio([percentile(one, each) for one in ours], [percentile(one, each) for one in theirs]),
                    RATIO,
                )
                for each in (50, 95)
            ),
            Figure("space of 1,000 versions, % of copies", percent, SPACE_PERCENT),
            *(Figure(f"a page of 10,000 versions, {name}, ms", max(times), PAGE_MS) for name, times in listed.items()),
        ],
    )


if __name__ == "__main__":
    main()
