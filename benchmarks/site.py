"""A site to measure: PostgreSQL as in production, files, gateways in processes of their own, and people's kernels.

Only the public face is used: settings, HTTP, `swap.sql`.  The gateway is started by the command the supervisor
starts it with; a side is a process of the notebooks' environment with a token socket, or one of the peers'.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import psutil
from sqlalchemy import select
from sqlalchemy.engine import make_url

import services
from integration.gateway.gateways import runtime_for
from services import Database, temporary_directory
from swap import ports, processes, runtime
from swap.db.embedded import EmbeddedPostgres, secret_path
from swap.db.tables import source_state
from swap.identity import Via
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token
from swap.people import service as people
from swap.people import tokens
from swap.people.ids import new_person_id
from swap.runtime import Runtime

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".swap" / "env"
STORE = "bench"
"""The database that is measured as a source, and its schema; the schema of the files too."""
READER = "bench_reader"
TOKEN_SECONDS = 7200.0

SETTINGS = """\
state = {state}
[people]
file = "people.toml"
[limits]
rows = 20_000_000
{limits}
[sources.lake]
kind = "files"
root = {lake}
{places}
[sources.mediawiki]
kind = "postgres"
host = "127.0.0.1"
port = {port}
database = "{store}"
user = "{reader}"
password = {{ file = {password} }}
sslmode = "disable"
{places}
{further}
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = {granted}
"""


class Side:
    """One side's process, which is told what to do."""

    def __init__(self, environment: str, log: Path, env: Mapping[str, str] = {}) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [ENVIRONMENTS / environment / "bin" / "python", "-m", "benchmarks.sides"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(log.parent), **env},
            )
        self.pid = self._process.pid

    def tell(self, do: str, **what: Any) -> None:
        """Send what is to be done."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for what was told last."""
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "the side ended"}')
        if answer.get("error") or answer.get("failed"):
            raise RuntimeError(answer)
        return answer

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Tell, and wait."""
        self.tell(do, **what)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@dataclass
class Gateway:
    """A gateway's process, and people who may ask it."""

    site: Site
    name: str
    url: str
    pid: int
    database: Database
    kernel_key: str
    config: Path
    spool: Path
    _runtime: Runtime

    def restart(self, unawaited: Sequence[str] = ()) -> None:
        """End its process and start it again on what it has kept; the unawaited sources are harvested meanwhile."""
        self.stop()
        self.pid = self.site.start(self._runtime, self.database, unawaited)

    def stop(self) -> None:
        """End its process."""
        os.kill(self.pid, signal.SIGTERM)
        while psutil.pid_exists(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)

    def person(self, person_id: str = "") -> Side:
        """Return the kernel of somebody who is signed in: somebody new, or who is known already."""
        person_id = person_id or new_person_id(os.urandom)
        socket = self.site.serve_token(f"{self.name}-{person_id}", self.token(person_id))
        return self.site.side("kernel", {"SWAP_GATEWAY": self.url, "SWAP_TOKEN_SOCKET": str(socket)})

    def token(self, person_id: str) -> str:
        """Sign somebody in, and return a token of a kernel of theirs."""
        now = datetime.now(UTC)
        with self.database.engine("owner").begin() as conn:
            people.ensure_person(conn, person_id, person_id, ["analysts"], lambda: person_id)
            people.sign_in(conn, person_id, f"s{person_id}{now:%H%M%S%f}", now, 7)
            epoch = people.access(conn, person_id, now).epoch
        return tokens.mint(
            self.kernel_key,
            person_id=person_id,
            via=Via.KERNEL,
            epoch=epoch,
            server_id="s",
            kernel_id="k",
            now=now,
            seconds=TOKEN_SECONDS,
        ).value


