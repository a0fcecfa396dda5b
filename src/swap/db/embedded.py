"""PostgreSQL inside SWAP's own state directory: no root, no shared account, a password for everybody.

We call the wheel's `initdb` and `postgres` ourselves; its Python API trusts every local user and lets
servers outlive their owner.  The server listens on 127.0.0.1 only, never runs as root, dies with us,
and a start after any kind of death repairs what that left behind.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psutil

from swap import child, ports
from swap.db import postgres_settings, programs
from swap.db.programs import MAJOR
from swap.errors import Problem, Unavailable

# Drivers are loaded by what speaks to the server: the supervisor starts it and watches it without them.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    import psycopg

ADMIN: Final = "swap_admin"
DATABASE: Final = "swap"
NEEDED_BYTES: Final = 300_000_000
"""Free space below which a start is refused: a server that fills the disk stops in the middle of work."""
START_SECONDS: Final = 60.0


def secret_path(state: Path, account: str) -> Path:
    """Return where an account's password is kept, for settings that name the file."""
    return state / "secrets" / f"postgres-{account}"


class EmbeddedPostgres:
    """The server of one state directory.  `start`, use `url`, `stop`; or `with` it."""

    def __init__(self, state: Path, *, port: int | None = None, extra: Mapping[str, str] | None = None) -> None:
        """Prepare; nothing happens before `start`.  `extra` are server settings, such as fsync for tests."""
        self.state = state
        self.directory = state / "postgres"
        self.data = self.directory / "data"
        self.log = state / "logs" / "postgres.log"
        self.port = port or 0
        self._fixed_port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._extra = dict(extra or {})
        self._claim = contextlib.ExitStack()
        self._user: child.Account | None = None
        self._programs = Path()

    # ── life ────────────────────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Launch the server and ensure its accounts.  Raises as `launch` does."""
        self.launch()
        try:
            self.ensure_accounts()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Make or repair the data directory, start the server, wait until it accepts connections.

        Raises Conflict when another process runs it, Unavailable with the reason and the remedy.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)
        self._claim.enter_context(child.claim(self.state / "postgres.lock", "The embedded database"))
        try:
            self._refuse_full_disk()
            self._user = programs.owner(self.directory)
            self._programs = programs.find(self.state, self._user)
            self._make_directory()
            self._repair()
            if not self.data.exists():
                self._initialise()
            self._run(self._fixed_port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server quickly but in good order (SIGINT); idempotent."""
        if self.process is not None:
            # SIGQUIT's recovery at the next start is better than a server that never ends.
            child.stop(self.process, signal.SIGINT, 20.0)
            self.process = None
        self._claim.close()

    def restart(self) -> None:
        """Start the server again after it ended by itself, on the same port.  Raises Unavailable."""
        self._refuse_full_disk()
        self._repair()
        self._run(self.port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ── use ─────────────────────────────────────────────────────────────────────────────────────────
    def url(self, account: str, database: str = DATABASE) -> str:
        """Return the SQLAlchemy address of a database for an account, password included."""
        from sqlalchemy.engine import URL

        from swap.db import roles

        query = {"options": f"-csearch_path={roles.HUB_SCHEMA}"} if account == roles.ACCOUNTS["hub"] else {}
        return URL.create(
            "postgresql+psycopg", account, self._password(account), "127.0.0.1", self.port, database, query
        ).render_as_string(hide_password=False)

    def urls(self) -> dict[str, str]:
        """Return process → address, as `Runtime.database_urls` wants it."""
        from swap.db import roles

        return {process: self.url(account) for process, account in roles.ACCOUNTS.items()}

    @contextlib.contextmanager
    def administrator(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """Connect as the superuser, outside any transaction."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=ADMIN,
            password=self._password(ADMIN),
            autocommit=True,
            connect_timeout=5,
            application_name="swap supervisor",
        ) as conn:
            yield conn

    def ensure_account(self, name: str) -> None:
        """Make an account with a password of its own, or set the kept password again."""
        from psycopg import sql

        with self.administrator() as conn:
            known = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            conn.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(name), sql.Literal(self._password(name))
                )
            )

    def ensure_database(self, name: str, owner: str, *others: str) -> bool:
        """Make a database that only its owner and `others` may enter; tell whether it is new."""
        from psycopg import sql

        with self.administrator() as conn:
            new = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None
            database = sql.Identifier(name)
            if new:
                conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(owner)))
            conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            for account in others:
                conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(account)))
            return new

    def ensure_accounts(self) -> None:
        """Make each process's account and our database, or set what is there right again."""
        from swap.db import roles

        for account in roles.ACCOUNTS.values():
            self.ensure_account(account)
        with self.administrator() as conn:
            # Whoever is not let in explicitly stays out, of the maintenance databases too.
            conn.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        self.ensure_database(DATABASE, roles.OWNER, *(a for a in roles.ACCOUNTS.values() if a != roles.OWNER))

    # ── parts of start ──────────────────────────────────────────────────────────────────────────────
    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.state).free
        if free < NEEDED_BYTES:
            raise Unavailable(
                Problem(
                    f"The disk that holds {self.state} is full: {free // 1_000_000} MB are free.",
                    why=(
                        f"SWAP's database needs at least {NEEDED_BYTES // 1_000_000} MB to work without losing"
                        " anything."
                    ),
                    todo="Free some space, or let `state` in swap.toml name a directory on another disk.",
                )
            )

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        if self._user is not None:
            os.chown(self.directory, self._user.uid, self._user.gid)
            programs.require_reachable(self.directory, self._user)

    def _repair(self) -> None:
        """Undo what a death of any kind left: half-made directories, orphans, a lock file nobody holds."""
        shutil.rmtree(self.directory / "data.new", ignore_errors=True)
        if not self.data.exists():
            return
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise Unavailable(
                Problem(
                    f"{self.data} was made by PostgreSQL {version}, and SWAP now brings {MAJOR}.",
                    todo=(
                        f"Dump it with PostgreSQL {version}, move it away, and start again:"
                        " see the page Upgrade of SWAP's help."
                    ),
                )
            )
        # With us gone the server stops by itself; backends of a killed one end a moment later.
        if not self._wait_for_orphans(10.0):
            for pid in self._orphans():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT)
            if not self._wait_for_orphans(10.0):
                raise Unavailable(
                    Problem(
                        f"An old PostgreSQL still works in {self.data}: processes"
                        f" {', '.join(map(str, self._orphans()))}.",
                        todo="Stop them, then start again.",
                    )
                )
        # Only now, with nobody left in the directory, is its lock file certainly stale.  PostgreSQL
        # itself would trust it when another program has been given the same process id since.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _orphans(self) -> list[int]:
        """Return the processes that work in our data directory; servers and their backends all do."""
        here = str(self.data.resolve())
        return [process.pid for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == here]

    def _wait_for_orphans(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._orphans():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _initialise(self) -> None:
        """Make the data directory beside its place and move it there whole, so that a half-made one is never used."""
        draft = self.directory / "data.new"
        password_file = self.directory / "initial"
        secret_path(self.state, ADMIN).unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password(ADMIN))
        if self._user is not None:
            os.chown(password_file, self._user.uid, self._user.gid)
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            draft,
            "--username",
            ADMIN,
            "--pwfile",
            password_file,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *(["--no-sync"] if self._extra.get("fsync") == "off" else []),
        ]
        try:
            with self.log.open("ab") as log:
                process = child.start(
                    command,
                    log=log,
                    env=self._environment(),
                    cwd=self.directory,
                    user=self._user,
                    at_our_death=signal.SIGKILL,
                )
                code = process.wait(300)
            if code:
                raise self._explained("could not make its data directory")
            draft.rename(self.data)
        finally:
            password_file.unlink(missing_ok=True)

    def _run(self, fixed: int | None) -> None:
        if not secret_path(self.state, ADMIN).exists():
            self._set_lost_password()
        for _ in range(5):
            self.port = fixed or ports.free(1)[0]
            settings = {**postgres_settings.SETTINGS, "port": str(self.port), **self._extra}
            with self.log.open("ab") as log:
                start_of_log = log.tell()
                self.process = child.start(
                    [
                        self._programs / "postgres",
                        "-D",
                        self.data,
                        *(f"--{name}={value}" for name, value in settings.items()),
                    ],
                    log=log,
                    env=self._environment(),
                    cwd=self.directory,
                    user=self._user,
                    at_our_death=signal.SIGINT,
                )
            if self._answers():
                return
            child.stop(self.process, signal.SIGINT, 5.0)
            self.process = None
            if fixed or b"could not bind" not in self.log.read_bytes()[start_of_log:]:
                break  # between our look and its bind another program may take a free port; anything else is final
        raise self._explained("did not start")

    def _answers(self) -> bool:
        """Wait until the server accepts connections; False when it ended or the time is over."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if self._says_ready(self.process.pid):
                return True
            time.sleep(0.03)
        return False

    def _says_ready(self, pid: int) -> bool:
        """Tell whether the server says so in its lock file, where `pg_ctl` looks too."""
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _set_lost_password(self) -> None:
        """Give the administrator a new password in single-user mode: the data is there, its secret file is not."""
        statement = f"ALTER ROLE {ADMIN} PASSWORD '{self._password(ADMIN)}'\n"  # its letters are those of base64
        with self.log.open("ab") as log:
            subprocess.run(  # noqa: S603 — the wheel's own program
                [
                    self._programs / "postgres",
                    "--single",
                    "-D",
                    self.data,
                    "postgres",
                ],
                input=statement.encode(),
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.directory,
                check=False,
                timeout=60,
                user=None if self._user is None else self._user.uid,
                group=None if self._user is None else self._user.gid,
                extra_groups=None if self._user is None else [],
            )

    def _password(self, account: str) -> str:
        """Return an account's password, made at its first use."""
        path = secret_path(self.state, account)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii")
        password = secrets.token_urlsafe(32)
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(password)
        draft.replace(path)
        return password

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LANG": "C", "HOME": str(self.directory)}

    def _explained(self, what: str) -> Unavailable:
        """Return the error with the last words of the server's log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        text = "\n".join(lines)
        if "No space left on device" in text:
            todo = "The disk is full. Free some space, then start again."
        elif "could not bind" in text:
            todo = f"Port {self.port} is taken. Set database.port in swap.toml to a free one, or remove the setting."
        elif "shared memory" in text:
            todo = (
                "The machine grants too little shared memory. Give a container more, for example --shm-size=256m:"
                " see the page Troubleshoot of SWAP's help."
            )
        else:
            todo = f"The whole log is {self.log}."
        return Unavailable(Problem(f"The embedded database {what}.", why=text, todo=todo, extra={"log": str(self.log)}))
