"""How late runs of reports are claimed, what schedules cost that are not due, and what a run takes beside its notebook.

100,000 schedules, in our PostgreSQL, in jupyter-scheduler's SQLite and in APScheduler's PostgreSQL.  In turn some are
due at one instant:

* lateness: from the due time until the claim is committed, as the database's clock has it; for jupyter-scheduler until
  the job's row is made, for APScheduler until its function is called.  Nothing is executed on any side.  With 1,000 at
  one instant jupyter-scheduler is not measured: it starts a Python for each, and the machine has no memory for them;
* idle: the processor that a worker and the database take while nothing is due;
* overhead: a run from its claim to its end, without what nbclient alone takes, in a process of its own, for the same
  notebook and the same kernel; without walls.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psutil
from sqlalchemy import text

import services
from benchmarks.figures import ROUNDS, Figure, begin, finish, percentile, ratio
from integration.reports import bureau
from swap.db import engine
from swap.launch.report import Begins
from swap.reports.model import Claimed
from swap.reports.worker import Means, Worker

SCHEDULES = 100_000
FEW, MANY = 50, 1_000
AHEAD_SECONDS = 2.0
"""How long before it is due each side is told: its own clock wakes it."""
IDLE_SECONDS = 120.0
COMMITS = {"track_commit_timestamp": "on"}
CELLS = ["a = 1", "b = a + 1", "print(b)"]
NBCLIENT = """
import sys, nbformat, nbclient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in sys.argv[2:]])
nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": sys.argv[1]}}).execute()
"""
FILLED = """
INSERT INTO swap.person (id, directory_key, name, groups)
SELECT 'paaaaa' || translate(lpad(n::text, 4, '0'), '0123456789', 'abcdefghij'), n::text, 'Person ' || n,
  ARRAY['analysts'] FROM generate_series(1, 500) n;

INSERT INTO swap.notebook (id, person_id, path, head)
SELECT 'n' || n, 'paaaaa' || translate(lpad((1 + n % 500)::text, 4, '0'), '0123456789', 'abcdefghij'),
  'n' || n || '.ipynb', 1 FROM generate_series(1, 10000) n;

INSERT INTO swap.report (id, notebook_id, version, person_id, schedule, zone, missed, overlap, state, groups, standing,
  created_at, next_due_at)
SELECT 'r' || n, notebook.id, 1, notebook.person_id, 'month 1 06:00', 'Europe/Berlin', 'latest', 'wait', 'active',
  ARRAY['analysts'], 0, now(), now() + interval '20 days' + n * interval '1 second'
FROM generate_series(1, :schedules) n JOIN swap.notebook ON notebook.id = 'n' || (1 + n % 10000)
"""
DUE = "UPDATE swap.report SET next_due_at = :at WHERE id = ANY(:ids)"
LATE = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at) FROM swap.report_run
WHERE due_at = :at AND state = 'running'
"""
OVER = "UPDATE swap.report_run SET state = 'done', lease_until = NULL, ended_at = now() WHERE due_at = :at"


class Claims(Worker):
    """A worker that claims runs, and does not begin them."""

    def _execute(self, _claimed: Claimed, _news: threading.Event) -> None:
        with self._lock:
            self._threads.pop(threading.current_thread())


class Ours:
    """A database of schedules, and a worker in a process of its own."""

    def __init__(self, database: services.Database, process: subprocess.Popen[bytes]) -> None:
        self.database, self.process = database, process
        self._unused = iter(range(1, SCHEDULES + 1))

    def due(self, count: int, at: float) -> list[float]:
        """Let so many be due at a moment of the clock; return how late each was claimed, in seconds."""
        moment = datetime.fromtimestamp(at, UTC)
        with self.database.engine().begin() as conn:
            conn.execute(text(DUE), {"at": moment, "ids": [f"r{next(self._unused)}" for _ in range(count)]})
            conn.execute(text("NOTIFY swap_reports"))
        found: list[float] = []
        while len(found) < count:
            time.sleep(0.2)
            with self.database.engine().connect() as conn:
                found = [float(late) for late in conn.scalars(text(LATE), {"at": moment})]
        with self.database.engine().begin() as conn:
            # As whoever runs them would: without it their leases end, and they are claimed again.
            conn.execute(text(OVER), {"at": moment})
        return found