@dataclass
class Site:
    """What all gateways and sides of one benchmark share."""

    server: EmbeddedPostgres
    folder: Path
    _opened: contextlib.ExitStack
    _loop: asyncio.AbstractEventLoop

    @property
    def lake(self) -> Path:
        """The directory of the files' tables: lake.bench.<table> is <lake>/bench/<table>/*.parquet."""
        return self.folder / "lake"

    @property
    def postgres_pid(self) -> int:
        """PostgreSQL, whose cost is told apart."""
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def uri(self) -> str:
        """The address of the store, for the account the source has."""
        url = make_url(self.server.url(READER, STORE)).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def make_tables(self, statements: Sequence[str]) -> None:
        """Run statements in the store, and let its reader read what there is."""
        with self.server.administrator(STORE) as conn:
            for statement in statements:
                conn.execute(statement.encode())
            conn.execute("VACUUM (FREEZE, ANALYZE)")
            conn.execute(f"GRANT USAGE ON SCHEMA {STORE} TO {READER}".encode())
            conn.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {STORE} TO {READER}".encode())

    def peer(self) -> Side:
        """Return a process of the peers' environment."""
        return self.side("peers")

    def side(self, environment: str, env: Mapping[str, str] = {}) -> Side:
        """Return a process that ends with the site."""
        made = Side(environment, self.folder / "sides.log", env)
        self._opened.callback(made.close)
        return made

    def serve_token(self, name: str, value: str) -> Path:
        """Answer on a socket as a person's Jupyter server does."""

        async def give(_pid: int, _claimed: str) -> Token:
            return Token(value, datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS), 0.0, 0.0)

        socket = TokenSocket(self.folder / f"{name}.sock", give)
        asyncio.run_coroutine_threadsafe(socket.start(), self._loop).result(10)
        self._opened.callback(lambda: asyncio.run_coroutine_threadsafe(socket.stop(), self._loop).result(10))
        return socket._path  # noqa: SLF001 — it was given a line above

    def gateway(
        self,
        name: str = "gateway",
        *,
        places: str = "",
        limits: str = "",
        further: Mapping[str, str] = MappingProxyType({}),
        before: Callable[[Database, Path], None] = lambda _database, _spool: None,
        unawaited: Sequence[str] = (),
    ) -> Gateway:
        """Start a gateway, with lines of settings for each source and for limits, and wait for its first harvest.

        `further` sources have names and settings of their own; those that are `unawaited` may still be harvested.
        What happened in its database and its spool `before` it starts is what the site has had already.
        """
        state = self.folder / name
        (state / "spool").mkdir(parents=True)
        config = state / "swap.toml"
        config.write_text(
            SETTINGS.format(
                state=json.dumps(str(state)),
                lake=json.dumps(str(self.lake)),
                password=json.dumps(str(secret_path(self.server.state, READER))),
                port=self.server.port,
                store=STORE,
                reader=READER,
                places=places,
                limits=limits,
                further="\n".join(f"[sources.{source}]\n{lines}" for source, lines in further.items()),
                granted=json.dumps(["lake", "mediawiki", *further]),
            )
        )
        database = services.fresh_database(self.server)
        self._opened.callback(database.close)
        before(database, state / "spool")
        here = runtime_for(database, state, ports.free(1)[0])
        runtime.write(here, state / "runtime.json")
        pid = self.start(here, database, unawaited)
        return Gateway(self, name, here.gateway_url, pid, database, here.kernel_key, config, here.spool, here)

    def start(self, here: Runtime, database: Database, unawaited: Sequence[str]) -> int:
        """Start a gateway's process, wait until it answers and has harvested the other sources; return its id."""
        state = here.config.parent
        with (state / "gateway.log").open("ab") as log:
            process = subprocess.Popen(
                processes.COMMANDS["gateway"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=state,
                env={
                    "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
                    "LANG": "C.UTF-8",
                    "HOME": str(state),
                    runtime.ENVIRONMENT: str(state / "runtime.json"),
                },
            )
        self._opened.callback(_stop, process)
        awaited = set(tomllib.loads(here.config.read_text())["sources"]) - set(unawaited)
        _wait(here, database, process, awaited)
        return process.pid


@contextlib.contextmanager
def running() -> Iterator[Site]:
    """Run PostgreSQL with an empty store for the block; whatever the site started ends with it."""
    folder = temporary_directory()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    try:
        with contextlib.contextmanager(services.run_postgres)({}) as server, contextlib.ExitStack() as opened:
            server.ensure_account(READER)
            server.ensure_database(STORE, READER)
            with server.administrator(STORE) as conn:
                conn.execute(f"CREATE SCHEMA {STORE}".encode())
            (folder / "lake" / STORE).mkdir(parents=True)
            yield Site(server, folder, opened, loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        shutil.rmtree(folder, ignore_errors=True)


def same(answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse sides whose columns differ; a column that a side does not give exactly is left out there."""
    known = {name: answer["columns"] for name, answer in answers.items() if answer["columns"]}
    first = next(iter(known.values()))
    for column in first:
        sums = {name: columns[column] for name, columns in known.items() if columns[column] is not None}
        assert len(set(sums.values())) == 1, f"the sides' values differ in {column}: {sums}"


def _wait(here: Runtime, database: Database, process: subprocess.Popen[bytes], awaited: set[str]) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, (here.config.parent / "gateway.log").read_text()
        assert time.monotonic() < until, "the gateway is not ready"
        with contextlib.suppress(httpx.TransportError), database.engine("owner").begin() as conn:
            known = set(conn.scalars(select(source_state.c.source).where(source_state.c.harvested_at.is_not(None))))
            if known >= awaited and httpx.get(f"{here.gateway_url}/v1/health", trust_env=False).is_success:
                return
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)
