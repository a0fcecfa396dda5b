"""Whatever is killed under load, whenever: no due time is lost, none is run twice to its end, no edition is half-written.

Workers of three hosts, run programs, kernels, the gateway and the database, 200 in all, by `kill -9`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, select, text, update

import notebooks
import saves
import services
from integration.test_killed import end
from swap import ports
from swap.db.report_tables import report as report_table
from swap.db.report_tables import report_run
from swap.errors import SwapError
from swap.identity import Principal, Via
from swap.notebooks import saving, shown
from swap.people import service as people
from swap.processes import COMMANDS
from swap.reports import backfill, service, store
from swap.reports.files import Binding, Files
from swap.reports.model import OPEN, Missed, Overlap, Report, Run, RunState
from swap.reports.runs import TRIES
from swap.reports.schedule import Schedule
from swap.reports.tsv import Unit
from swap.runtime import ENVIRONMENT, Runtime
from swap.runtime import write as write_runtime
from swap.settings import Settings, load

pytestmark = pytest.mark.long

ROWS = 20_000
PIECES, KILLS = 4, 50
REPORTS, FILLED = 8, 2
"""Reports that are due each minute, and such of months that have a data file and a past."""
MONTHS = 8
BACK_SECONDS = 120.0
SETTLED_SECONDS = 420.0
SETTINGS = """\
state = {state}
kernel_env = {kernel}
site.port = {port}
people.file = {people}
reports.at_once = 2
reports.files = {files}
[sources.lake]
kind = "files"
root = {lake}
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["lake"]
"""
PERIOD = "import swap\nprint(swap.period.start.isoformat())"
READS = 'print(int(swap.sql("SELECT count(*) AS c FROM lake.wmf.numbers").df()["c"][0]))'
KEEPS = 'import pandas\nswap.data_file(pandas.DataFrame({"date": [swap.period.start.date()], "n": [1]}))'


ENDED = "ended the notebook's Python"
"""Why a run fails at once whose kernel is killed: it may be what the notebook takes of memory."""


def new_id() -> str:
    return secrets.token_hex(10)


def until(true: Callable[[], object], seconds: float, why: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


@dataclass
class Host:
    """A worker of another host: a state directory of its own, and whoever starts it again whenever it ends."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        told = {**os.environ, ENVIRONMENT: str(self.folder / "runtime.json"), "PYTHONUNBUFFERED": "1"}
        with (self.folder / "log").open("ab") as log:
            while not self.over.is_set():
                self.process = subprocess.Popen(COMMANDS["worker"], env=told, stdout=log, stderr=log)
                self.process.wait()

    def end(self) -> None:
        self.over.set()
        if self.process is not None:
            self.process.terminate()


@dataclass
class Site:
    """A whole SWAP, two more hosts with a worker, and ann."""

    process: subprocess.Popen[bytes]
    folder: Path
    hosts: list[Host]
    settings: Settings

    @property
    def runtime(self) -> Runtime:
        return Runtime.model_validate_json((self.folder / "state" / "runtime.json").read_text(encoding="utf-8"))

    @contextlib.contextmanager
    def engine(self, role: str = "owner") -> Iterator[Engine]:
        made = create_engine(self.runtime.database_urls[role].replace("postgresql://", "postgresql+psycopg://"))
        try:
            yield made
        finally:
            made.dispose()

    def below(self) -> list[psutil.Process]:
        tops = [self.process.pid, *(host.process.pid for host in self.hosts if host.process is not None)]
        found: list[psutil.Process] = []
        for pid in tops:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return found

    def called(self, name: str) -> list[int]:
        found = []
        for each in self.below():
            with contextlib.suppress(psutil.NoSuchProcess):
                if name in " ".join(each.cmdline()):
                    found.append(each.pid)
        return found

    def postmaster(self) -> list[int]:
        servers = self.called("bin/postgres")
        return [pid for pid in servers if psutil.Process(pid).ppid() not in servers]

    def ann(self) -> Principal:
        """Return somebody who has signed out."""
        with self.engine() as engine, engine.begin() as conn:
            made = people.ensure_person(conn, "file:ann", "ann", ["analysts"], lambda: "pannkilled")
            people.sign_in(conn, made.id, new_id(), datetime.now(UTC), 7)
            people.sign_out(conn, made.id, datetime.now(UTC))
        return Principal(made.id, "ann", made.groups, Via.PORTAL)


