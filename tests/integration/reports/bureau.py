"""A gateway, a worker beside it, and ann, who has signed out: real kernels, a real database, sources in memory."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import notebooks
import saves
import services
from integration.gateway.gateways import POLICY, Gateway, Person
from integration.gateway.gateways import running as gateway_running
from swap.identity import Principal, Via
from swap.launch.report import Runs
from swap.launch.rules import rules
from swap.notebooks import saving, shown
from swap.people import service as people
from swap.reports import running as steering
from swap.reports import service, store
from swap.reports.files import Files
from swap.reports.model import Missed, Overlap, Report, Run, RunState
from swap.reports.schedule import Schedule
from swap.reports.worker import Means, Worker

OVER = {RunState.DONE, RunState.FAILED, RunState.REFUSED, RunState.LEFT}


class Bureau:
    """What tests ask of it."""

    def __init__(self, gateway: Gateway, directory: Path) -> None:
        self.gateway = gateway
        self.database = gateway.database
        self.directory = directory
        self.person: Person = gateway.person("ann", "analysts", "data-privacy")
        self.who = Principal(self.person.id, "ann", frozenset({"analysts", "data-privacy"}), Via.PORTAL)
        with self.database.engine("web").begin() as conn:
            people.sign_out(conn, self.person.id, datetime.now(UTC))

    def schedule(self, *sources: str | dict[str, Any], text: str = "month 1 06:00") -> Report:
        """Save a notebook with these cells, and schedule it."""
        document = notebooks.notebook(*(notebooks.code(each) if isinstance(each, str) else each for each in sources))
        path = f"{secrets.token_hex(4)}.ipynb"
        with self.database.engine("owner").begin() as conn:
            head = saving.save(conn, POLICY, self.who, saves.sent(document, path=path), datetime.now(UTC), new_id)
        with self.database.engine("web").begin() as conn:
            wanted = Schedule.read(text, "Europe/Berlin")
            return service.schedule(
                conn, self.who, head.notebook_id, wanted, Missed.LATEST, Overlap.WAIT, datetime.now(UTC), new_id
            )

    def ask(self, report: Report, **typed: str) -> str:
        """Ask for a run, as a person does on the page, with values for its parameters; return its id."""
        with self.database.engine("web").begin() as conn:
            return steering.run_now(conn, self.who, report.id, datetime.now(UTC), new_id, typed).id

    def run(self, run_id: str) -> Run:
        with self.database.engine("web").begin() as conn:
            found = store.run(conn, run_id)
        assert found is not None
        return found

    def ended(self, run_id: str) -> Run:
        until(lambda: self.run(run_id).state in OVER)
        return self.run(run_id)

    def seen(self, report: Report, run: Run, who: Principal | None = None) -> list[list[dict[str, Any]]]:
        """Return the outputs of each cell of an edition, as somebody may see them."""
        reader = who or self.who
        now = datetime.now(UTC)
        with self.database.engine("owner").begin() as conn:
            people.sign_in(conn, reader.id, secrets.token_hex(8), now, 1)
        with self.database.engine("web").begin() as conn:
            looked = service.look(conn, reader, report.id, now)
            seen = service.see(conn, POLICY, reader, looked, run, now)
            written = shown.written(conn, seen)
            people.sign_out(conn, reader.id, now)
        return [cell["outputs"] for cell in json.loads(written)["cells"]]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def new_id() -> str:
    return secrets.token_hex(10)


@contextlib.contextmanager
def running(database: services.Database, directory: Path) -> Iterator[Bureau]:
    """Run a gateway and a worker for the block; data files lie in `files` of the directory."""
    files = Files(directory / "files")
    with gateway_running(database, directory) as gateway, working(gateway, directory, files):
        yield Bureau(gateway, directory)


@contextlib.contextmanager
def working(gateway: Gateway, directory: Path, files: Files | None = None) -> Iterator[Worker]:
    """Run a worker for the block."""
    sockets = services.temporary_directory()
    here = gateway.runtime.model_copy(
        update={
            "gateway_port": urlsplit(gateway.url).port,
            "kernel_env": Path(sys.prefix).parent / "kernel",
            "socket_directory": sockets,
        }
    )
    engine = gateway.database.engine("worker")
    means = Means(
        engine=engine,
        url=gateway.database.url("worker"),
        begins=Runs(rules(gateway.settings, here)),
        key=here.report_key,
        at_once=2,
        run_seconds=120,
        person_bytes=gateway.settings.keep.person_bytes,
        new_id=new_id,
        files=files,
        has_memory=lambda: True,
    )
    worker = Worker(means)
    thread = threading.Thread(target=worker.run, name="worker")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(60)
        assert not thread.is_alive()
        assert not list((directory / "runs").glob("*"))
        shutil.rmtree(sockets)
