"""What the machine may do to a run: a clock that jumps, a disk that fills, a path that is long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from starts import Start, until
from swap.db import migrate
from swap.db.embedded import EmbeddedPostgres
from swap.supervisor import family


@pytest.mark.parametrize("jump", ["+40d", "-40d"])
def test_a_clock_jump_neither_stops_nor_delays_anything(start: Start, jump: str) -> None:
    clock = start.directory / "clock"
    site = start(**services.fake_clock(clock))
    clock.write_text(jump)
    gateway = site.named("gateway")
    os.kill(gateway.pid, signal.SIGKILL)
    until(lambda: site.named("gateway") != gateway)  # a minute at most, not forty days
    assert all(family.alive(site.named(name)) for name in ("front", "hub", "person", "kernel"))
    everybody = site.family()
    assert site.stop() == 0
    assert not any(family.alive(process) for process in everybody)


def test_the_fake_clock_reaches_a_program_and_can_be_moved(tmp_path: Path) -> None:
    environment = {**os.environ, **services.fake_clock(tmp_path / "clock")}
    ask = [sys.executable, "-c", "import time; print(time.time()); time.sleep(0.1); print(time.monotonic())"]
    (tmp_path / "clock").write_text("-40d")
    wall, monotonic = map(
        float, subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout.split()
    )
    assert -41 * 86400 < wall - time.time() < -39 * 86400
    assert abs(monotonic - time.monotonic()) < 60


@pytest.fixture
def small_disk(start: Start) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk that this test fills")
    start.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800m,mode=755", "tmpfs", str(start.state)], check=True)
    yield start.state
    for site in start.sites:
        if site.process.poll() is None:
            site.stop(signal.SIGTERM)
    subprocess.run(["umount", "--lazy", str(start.state)], check=True)


def fill(disk: Path, leave_bytes: int) -> Path:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave_bytes)
    return ballast


def test_a_full_disk_refuses_the_start_and_says_what_to_do(start: Start, small_disk: Path) -> None:
    ballast = fill(small_disk, 50_000_000)
    site = start(ready=False)
    assert site.end() == 1
    assert f"The disk that holds {small_disk} is full: " in site.output
    assert "let `state` in swap.toml name a directory on another disk" in site.output
    assert "Traceback" not in site.output
    ballast.unlink()
    assert start().stop() == 0


def test_a_disk_without_a_single_free_block_is_explained_too(start: Start, small_disk: Path) -> None:
    fill(small_disk, 0)
    site = start(ready=False)
    assert site.end() == 1
    assert "is full: 0 MB are free" in site.output
    assert "Traceback" not in site.output


def test_a_database_that_dies_on_a_full_disk_comes_back_when_there_is_room(start: Start, small_disk: Path) -> None:
    site = start()
    others = [site.named(name) for name in ("gateway", "hub", "kernel")]
    ballast = fill(small_disk, 20_000_000)
    postmaster = small_disk / "postgres" / "data" / "postmaster.pid"
    before = postmaster.read_text().splitlines()[0]
    os.kill(int(before), signal.SIGKILL)
    site.wait_for("The database is started again in 1 s.")
    site.wait_for("The database is started again in 3 s.")
    assert f"The disk that holds {small_disk} is full: " in site.output
    ballast.unlink()
    until(lambda: postmaster.exists() and not postmaster.read_text().startswith(before))
    assert all(map(family.alive, others)), "whoever had nothing to do with it went on"
    assert site.stop() == 0
    again = start()
    assert f"version {migrate.newest()}, up to date" in again.output
    assert again.stop() == 0


def test_a_state_directory_with_a_very_long_path_works() -> None:
    short = services.temporary_directory()
    starts = Start(short / ("a-long-name-" * 8) / ("of-a-checkout-" * 8))
    assert len(str(starts.state)) > 200
    site = starts()
    assert site.stop() == 0


def test_what_cannot_be_written_is_explained(start: Start) -> None:
    start.state.write_text("a file where the directory should be")
    site = start(ready=False)
    assert site.end() == 1
    assert "Traceback" not in site.output


def test_two_servers_cannot_share_a_directory(start: Start) -> None:
    site = start()
    second = EmbeddedPostgres(start.state)
    with pytest.raises(Exception, match="The embedded database is already running, as process"):
        second.start()
    assert site.stop() == 0
