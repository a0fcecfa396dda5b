"""One execution of a claimed run: a program in a directory of its own, watched until its end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

from swap.errors import Problem
from swap.launch import report as launches
from swap.launch.model import Rules, Seat
from swap.launch.process import Process
from swap.people.tokens import Token
from swap.reports.model import Claimed, Outcome

# As `swap.lab.report` has them, which is its own program.
NOTEBOOK: Final = "notebook.ipynb"
EXECUTED: Final = "executed.ipynb"
OUTCOME: Final = "outcome.json"
EXECUTED_BYTES: Final = 200_000_000
"""Of the executed notebook's file; what is kept of it has a limit of its own."""
RENEW_SECONDS: Final = 15.0
_SPARE_SECONDS: Final = 150.0
"""What a run may take beside its time: its kernel starts and ends."""
_REMEDY: Final = (
    "Open its notebook in JupyterLab, mend and save it, accept that version on the report's page, and run it again."
)
log = logging.getLogger(__name__)


def execute(
    rules: Rules,
    claimed: Claimed,
    document: dict[str, Any],
    token: Token,
    seconds: float,
    renew: Callable[[], bool],
    stopping: threading.Event,
) -> Outcome | None:
    """Run a notebook to its end; return what became of it, or None if it was ended: not ours any more, or we stop."""
    directory = rules.state / "runs" / f"{claimed.run.id}-{claimed.epoch}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    try:
        (directory / NOTEBOOK).write_text(json.dumps(document), encoding="utf-8", errors="surrogatepass")
        period, zone = claimed.run.period, claimed.report.schedule.zone
        process = launches.start(
            rules,
            Seat(claimed.report.person_id),
            claimed.run.id,
            directory,
            (period.start.astimezone(zone), period.end.astimezone(zone)),
            {
                "token": token.value,
                "expires_at": token.expires_at.isoformat(),
                "seconds": str(seconds),
                "parent": str(os.getpid()),
            },
        )
        try:
            ended = _watch(process, seconds + _SPARE_SECONDS, renew, stopping)
        finally:
            kill(process)
        return _outcome(directory) if ended else None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _watch(process: Process, seconds: float, renew: Callable[[], bool], stopping: threading.Event) -> bool:
    """Wait for a process's end, or for its time to be over; tell whether it may say what became of it."""
    left, looked = seconds, 0.0
    while left > 0:
        if stopping.is_set():
            return False
        if looked >= RENEW_SECONDS:
            looked = 0.0
            if not renew():
                return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            return True
        left, looked = left - 0.5, looked + 0.5
    return True


def kill(process: Process) -> None:
    """End a process with all below it, also those that lead sessions of their own, as kernels do."""
    below: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def _outcome(directory: Path) -> Outcome:
    """Return what a program that has ended left."""
    try:
        said = json.loads(_read(directory / OUTCOME, 10_000))
        document = json.loads(_read(directory / EXECUTED, EXECUTED_BYTES))
        title, cell, may_pass = str(said["title"]), said["cell"], bool(said["may_pass"])
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("A run of a report left nothing that can be read.")
        why = "It was ended from outside, perhaps because the machine had no memory left."
        return Outcome(None, Problem("The run ended before it could say why.", why=why), may_pass=True)
    if not title:
        return Outcome(document)
    todo = "It is tried again." if may_pass else _REMEDY
    return Outcome(document, Problem(title[:300], todo=todo), int(cell), may_pass=may_pass)


def _read(path: Path, size_bytes: int) -> bytes:
    """Return a file's content.  Raises OSError for what is none, ValueError for one that is larger."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        found = file.read(size_bytes + 1)
    if len(found) > size_bytes:
        raise ValueError(path.name)
    return found