KINDS: dict[str, tuple[int, Callable[[Site], list[int]]]] = {
    "a worker of another host": (
        40,
        lambda site: [host.process.pid for host in site.hosts if host.process is not None and host.process.poll() is None],
    ),
    "the program of a run": (30, lambda site: site.called("swap.lab.report")),
    "a run's kernel": (10, lambda site: site.called("ipykernel")),
    "the worker": (8, lambda site: list(set(site.called("processes.worker")) - {h.process.pid for h in site.hosts if h.process})),
    "the gateway": (5, lambda site: site.called("processes.gateway")),
    "the database": (7, lambda site: site.postmaster()),
}  # fmt: skip
"""Kind → how often it is killed, of 100, and which processes it is."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = services.temporary_directory()
    lake = folder / "lake" / "wmf" / "numbers"
    lake.mkdir(parents=True)
    pq.write_table(pa.table({"n": pa.array(range(ROWS), pa.int64())}), lake / "0.parquet")
    (folder / "people.toml").write_text("")
    port = ports.free(1)[0]
    for name in ("state", "host1", "host2"):
        (folder / name).mkdir(mode=0o711)
        said = {
            "state": folder / name,
            "kernel": Path(sys.prefix).parent / "kernel",
            "people": folder / "people.toml",
            "files": folder / "files",
            "lake": folder / "lake",
        }
        config = SETTINGS.format(port=port, **{key: json.dumps(str(path)) for key, path in said.items()})
        (folder / f"{name}.toml").write_text(config)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "swap", "up", "--config", folder / "state.toml"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Site(process, folder, [], load(folder / "state.toml"))
    try:
        until(lambda: answers(made), BACK_SECONDS, (folder / "log").read_text)
        for name in ("host1", "host2"):
            write_runtime(
                made.runtime.model_copy(update={"config": folder / f"{name}.toml"}), folder / name / "runtime.json"
            )
            made.hosts.append(Host(folder / name))
        keepers = [threading.Thread(target=host.keep, daemon=True) for host in made.hosts]
        for keeper in keepers:
            keeper.start()
        yield made
        for host in made.hosts:
            host.end()
        for keeper in keepers:
            keeper.join(60)
    finally:
        for host in made.hosts:
            host.end()
        end(process, folder)


def answers(site: Site) -> bool:
    """Tell whether database and gateway answer."""
    try:
        with site.engine() as engine, engine.begin() as conn:
            known = conn.scalar(text("SELECT count(*) FROM swap.source_state WHERE up"))
        return known == 1 and httpx.get(f"{site.runtime.gateway_url}/v1/health", trust_env=False).is_success
    except Exception:  # noqa: BLE001 — whatever is not there yet
        return False


def scheduled(site: Site, who: Principal, text: str, *cells: str) -> Report:
    now = datetime.now(UTC)
    document = notebooks.notebook(*(notebooks.code(each) for each in cells))
    with site.engine() as engine, engine.begin() as conn:
        head = saving.save(conn, site.settings.policy, who, saves.sent(document, path=f"{new_id()}.ipynb"), now, new_id)
        wanted = Schedule.read(text, "Europe/Berlin")
        return service.schedule(conn, who, head.notebook_id, wanted, Missed.ALL, Overlap.WAIT, now, new_id)


def filled(site: Site, who: Principal, key: str) -> Report:
    """Return a report of months with a data file, whose past is to be run."""
    made = scheduled(site, who, "month 1 06:00", PERIOD, READS, KEEPS)
    Files(site.folder / "files").bind(made.id, Binding("metrics", key, Unit.MONTHS, None, "", {}))
    now = datetime.now(UTC)
    first = (now.replace(day=15) - timedelta(days=30 * MONTHS)).strftime("%Y-%m")
    with site.engine() as engine, engine.begin() as conn:
        backfill.ask(conn, who, made.id, first, "", now, new_id)
    return made


def kill(site: Site, kind: str, chance: random.Random) -> None:
    """Kill one process of a kind at some moment."""
    threading.Event().wait(chance.random() * 2)
    victims: list[int] = []

    def there() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            victims[:] = KINDS[kind][1](site)
        return bool(victims)

    until(there, BACK_SECONDS, lambda: f"there is no process of {kind}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(victims), signal.SIGKILL)


def stopped(site: Site, reports: list[Report]) -> dict[str, datetime]:
    """Let nothing more be due; return until when each report was planned."""
    ids = [each.id for each in reports]
    with site.engine() as engine, engine.begin() as conn:
        rows = conn.execute(
            select(report_table.c.id, report_table.c.next_due_at).where(report_table.c.id.in_(ids)).with_for_update()
        ).all()
        later = datetime.now(UTC) + timedelta(days=3650)
        conn.execute(update(report_table).where(report_table.c.id.in_(ids)).values(next_due_at=later))
    return {row.id: row.next_due_at for row in rows}


def all_of(site: Site, reports: list[Report]) -> list[Run]:
    with site.engine() as engine, engine.begin() as conn:
        wanted = select(*store.COLUMNS).where(report_run.c.report_id.in_([each.id for each in reports]))
        return [store.as_run(row) for row in conn.execute(wanted)]


def settled(site: Site, reports: list[Report]) -> list[Run]:
    """Return what became of all runs, once they are over; the pauses before another try are not waited for."""

    def over() -> bool:
        with site.engine() as engine, engine.begin() as conn:
            waits = report_run.c.state == RunState.WAITING.value, report_run.c.start_at > datetime.now(UTC)
            if conn.execute(update(report_run).where(*waits).values(start_at=datetime.now(UTC))).rowcount:
                store.tell_workers(conn)
        return not [each for each in all_of(site, reports) if each.state in OPEN]

    until(over, SETTLED_SECONDS, lambda: Counter(each.state for each in all_of(site, reports)))
    return all_of(site, reports)


def halves(site: Site, who: Principal, reports: list[Report], runs: list[Run]) -> list[str]:
    """Return what is not whole of the editions."""
    now, wrong = datetime.now(UTC), []
    with site.engine() as engine, engine.begin() as conn:
        people.sign_in(conn, who.id, new_id(), now, 1)
    with site.engine("web") as engine, engine.begin() as conn:
        looked = {each.id: service.look(conn, who, each.id, now) for each in reports}
        for run in runs:
            zone = looked[run.report_id].report.schedule.zone
            try:
                seen = service.see(conn, site.settings.policy, who, looked[run.report_id], run, now)
                cells = json.loads(shown.written(conn, seen))["cells"]
                texts = ["".join(out.get("text", "") for out in cell["outputs"]).strip() for cell in cells[:2]]
            except (SwapError, KeyError, ValueError) as error:
                texts = [repr(error)]
            if texts != [run.period.start.astimezone(zone).isoformat(), str(ROWS)]:
                wrong.append(f"{run.id}: {texts}")
    return wrong


def ends(site: Site, runs: list[Run]) -> Counter[str]:
    """Return how often each run was recorded to have ended."""
    asked = "SELECT detail->>'run_id' FROM swap.audit_event WHERE event = 'report-run-ended'"
    with site.engine() as engine, engine.begin() as conn:
        return Counter(conn.scalars(text(asked)).all())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(PIECES))
def test_fifty_kills_lose_no_due_time_and_end_none_twice(site: Site, seed: int) -> None:
    chance, who = random.Random(seed), site.ann()
    minutely = [scheduled(site, who, "cron * * * * *", PERIOD, READS) for _ in range(REPORTS)]
    monthly = [filled(site, who, f"k{seed}-{number}") for number in range(FILLED)]
    reports, began = [*minutely, *monthly], time.monotonic()
    for kind in chance.choices(list(KINDS), [often for often, _ in KINDS.values()], k=KILLS):
        kill(site, kind, chance)
    until(lambda: answers(site), BACK_SECONDS, (site.folder / "log").read_text)
    killed_for = time.monotonic() - began
    planned = stopped(site, reports)
    runs = settled(site, reports)
    done = [each for each in runs if each.state is RunState.DONE]
    states = Counter((each.state.value, each.failures, each.said.title if each.said else "") for each in runs)
    sys.stdout.write(f"seed {seed}: {len(runs)} runs, {killed_for:.0f} s of kills: {states}\n")

    due = {each.id: sorted(run.due_at for run in runs if run.report_id == each.id) for each in minutely}
    for each in minutely:
        expected = [each.next_due_at, *each.schedule.between(each.next_due_at, planned[each.id])]
        assert due[each.id] == [at for at in expected if at < planned[each.id]]
    assert [(each.state, each.said) for each in runs if each.state not in {RunState.DONE, RunState.FAILED}] == []
    failed = [each for each in runs if each.state is RunState.FAILED and each.failures < TRIES - 1]
    assert [each.said for each in failed if each.said is None or ENDED not in each.said.title] == []
    assert len(done) > len(runs) / 2
    counted = ends(site, runs)
    assert {each.id: counted[each.id] for each in runs if counted[each.id] != 1} == {}
    editions = Counter((each.report_id, each.period, each.edition) for each in done)
    assert [each for each, count in editions.items() if count != 1 or each[2] != 1] == []
    assert halves(site, who, reports, done) == []
    for number, each in enumerate(monthly):
        lines = (site.folder / "files" / "metrics" / f"k{seed}-{number}.tsv").read_text().splitlines()
        zone = each.schedule.zone
        rows = sorted(f"{run.period.start.astimezone(zone):%Y-%m-%d}\t1" for run in done if run.report_id == each.id)
        assert lines == ["date\tn", *rows]
    until(lambda: not site.called("ipykernel") and not site.called("swap.lab.report"), 60)
