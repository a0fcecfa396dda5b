from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

import services
import starts
from services import Database
from starts import Start, until
from swap import disks, ports, restarts
from swap.certificates import FILE
from swap.db import migrate
from swap.db.engine import create
from swap.runtime import Runtime
from swap.supervisor import family


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """Return the state of a site that has run and stopped."""
    with starts.somewhere() as made:
        assert made().stop() == 0
        yield made.state


@pytest.fixture
def start(first: Start, kept: Path) -> Start:
    """Return a site that has its database already: to make one takes longer than a start."""
    (first.state / "secrets").mkdir(mode=0o700, parents=True)
    copied = [kept / "postgres", *(kept / "secrets").glob("postgres-*")]
    for each in copied:
        subprocess.run(["cp", "-a", each, first.state / each.relative_to(kept)], check=True)
    return first


def gone(processes: list[family.Process]) -> bool:
    return not any(family.alive(process) for process in processes)


def kill_at_once(pids: list[int]) -> None:
    """Kill them so that none can react to another's end."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_nothing_running_and_nothing_outside_the_state_directory(
    start: Start, number: signal.Signals
) -> None:
    site = start()
    everybody = site.family()
    sockets = Runtime.model_validate_json((start.state / "runtime.json").read_text()).socket_directory
    assert sockets.is_dir()
    assert len(str(sockets)) < 60
    assert site.stop(number) == 0
    assert gone(everybody)
    assert not sockets.exists()
    assert "Nothing is left running" in site.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount disks")
def test_a_stop_closes_peoples_disks(start: Start) -> None:
    site = start()
    homes = start.state / "homes"
    disk = disks.opened(start.state, homes, "pannaaaaaa", 2_100_000_001, 60_000_000)
    assert disk.is_mount()

    site.stop()

    assert not disk.is_mount()
    assert not (homes / "pannaaaaaa").is_mount()


def test_what_does_not_obey_is_killed_at_once_on_a_second_ctrl_c(start: Start) -> None:
    site = start(SMALL_SITE_STUBBORN="1")
    everybody = site.family()
    site.process.send_signal(signal.SIGINT)
    site.wait_for("Ctrl-C again: at once")
    assert site.stop() == 0
    assert gone(everybody)


def test_programs_stop_in_the_order_that_nobody_loses_what_it_needs(start: Start) -> None:
    site = start()
    assert site.stop() == 0
    log = (start.state / "logs" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log
    assert "was killed" not in site.output


def test_killing_the_guard_stops_everything(start: Start) -> None:
    site = start()
    everybody = site.family()
    site.process.kill()
    until(lambda: gone(everybody))


def test_killing_the_supervisor_stops_everything_and_says_so(start: Start) -> None:
    site = start()
    everybody = site.family()
    os.kill(everybody[0].pid, signal.SIGKILL)  # the guard's only child
    assert site.end() == 1
    assert gone(everybody)
    assert "supervisor was ended by SIGKILL" in site.output
    assert start().stop() == 0


def test_killing_everything_of_ours_is_repaired_by_the_next_start(start: Start) -> None:
    site = start()
    until(lambda: "kernel" in recorded_commands(start.state))
    kernel, person = site.named("kernel"), site.named("person")
    kill_at_once([process.pid for process in site.family() if process not in {kernel, person}] + [site.process.pid])
    site.end()
    assert not gone([kernel])
    again = start()
    assert "the last run was killed; ended 2 of its programs" in again.output
    assert gone([kernel, person])
    assert again.stop() == 0


def recorded_commands(state: Path) -> str:
    try:
        recorded = json.loads((state / "processes.json").read_text())["processes"]
        return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid, _ in recorded)
    except OSError:
        return ""


def test_a_start_after_kill_9_of_all_finds_all_data(start: Start) -> None:
    site = start()
    kill_at_once([process.pid for process in site.family()] + [site.process.pid])
    site.end()
    again = start()
    assert f"version {migrate.newest()}, up to date" in again.output
    assert again.stop() == 0
    assert (
        "database system was not properly shut down; automatic recovery"
        in (start.state / "logs" / "postgres.log").read_text()
    )


def test_a_crashed_program_is_started_again_and_said(start: Start) -> None:
    site = start()
    first = site.named("gateway")
    os.kill(first.pid, signal.SIGKILL)
    site.wait_for("gateway ended with signal SIGKILL; starting it again")
    until(lambda: site.named("gateway") != first)
    second = site.named("gateway")
    os.kill(second.pid, signal.SIGKILL)
    site.wait_for("starting it again in 1 s")
    (told,) = restarts.read(start.state, datetime.now(UTC))
    assert (told.name, told.ends) == ("gateway", 2)
    assert site.stop() == 0


def test_people_keep_their_servers_when_the_hub_is_killed(start: Start) -> None:
    site = start()
    kernel, hub = site.named("kernel"), site.named("hub")
    os.kill(hub.pid, signal.SIGKILL)
    until(lambda: site.named("hub") != hub)
    assert family.alive(kernel)
    assert site.stop() == 0
    assert gone([kernel])


def test_a_killed_database_comes_back_on_the_same_port(start: Start) -> None:
    site = start()
    runtime = (start.state / "runtime.json").read_text()
    pid = int((start.state / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    site.wait_for("database ended with signal SIGKILL; starting it again")
    until((start.state / "postgres" / "data" / "postmaster.pid").exists)
    port = Runtime.model_validate_json(runtime).database_urls["web"].rpartition(":")[2].partition("/")[0]
    assert (start.state / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3] == port
    assert site.stop() == 0


def test_a_second_start_is_refused_and_names_the_first(start: Start) -> None:
    site = start()
    second = start(ready=False)
    assert second.end() == 1
    assert f"SWAP is already running, as process {site.process.pid}." in second.output
    assert site.process.poll() is None
    assert site.stop() == 0


def test_a_stale_lock_file_stops_nobody(first: Start) -> None:
    first.state.mkdir()
    (first.state / "lock").write_text("1\n")
    (first.state / "postgres.lock").write_text("1\n")
    assert first().stop() == 0


@pytest.mark.parametrize(
    ("kind", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "0.0.0.0")]
)
def test_a_taken_port_is_refused_with_its_holder_and_the_remedy(
    first: Start, kind: socket.AddressFamily, address: str
) -> None:
    with socket.create_server((address, first.port), family=kind):
        site = first(ready=False)
        assert site.end() == 1
    assert f"Port {first.port} is taken by" in site.output
    assert f"(process {os.getpid()})" in site.output
    assert "make demo PORT=8001, or site.port in swap.toml" in site.output
    assert not (first.state / "postgres").exists()


def test_a_program_that_cannot_start_is_shown_with_its_last_words(start: Start) -> None:
    site = start(ready=False, SMALL_SITE_BROKEN="gateway")
    assert site.end() == 1
    assert "gateway did not start: it ended with status 1." in site.output
    assert "the small gateway has no settings" in site.output
    assert str(start.state / "logs" / "gateway.log") in site.output


def test_a_changed_certificate_of_the_public_address_is_handed_over_and_said(start: Start) -> None:
    names, handed = ("swap.example.org", "*.swap.example.org"), start.state / "traefik" / "dynamic" / FILE
    certificate, key = services.certificate(start.directory, names[0], more=names[1:])
    start.write(
        f'[origins]\nurl = "https://{names[0]}"\ncertificate = "{certificate}"\nkey = "{key}"\nbind = "127.0.0.1"\n'
        f"port = {ports.free(1)[0]}\n"
    )
    site = start()

    services.certificate(start.directory, names[0], more=names[1:])
    site.wait_for("The certificate changed; SWAP shows the new one.", 20)

    (shown,) = json.loads(handed.read_text())["tls"]["certificates"]
    assert (shown["certFile"], shown["keyFile"]) == (certificate.read_text(), key.read_text())
    assert site.stop() == 0


def test_runtime_and_secrets_are_private(first: Start) -> None:
    site = first()
    private = [first.state / "runtime.json", *(first.state / "secrets").iterdir()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)
    for name in ("homes", "spool", "tables", "logs", "secrets", "traefik"):
        assert (first.state / name).stat().st_mode & 0o077 == 0
    passwords = [path.read_text() for path in (first.state / "secrets").glob("postgres-*")]
    assert len(passwords) == 6
    for process in site.family():
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert not any(password in command for password in passwords)
    assert site.stop() == 0


def test_a_site_may_bring_its_own_database(first: Start, database: Database) -> None:
    address = make_url(database.url("owner"))
    first.state.mkdir()
    secret = first.state / "own"
    secret.touch(mode=0o600)
    secret.write_text(str(address.password))
    first.write(
        "database.url ="
        f' "postgresql://{address.username}@127.0.0.1:{address.port}/{database.name}"\ndatabase.password.file ='
        ' "state/own"\n'
    )
    site = first()
    assert f"version {migrate.newest()}, up to date" in site.output
    assert not (first.state / "postgres").exists()
    urls = Runtime.model_validate_json((first.state / "runtime.json").read_text()).database_urls
    hub = create(urls["hub"])
    with hub.begin() as conn:
        conn.execute(text("CREATE TABLE users (id int)"))
        assert conn.scalar(text("SELECT to_regclass('jupyterhub.users')")) is not None
    hub.dispose()
    assert site.stop() == 0
    with database.engine().connect() as conn:
        assert conn.scalar(text("SELECT 1")) == 1


def test_people_stay_signed_in_over_a_restart(start: Start) -> None:
    secrets = []
    for _ in range(2):
        assert start().stop() == 0
        secrets.append(Runtime.model_validate_json((start.state / "runtime.json").read_text()).hub_cookie_secret)
    assert secrets[0] == secrets[1]
