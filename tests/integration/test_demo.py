"""`swap demo` as a person starts it, with every real program."""

from __future__ import annotations

import html
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
from typing import Self

import httpx
import pytest

import services
from swap import ports
from swap.supervisor import family

SWAP = [sys.executable, "-P", "-m", "swap.cli"]
KERNEL = Path(sys.prefix).parent / "kernel"


class Demo:
    """One start of the demo, its output in a file."""

    def __init__(self, state: Path, port: int, prefix: tuple[str, ...] = (), **env: str) -> None:
        self.begun = time.monotonic()
        self.log = state.with_name(f"{time.monotonic_ns()}.out")
        self.state = state
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, *SWAP, "demo", "--state", str(state), "--port", str(port), "--kernel-env", str(KERNEL)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SWAP_PORT": "", **env},
            )

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Stop it, unless it has stopped; return its status."""
        if self.process.poll() is not None:
            return self.process.returncode
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
    with Demo(*place) as running:
        running.wait()
        yield running


def get(port: int, path: str, host: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
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


@pytest.mark.parametrize(
    ("process", "unneeded", "needed"),
    [
        ("swap.demo.__main__", ("psycopg", "sqlalchemy", "pydantic_core", "numpy", "pyarrow"), "psutil"),
        ("swap.processes.hub", ("numpy", "pyarrow"), "sqlalchemy"),
        ("swap.processes.web", ("numpy", "pyarrow", "duckdb", "cryptography"), "sqlalchemy"),
        ("swap.processes.gateway", ("numpy", "cryptography"), "pyarrow"),
        ("swap.processes.worker", ("numpy", "pyarrow", "duckdb", "cryptography"), "sqlalchemy"),
    ],
)
def test_a_process_that_rests_holds_no_library_that_it_does_not_need(
    demo: Demo, process: str, unneeded: tuple[str, ...], needed: str
) -> None:
    maps = mapped(demo, process)
    assert f"/{needed}/" in maps, "what is looked for would be found"
    assert not [library for library in unneeded if f"/{library}" in maps]


def mapped(demo: Demo, module: str) -> str:
    """Return the files that the process of a module has mapped: each library has at least one."""
    for each in family.below(demo.process.pid):
        words = Path(f"/proc/{each.pid}/cmdline").read_bytes().decode().split("\0")
        if module in words and "swap.supervisor.guard" not in words:
            return Path(f"/proc/{each.pid}/maps").read_text()
    raise AssertionError(f"no process runs {module}")


def test_every_step_is_told_with_its_seconds(demo: Demo) -> None:
    for step in ("data", "database", "schema", "traefik", "gateway", "web", "hub", "worker"):
        assert re.search(rf"^  {step} .* \d+\.\d s$", demo.output, re.MULTILINE), step
    assert re.search(r"lake\.wmf\.pageview_hourly · \d+\.\d MB", demo.output)


def test_the_doctor_finds_everything_in_order(demo: Demo) -> None:
    told = subprocess.run(
        [*SWAP, "doctor", "--config", str(demo.state / "swap.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 0, told.stdout
    assert "Everything works." in told.stdout
    assert told.stderr == ""


def test_the_settings_it_wrote_are_fine(demo: Demo) -> None:
    told = subprocess.run(
        [*SWAP, "config", "check", "--config", str(demo.state / "swap.toml")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "is fine: 2 sources" in told.stdout


def test_the_portal_answers_and_no_password_is_in_a_command(demo: Demo, place: tuple[Path, int]) -> None:
    assert get(place[1], "/", "localhost").status in {200, 302, 303}
    passwords = [path.read_text() for path in (demo.state / "secrets").glob("postgres-*")]
    for process in family.below(demo.process.pid):
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert not any(password in command for password in passwords)


def test_a_second_demo_on_the_same_directory_names_the_first(demo: Demo, place: tuple[Path, int]) -> None:
    told = subprocess.run(
        [*SWAP, "demo", "--state", str(place[0]), "--port", str(place[1])],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 1
    assert f"SWAP is already running, as process {demo.process.pid}." in told.stdout


def sign_in(browser: httpx.Client) -> None:
    page = browser.get("/sign-in")
    form = re.search(
        r'<form action="([^"]+)" method="post">\s*<input type="hidden" name="_xsrf" value="([^"]*)"', page.text
    )
    assert form, page.text[:2000]
    sent = {"_xsrf": form[2], "username": "ann", "password": "demo-ann"}
    home = browser.post(
        html.unescape(form[1]), data=sent, headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
    )
    assert home.status_code == 200, home.text[:2000]
    assert data(browser) == 200  # the gateway takes the portal's token at this hour too


def data(browser: httpx.Client) -> int:
    """Return the status of a page that asks the gateway, once that has the time for it."""
    ends = time.monotonic() + 60
    while (status := browser.get("/data/lake").status_code) == 503 and time.monotonic() < ends:
        time.sleep(0.2)
    return status


def signed_in(browser: httpx.Client) -> bool:
    home = browser.get("/")
    assert home.status_code < 500
    return 'action="/sign-out"' in home.text


def test_a_clock_jump_costs_a_sign_in_at_most(demo: Demo, place: tuple[Path, int], tmp_path: Path) -> None:
    demo.stop()
    clock = tmp_path / "clock"
    with (
        Demo(*place, **services.fake_clock(clock)) as jumping,
        httpx.Client(base_url=f"http://localhost:{place[1]}", follow_redirects=True, timeout=60) as browser,
    ):
        jumping.wait()
        assert not signed_in(browser)
        sign_in(browser)
        assert signed_in(browser)
        clock.write_text("+40d")
        assert not signed_in(browser)  # a sign-in lasts seven days
        sign_in(browser)
        clock.write_text("-40d")
        if not signed_in(browser):
            sign_in(browser)
        assert data(browser) == 200
        assert "starting it again" not in jumping.output
        assert jumping.stop() == 0


def test_the_second_start_needs_no_network(demo: Demo, place: tuple[Path, int]) -> None:
    assert demo.stop() == 0
    assert "Nothing is left running" in demo.output
    offline = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh") if os.geteuid() == 0 else ()
    with Demo(*place, offline) as again:
        again.wait()
        assert "lake.wmf" not in again.output
        assert again.stop() == 0
