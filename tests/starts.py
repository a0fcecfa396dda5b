"""Starts of a small site that a test hurts and starts again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import services
from swap import ports
from swap.supervisor import family

SMALL_SITE = Path(__file__).with_name("small_site.py")


class Site:
    """One start of the small site: its output, and every process it ever had."""

    def __init__(self, config: Path, env: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(SMALL_SITE), str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **env},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, seconds: float = 120.0) -> None:
        until(lambda: text in self.output or self.process.poll() is not None, seconds)
        assert text in self.output, self.output

    def family(self) -> list[family.Process]:
        return family.below(self.process.pid)

    def named(self, name: str) -> family.Process:
        """Return the program of the small site that was started with this name."""

        def command(process: family.Process) -> list[str]:
            try:
                return Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
            except OSError:
                return []

        found: list[family.Process] = []

        def is_there() -> bool:
            found[:] = [process for process in self.family() if name in command(process)]
            return bool(found)

        until(is_there)
        return found[0]

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 90.0) -> int:
        self.process.send_signal(number)
        return self.end(seconds)

    def end(self, seconds: float = 90.0) -> int:
        code = self.process.wait(seconds)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Start:
    """Starts of one site, in one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.port = ports.free(1)[0]
        self.sites: list[Site] = []
        kernel = directory / "kernel" / "bin"
        kernel.mkdir(parents=True)
        (kernel / "python").symlink_to(sys.executable)
        self.config = directory / "swap.toml"
        self.write()

    def write(self, extra: str = "") -> None:
        self.config.write_text(
            f'state = "state"\nkernel_env = "kernel"\nsite.port = {self.port}\npeople.file = "people.toml"\n{extra}'
        )

    def __call__(self, ready: bool = True, **env: str) -> Site:
        site = Site(self.config, env)
        self.sites.append(site)
        if ready:
            site.wait_for("READY")
            site.named("kernel")
        return site


@contextlib.contextmanager
def somewhere() -> Iterator[Start]:
    """Have a directory of its own for the block, and nothing left of the starts in it."""
    directory = services.temporary_directory()
    starts = Start(directory)
    try:
        yield starts
    finally:
        _end(starts)
        shutil.rmtree(directory, ignore_errors=True)


def _end(starts: Start) -> None:
    for site in starts.sites:
        for process in [*site.family(), *family.Record(starts.state / "processes.json").leftovers()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        site.process.kill()
        site.end()
