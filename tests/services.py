"""Real services for tests: one PostgreSQL for a session, a fresh migrated database for each test."""

from __future__ import annotations

import itertools
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Engine

from swap import ports
from swap.db import migrate, roles
from swap.db.embedded import EmbeddedPostgres
from swap.db.engine import create
from swap.demo.hive_server import HiveServer

CHECKOUT = Path(__file__).parents[1]
TEMPLATE = "swap_template"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of our own processes, which speak plain HTTP: it trusts nobody, and takes no time.

Each client without it reads the system's certificates, which takes 40 ms of the processor.
"""
_numbers = itertools.count(1)


class Database:
    """One migrated database of a test's own.  Roles are the processes: owner, hub, web, gateway."""

    def __init__(self, server: EmbeddedPostgres, name: str) -> None:
        self.server = server
        self.name = name
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def url(self, role: str = "owner") -> str:
        """Return the SQLAlchemy address, password included, for the account of a process."""
        return self.server.url(roles.ACCOUNTS[role], self.name)

    def urls(self) -> dict[str, str]:
        """Return role → address, as `Runtime.database_urls` wants it."""
        return {role: self.url(role) for role in roles.ACCOUNTS}

    def engine(self, role: str = "owner") -> Engine:
        """Return the engine of a process's account, made once."""
        with self._lock:
            if role not in self._engines:
                self._engines[role] = create(self.url(role))
            return self._engines[role]

    def close(self) -> None:
        """Close our connections and drop the database."""
        for engine in self._engines.values():
            engine.dispose()
        with self.server.administrator() as conn:
            conn.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)'.encode())


def temporary_directory() -> Path:
    """Return a new directory that other users may enter, as the server's user must when tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="swap-test-"))
    path.chmod(0o755)
    return path


UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Server settings that are quick and would lose data; benchmarks use the production's."""


def run_postgres(settings: Mapping[str, str] = UNSAFE) -> Iterator[EmbeddedPostgres]:
    """Run a server for the block, with an empty migrated database to copy from."""
    state = temporary_directory()
    try:
        with EmbeddedPostgres(state, extra=settings) as server:
            server.ensure_database(TEMPLATE, roles.OWNER)
            engine = create(server.url(roles.OWNER, TEMPLATE))
            migrate.upgrade(engine)
            engine.dispose()
            yield server
    finally:
        shutil.rmtree(state, ignore_errors=True)


def fresh_database(server: EmbeddedPostgres) -> Database:
    """Copy the template: about 30 ms, against half a second for migrating."""
    name = f"test_{next(_numbers)}"
    with server.administrator() as conn:
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE} OWNER {roles.OWNER}'.encode())
    return Database(server, name)


def fake_clock(clock: Path) -> dict[str, str]:
    """Return the environment in which a program reads its wall clock's offset from a file: "+0", "-40d", …

    A missing libfaketime fails the test: `make test` installs it.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is not installed: apt-get install libfaketime"
    clock.write_text("+0")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(Path(__file__).with_name("faketime")),
    }


class RunningHive:
    """A HiveServer2 of a test's own, which can be killed and started again."""

    SETTINGS: ClassVar = {
        # So that a table can be locked, and a query kept waiting.
        "hive.support.concurrency": "true",
        "hive.txn.manager": "org.apache.hadoop.hive.ql.lockmgr.DummyTxnManager",
        "hive.lock.manager": "org.apache.hadoop.hive.ql.lockmgr.EmbeddedLockManager",
        "hive.lock.sleep.between.retries": "100ms",
        "hive.lock.numretries": "100000",
    }

    def __init__(self) -> None:
        self.state = temporary_directory()
        self.port, self.web_port = ports.free(2)
        self._server = HiveServer(self.state, self.port, self.web_port, self.SETTINGS)
        self._process: subprocess.Popen[bytes] | None = None
        self.revive()

    def revive(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.state / "hive.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._server.command(CHECKOUT), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.state
            )
        ends = time.monotonic() + 120
        while not (ports.answers(self.port) and ports.answers(self.web_port)):
            assert self._process.poll() is None, (self.state / "hive.log").read_text(errors="replace")[-4000:]
            assert time.monotonic() < ends, "Hive does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it, as the kernel would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and forget its things."""
        self.kill()
        shutil.rmtree(self.state, ignore_errors=True)
