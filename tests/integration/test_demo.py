"""`swap demo` as a person starts it, with every real program."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from swap.supervisor import family, ports

SWAP = [sys.executable, "-P", "-m", "swap.cli"]
KERNEL = Path(sys.prefix).parent / "kernel"


class Demo:
    """One start of the demo, its output in a file."""

    def __init__(self, state: Path, port: int, prefix: tuple[str, ...] = ()) -> None:
        self.begun = time.monotonic()
        self.log = state.with_suffix(".out")
        self.state = state
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*prefix, *SWAP, "demo", "--state", str(state), "--port", str(port), "--kernel-env", str(KERNEL)],
                                            stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "SWAP_PORT": ""})

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait(self, seconds: float = 240.0) -> float:
        """Wait until it has told who may sign in; return the seconds since its start."""
        deadline = time.monotonic() + seconds
        while "Ctrl-C stops everything" not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return time.monotonic() - self.begun

    def stop(self) -> int:
        everybody = family.below(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(90)
        assert not any(family.alive(process) for process in everybody)
        return code


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, int]]:
    directory = services.temporary_directory()
    yield directory / "demo", ports.free(1)[0]
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def demo(place: tuple[Path, int]) -> Iterator[Demo]:
    running = Demo(*place)
    running.wait()
    yield running
    if running.process.poll() is None:
        running.stop()


def get(port: int, path: str, host: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_it_ends_with_the_address_the_people_and_the_way_from_another_host(demo: Demo, place: tuple[Path, int]) -> None:
    _, port = place
    assert f"http://localhost:{port}" in demo.output
    for person in ("ann", "bertrand", "chidi"):
        assert re.search(rf"{person} +password demo-{person} ", demo.output)
    assert "Locked: cities" in demo.output
    assert f"ssh -N -L {port}:localhost:{port} " in demo.output


def test_every_step_is_told_with_its_seconds(demo: Demo) -> None:
    for step in ("data", "database", "schema", "traefik", "gateway", "web", "hub"):
        assert re.search(rf"^  {step} .* \d+\.\d s$", demo.output, re.MULTILINE), step
    assert re.search(r"lake\.wmf\.pageview_hourly · \d+\.\d MB", demo.output)


def test_the_doctor_finds_everything_in_order(demo: Demo) -> None:
    told = subprocess.run([*SWAP, "doctor", "--config", str(demo.state / "swap.toml")], capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stdout
    assert "Everything works." in told.stdout
    assert told.stderr == ""


def test_the_settings_it_wrote_are_fine(demo: Demo) -> None:
    told = subprocess.run([*SWAP, "config", "check", "--config", str(demo.state / "swap.toml")], capture_output=True, text=True, check=True, timeout=60)
    assert "is fine: 2 sources" in told.stdout


def test_the_portal_answers_and_no_password_is_in_a_command(demo: Demo, place: tuple[Path, int]) -> None:
    assert get(place[1], "/", "localhost").status in {200, 302, 303}
    passwords = [path.read_text() for path in (demo.state / "secrets").glob("postgres-*")]
    for process in family.below(demo.process.pid):
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert not any(password in command for password in passwords)


def test_a_second_demo_on_the_same_directory_names_the_first(demo: Demo, place: tuple[Path, int]) -> None:
    told = subprocess.run([*SWAP, "demo", "--state", str(place[0]), "--port", str(place[1])], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 1
    assert f"SWAP is already running, as process {demo.process.pid}." in told.stdout


def test_the_second_start_needs_no_network_and_less_than_15_seconds(demo: Demo, place: tuple[Path, int]) -> None:
    assert demo.stop() == 0
    assert "Nothing is left running" in demo.output
    offline = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh") if os.geteuid() == 0 else ()
    again = Demo(*place, offline)
    seconds = again.wait()
    assert "lake.wmf" not in again.output
    assert again.stop() == 0
    # The promise is for a machine that does nothing else: busy neighbours are taken out of the measure.
    assert seconds * min(1.0, (os.cpu_count() or 1) / max(1.0, os.getloadavg()[0])) < 15
