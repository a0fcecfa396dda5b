"""Whatever is killed, whenever: nothing is left that belongs to nobody, each query ends once, complete results are whole."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text

import services
from swap import ports
from swap.connectors.process import KEPT
from swap.db.embedded import EmbeddedPostgres, secret_path
from swap.identity import Via
from swap.people import service as people
from swap.people import tokens
from swap.runtime import Runtime
from swap.supervisor import family

ROWS = 120_000
TOTAL = sum(range(ROWS))
ENDED = {"done", "failed", "cancelled"}
SETTLED_SECONDS = 90.0
STATEMENTS = {
    "SELECT count(*) AS c, CAST(sum(n) AS BIGINT) AS s FROM lake.wmf.numbers": (ROWS, TOTAL),
    "SELECT n FROM lake.wmf.numbers": None,
    "SELECT n FROM store.public.numbers": None,
    "SELECT count(*) AS c, CAST(sum(a.n) AS BIGINT) AS s FROM lake.wmf.numbers a JOIN store.public.numbers b USING (n)": (
        ROWS,
        TOTAL,
    ),
}
"""What people ask, and the only row of its answer; None where the answer is all the numbers."""
SETTINGS = """\
state = {state}
kernel_env = {kernel}
site.port = {port}
people.file = "people.toml"
[sources.lake]
kind = "files"
root = {lake}
[sources.store]
kind = "postgres"
host = "127.0.0.1"
port = {store}
database = "killed"
user = "killed_reader"
password = {{ file = {password} }}
sslmode = "disable"
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["lake", "store"]
"""


@dataclass
class Site:
    """A whole SWAP, its people, and what they were told."""

    process: subprocess.Popen[bytes]
    state: Path
    store: EmbeddedPostgres
    lock: threading.Lock = field(default_factory=threading.Lock)
    wrong: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def runtime(self) -> Runtime:
        return Runtime.model_validate_json((self.state / "runtime.json").read_text(encoding="utf-8"))

    def engine(self) -> Engine:
        return create_engine(self.runtime.database_urls["owner"].replace("postgresql://", "postgresql+psycopg://"))

    def family(self) -> list[tuple[int, str]]:
        return [(each.pid, command(each.pid)) for each in family.below(self.process.pid)]

    def called(self, name: str) -> list[int]:
        return [pid for pid, line in self.family() if name in line]

    def forked(self, program: str) -> list[int]:
        """Return the processes that were forked from the server of a program."""
        servers = set(self.servers(program))
        return [pid for pid in self.called("swap.fork_server") if parent(pid) in servers]

    def servers(self, program: str) -> list[int]:
        gateways = set(self.called("processes.gateway"))
        return [pid for pid in self.called("swap.fork_server") if program in command(pid) and parent(pid) in gateways]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


KINDS: dict[str, Callable[[Site], list[int]]] = {
    "a combiner": lambda site: site.forked("combiner_child"),
    "a reader": lambda site: site.forked("connectors"),
    "what combiners are forked from": lambda site: site.servers("combiner_child"),
    "what readers are forked from": lambda site: site.servers("connectors"),
    "the gateway": lambda site: site.called("processes.gateway"),
    "the portal": lambda site: site.called("processes.web"),
    "the hub": lambda site: site.called("processes.hub"),
    "the proxy": lambda site: site.called("traefik"),
    "the database": lambda site: [pid for pid in site.called("postgres") if parent(pid) not in site.called("postgres")],
}


@pytest.fixture(scope="module")
def site(embedded_postgres: EmbeddedPostgres) -> Iterator[Site]:
    folder = services.temporary_directory()
    lake = folder / "lake" / "wmf" / "numbers"
    lake.mkdir(parents=True)
    for part in range(6):
        numbers = range(part * ROWS // 6, (part + 1) * ROWS // 6)
        pq.write_table(pa.table({"n": pa.array(numbers, pa.int64())}), lake / f"{part}.parquet", row_group_size=5_000)
    embedded_postgres.ensure_account("killed_reader")
    embedded_postgres.ensure_database("killed", "killed_reader")
    with embedded_postgres.administrator("killed") as conn:
        conn.execute(
            f"CREATE TABLE public.numbers AS SELECT n::bigint FROM generate_series(0, {ROWS - 1}) g(n)".encode()
        )
        conn.execute(b"GRANT SELECT ON public.numbers TO killed_reader")
        conn.execute(b"ANALYZE")
    (folder / "kernel" / "bin").mkdir(parents=True)
    (folder / "kernel" / "bin" / "python").symlink_to(sys.executable)
    config = folder / "swap.toml"
    config.write_text(
        SETTINGS.format(
            state=json.dumps(str(folder / "state")),
            kernel=json.dumps(str(folder / "kernel")),
            lake=json.dumps(str(folder / "lake")),
            password=json.dumps(str(secret_path(embedded_postgres.state, "killed_reader"))),
            port=ports.free(1)[0],
            store=embedded_postgres.port,
        )
    )
    (folder / "people.toml").write_text("")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "swap", "up", "--config", config],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Site(process, folder / "state", embedded_postgres)
    try:
        until(lambda: answers(made), 120, (folder / "log").read_text)
        yield made
    finally:
        end(process, folder)


def end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End a SWAP with all below it, and remove what it stored."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    for each in family.below(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
    process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def until(true: Callable[[], object], seconds: float, why: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def answers(site: Site) -> bool:
    """Tell whether the gateway takes queries: its database is there, and it knows both sources."""
    try:
        engine = site.engine()
        with engine.begin() as conn:
            known = conn.scalar(text("SELECT count(*) FROM swap.source_state WHERE up"))
        engine.dispose()
        return known == 2 and httpx.get(f"{site.runtime.gateway_url}/v1/health", trust_env=False).is_success
    except Exception:  # noqa: BLE001 — whatever is not there yet
        return False


def token(site: Site, person_id: str) -> str:
    now = datetime.now(UTC)
    engine = site.engine()
    with engine.begin() as conn:
        # The people file's: the hub ends what people of other directories have.  It is empty, which says nothing.
        people.ensure_person(conn, f"file:{person_id}", person_id, ["analysts"], lambda: person_id)
        people.sign_in(conn, person_id, f"s{person_id}{time.time_ns()}", now, 7)
        epoch = people.access(conn, person_id, now).epoch
    engine.dispose()
    return tokens.mint(
        site.runtime.kernel_key,
        person_id=person_id,
        via=Via.KERNEL,
        epoch=epoch,
        server_id="s",
        kernel_id="k",
        now=now,
        seconds=3600,
    ).value


class Analyst(threading.Thread):
    """Somebody who asks one thing after the other, and looks at what comes."""

    def __init__(self, site: Site, name: str, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.site, self.chance, self.over = site, random.Random(seed), threading.Event()
        self.bearer = token(site, name)

    def run(self) -> None:
        while not self.over.is_set():
            statement = self.chance.choice(list(STATEMENTS))
            with contextlib.suppress(httpx.TransportError), self.client() as client:
                response = client.post("/v1/queries", json={"statement": statement})
                if response.status_code == 202:
                    self.follow(response.json()["id"], statement)
                else:
                    self.over.wait(0.1)

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.site.runtime.gateway_url,
            headers={"authorization": f"Bearer {self.bearer}"},
            timeout=60,
            trust_env=False,
        )

    def follow(self, query_id: str, statement: str) -> None:
        """Wait for the end, however often the gateway goes away, and hold a complete result against what is right."""
        deadline, state = time.monotonic() + SETTLED_SECONDS, ""
        while state not in ENDED and time.monotonic() < deadline:
            state = self.get(f"/v1/queries/{query_id}").get("state", "")
        with self.site.lock:
            self.site.ends[state] += 1
            if state not in ENDED:
                self.site.wrong.append(f"{query_id} has no end")
        if state == "done":
            self.hold(query_id, statement, deadline)

    def hold(self, query_id: str, statement: str, deadline: float) -> None:
        found: Any = None
        while found is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError), self.client() as client:
                response = client.get(f"/v1/queries/{query_id}/result")
                if response.status_code == 200:
                    found = pa.ipc.open_stream(response.content).read_all()
                elif response.status_code == 404:
                    found = response.text
        right = STATEMENTS[statement]
        if isinstance(found, pa.Table):
            columns = found.to_pydict()
            seen = (len(columns["n"]), sum(columns["n"])) if right is None else (*columns["c"], *columns["s"])
            if seen == (right or (ROWS, TOTAL)):
                return
            found = seen
        with self.site.lock:
            self.site.wrong.append(f"{query_id} is called complete and is {found!r}: {statement}")

    def get(self, path: str) -> dict[str, Any]:
        with contextlib.suppress(httpx.TransportError), self.client() as client:
            response = client.get(path)
            if response.status_code == 200:
                return dict(response.json())
        self.over.wait(0.1)
        return {}


def kill(site: Site, kind: str, chance: random.Random) -> None:
    """Kill one process of a kind at some moment."""
    threading.Event().wait(chance.random() * 0.7)
    victims: list[int] = []

    def there() -> bool:
        victims[:] = KINDS[kind](site)
        return bool(victims)

    until(there, 30, lambda: f"there is no process of {kind}: {site.family()}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(victims), signal.SIGKILL)


def left_over(site: Site) -> list[str]:
    """Return whatever belongs to nobody when nobody asks anything."""
    engine = site.engine()
    with engine.begin() as conn:
        places = conn.execute(text("SELECT query_id, running FROM swap.admission")).all()
        open_runs = conn.execute(text("SELECT id, state FROM swap.query_run WHERE ended_at IS NULL")).all()
        accepted = conn.scalars(
            text("SELECT detail->>'query_id' FROM swap.audit_event WHERE event = 'query-accepted'")
        ).all()
        ended = Counter(
            conn.scalars(text("SELECT detail->>'query_id' FROM swap.audit_event WHERE event = 'query-ended'")).all()
        )
        done = set(conn.scalars(text("SELECT id FROM swap.query_run WHERE state = 'done'")).all())
    engine.dispose()
    spool, readers = site.runtime.spool, site.forked("connectors")
    with site.store.administrator("killed") as store:
        sessions = store.execute(
            "SELECT state FROM pg_stat_activity WHERE usename = 'killed_reader' AND datname = 'killed'"
        ).fetchall()
    return [
        *(f"the place {row}" for row in places),
        *(f"the run {row}" for row in open_runs),
        *(f"{ended[each]} ends of {each}" for each in accepted if ended[each] != 1),
        *(f"the file {path.name}" for path in spool.glob("*.arrow") if path.stem not in done),
        *(f"the spill {path.name}" for path in list((spool / "spill").glob("*"))[1:]),
        *(f"a second spare combiner, {pid}" for pid in site.forked("combiner_child")[1:]),
        *(f"a statement at the source, {row}" for row in sessions if row != ("idle",)),
        *(f"a reader more than are kept for the next query, {pid}" for pid in readers[2 * KEPT :]),
    ]


def rounds(site: Site, kinds: list[str], chance: random.Random) -> None:
    analysts = [Analyst(site, f"pkilled{letter}{letter}{letter}", ord(letter)) for letter in "abc"]
    for analyst in analysts:
        analyst.start()
    try:
        for kind in kinds:
            kill(site, kind, chance)
            until(lambda: answers(site), SETTLED_SECONDS, lambda kind=kind: f"not back after {kind}")
    finally:
        for analyst in analysts:
            analyst.over.set()
        for analyst in analysts:
            analyst.join(2 * SETTLED_SECONDS)
    until(lambda: not left_over(site), SETTLED_SECONDS, lambda: left_over(site))
    assert site.wrong == []
    assert site.ends["done"] > len(kinds)


def test_each_kind_of_process_is_killed_once_under_load(site: Site) -> None:
    rounds(site, list(KINDS), random.Random(1))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_processes_are_killed_thirty_times_in_a_row(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    rounds(site, [chance.choice(list(KINDS)) for _ in range(30)], chance)
