"""A MariaDB of our own, from Debian's mariadb-server: for the demo, and for the tests.

It listens on loopback and on a socket in its data directory, and needs no root.  Its administrator is the system user
who runs it, known by that socket; every other account has a password of its own, in a file only we can read.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swap.demo import secret
from swap.errors import NotFound, Problem, Unavailable

_SOCKET = "socket"
"""Relative to the data directory, where the server works: addresses of sockets may not be long, and paths are."""

_FIRST_START_SECONDS = 120


def secret_path(state: Path, account: str) -> Path:
    """Return where an account's password is kept, for settings that name the file."""
    return state / "secrets" / f"mariadb-{account}"


@dataclass(frozen=True, slots=True)
class MariadbServer:
    """Where it keeps its things, and where it answers; making one starts nothing."""

    state: Path
    port: int

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.state / "mariadb"

    def command(self) -> list[str]:
        """Make the data directory if it is missing, and return what starts the server.

        Raises NotFound when MariaDB is not installed, Unavailable when the directory cannot be made.
        """
        server = _program("mariadbd")
        if not self.data.exists():
            self._initialise()
        return [
            server,
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.data}",
            # One that starts deletes the temporary tables that lie there, also those of another server.
            f"--tmpdir={self.data}",
            f"--socket={_SOCKET}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={self.data / 'server.pid'}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--local-infile=0",
            "--character-set-server=utf8mb4",
            "--max-allowed-packet=64M",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=2",
            "--performance-schema=0",
        ]

    def execute(self, statements: Iterable[str], database: str = "") -> str:
        """Run statements as the administrator; return what they answer, tabs between fields.

        Raises Unavailable with the server's words.
        """
        client = [
            _program("mariadb"),
            "--no-defaults",
            f"--socket={_SOCKET}",
            "--user=root",
            "--batch",
            "--skip-column-names",
            "--binary-mode",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=64M",
            f"--database={database}",
        ]
        with subprocess.Popen(  # noqa: S603 — Debian's own program, and no shell
            client, cwd=self.data, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            said, _ = process.communicate("".join(f"{statement};\n" for statement in statements).encode())
        answer = said.decode(errors="replace")
        if process.returncode:
            raise Unavailable(Problem("MariaDB refused a statement of the demo's.", why=answer.strip()))
        return answer

    def ensure_reader(self, account: str, databases: Iterable[str]) -> None:
        """Make an account that may read the databases and nothing else, or set what is there right again."""
        name = f"'{account}'@'127.0.0.1'"
        self.execute(
            [
                f"CREATE USER IF NOT EXISTS {name}",
                f"ALTER USER {name} IDENTIFIED BY '{self.password(account)}'",  # letters and digits, or base64's
                f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}",
                *(f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO {name}" for database in databases),
            ]
        )

    def password(self, account: str) -> str:
        """Return an account's password, made at its first use."""
        return secret.kept(secret_path(self.state, account))

    def _initialise(self) -> None:
        """Make the data directory beside its place and move it there whole, so that a half-made one is never used."""
        draft = self.data.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        user = getpass.getuser()
        made = subprocess.run(  # noqa: S603 — as above
            [
                _program("mariadb-install-db"),
                "--no-defaults",
                f"--user={user}",
                f"--datadir={draft}",
                f"--tmpdir={draft}",
                "--skip-test-db",
                "--auth-root-authentication-method=socket",
                f"--auth-root-socket-user={user}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_FIRST_START_SECONDS,
        )
        if made.returncode:
            raise Unavailable(
                Problem(
                    "MariaDB could not make its data directory.",
                    why="\n".join(made.stdout.decode(errors="replace").splitlines()[-8:]),
                    todo=f"Mend that, for example free some space for {self.data}, then start again.",
                )
            )
        draft.rename(self.data)


def _program(name: str) -> str:
    """Return one of Debian's programs; servers are where only root's path leads."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin")
    if found is None:
        raise NotFound(
            Problem("MariaDB is not installed.", todo="On Debian, as root: apt-get install -y mariadb-server")
        )
    return found