class Theirs:
    """A scheduler of others, in a process of its own."""

    def __init__(self, which: str, directory: Path, database: str) -> None:
        python = Path(sys.prefix).parent / "schedulers/bin/python"
        side = Path(__file__).parent / "peers/schedulers/side.py"
        self._process = subprocess.Popen(
            [python, side, which, directory, str(SCHEDULES), database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def due(self, count: int, at: float) -> list[float]:
        """Let so many be due at a moment of the clock; return how late each was begun, in seconds."""
        assert self._process.stdin is not None
        print(json.dumps({"count": count, "at": at}), file=self._process.stdin, flush=True)
        found: list[float] = self.answer()
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def claim(url: str) -> None:
    """Claim what is due until the process is ended."""
    means = Means(
        engine=engine.create(url, connections=8),
        url=url,
        begins=cast(Begins, None),  # nothing is begun
        key=secrets.token_hex(32),
        at_once=SCHEDULES,
        run_seconds=60,
        person_bytes=10**9,
        new_id=lambda: secrets.token_hex(10),
        has_memory=lambda: True,
    )
    Claims(means).run()


@contextmanager
def ours(database: services.Database) -> Iterator[Ours]:
    """Fill a database with schedules, and run a worker for the block."""
    with database.engine().begin() as conn:
        for statement in FILLED.split(";\n\n"):
            conn.execute(text(statement), {"schedules": SCHEDULES} if ":schedules" in statement else {})
    with database.engine().execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("VACUUM ANALYZE"))
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.reports", database.url("worker")])
    try:
        yield Ours(database, process)
    finally:
        process.kill()
        process.wait()


def lateness(folder: Path) -> list[Figure]:
    """Measure how late each side is."""
    found: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
    with contextmanager(services.run_postgres)(COMMITS) as server, ExitStack() as stack:
        database = stack.enter_context(closing(services.fresh_database(server)))
        theirs = stack.enter_context(closing(services.fresh_database(server)))
        peers = {
            which: stack.enter_context(closing(Theirs(which, folder, theirs.url())))
            for which in ("jupyter", "apscheduler")
        }
        for which, peer in peers.items():
            assert peer.answer() == "ready"
            print(f"  {which} knows {SCHEDULES} schedules", flush=True)
        here = stack.enter_context(ours(database))
        for number in range(ROUNDS + 1):
            for name, side, count in (
                ("ours", here, FEW),
                ("jupyter", peers["jupyter"], FEW),
                ("apscheduler", peers["apscheduler"], FEW),
                ("ours", here, MANY),
                ("apscheduler", peers["apscheduler"], MANY),
            ):
                late = side.due(count, time.time() + AHEAD_SECONDS + (number * 0.37) % 1)
                if number:  # the first round warms all up
                    found[name, count].append(late)
        idle = _idle(here.process.pid, server.process.pid)
    for (name, count), rounds in found.items():
        mean, last = (statistics.median(map(what, rounds)) for what in (statistics.mean, _p99))
        print(f"  {name}, {count} at one instant: mean {1e3 * mean:.0f} ms, p99 {1e3 * last:.0f} ms")
    means = {key: [statistics.mean(each) for each in rounds] for key, rounds in found.items()}
    return [
        Figure(f"p99 ms, {FEW} at one instant", 1e3 * statistics.median(map(_p99, found["ours", FEW])), 50),
        Figure(f"p99 ms, {MANY} at one instant", 1e3 * statistics.median(map(_p99, found["ours", MANY])), 250),
        Figure("jupyter-scheduler / ours, mean", ratio(means["jupyter", FEW], means["ours", FEW]), 100, at_least=True),
        Figure("idle, percent of a core", idle, 1),
    ]


def _p99(values: Sequence[float]) -> float:
    return percentile(values, 99)


def _idle(*pids: int) -> float:
    """Return the processor that processes, and what is below them, take while nothing is due, in percent of a core."""
    before, began = _used(pids), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return 100 * (_used(pids) - before) / (time.monotonic() - began)


def _used(pids: Sequence[int]) -> float:
    seconds = 0.0
    for pid in pids:
        for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                seconds += sum(each.cpu_times()[:2])
    return seconds


def overhead(folder: Path) -> Figure:
    """Measure what a run takes beside its notebook."""
    more: list[float] = []
    with ExitStack() as stack:
        server = stack.enter_context(contextmanager(services.run_postgres)())
        database = stack.enter_context(closing(services.fresh_database(server)))
        office = stack.enter_context(bureau.running(database, folder))
        report = office.schedule(*CELLS)
        for number in range(ROUNDS + 1):
            run = office.ended(office.ask(report))
            assert run.seconds is not None
            assert run.edition is not None, run.said
            alone = _nbclient(folder)
            if number:
                more.append(run.seconds - alone)
                print(f"  a run {run.seconds:.2f} s, nbclient alone {alone:.2f} s", flush=True)
    return Figure("seconds of a run beside nbclient's", statistics.median(more), 0.3)


def _nbclient(folder: Path) -> float:
    began = time.perf_counter()
    kernels = {"JUPYTER_PATH": str(Path(sys.prefix).parent / "kernel/share/jupyter"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", NBCLIENT, folder, *CELLS]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=kernels | {"HOME": str(folder)})
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("reports")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = lateness(folder)
        (folder / "runs").mkdir()
        finish("reports", [*figures, overhead(folder / "runs")])


if __name__ == "__main__":
    claim(sys.argv[1]) if len(sys.argv) > 1 else main()
