"""What the person at the terminal reads: lines, steps with their seconds, errors as sentences.

Imports little: `swap`'s own process and the guard live on it alone.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn

from swap.errors import Problem, SwapError, Unavailable

TAIL_LINES: Final = 15


def line(text: str = "") -> None:
    """Print one line at once; a terminal that is gone stops nothing."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def error(told: SwapError) -> None:
    """Print what happened, why, and what to do, each on lines of its own."""
    parts = (told.problem.title, told.details or told.problem.why, told.problem.todo)
    line("\n" + "\n".join(part.strip("\n") for part in parts if part))


def leave(work: Callable[[], int]) -> NoReturn:
    """Do a process's work and end it with the status; what goes wrong with a reason is explained, not traced."""
    # Whatever matters is raised; a library's own remarks would stand in the middle of what we say.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        status = work()
    except SwapError as told:
        error(told)
        status = 1
    except OSError as failed:
        if failed.errno != errno.ENOSPC:
            raise
        error(
            Unavailable(
                Problem(
                    f"The disk is full: {failed.filename or 'a file'} could not be written.",
                    todo="Free some space, then start again; what was half made is made anew.",
                )
            )
        )
        status = 1
    sys.exit(status)


@contextlib.contextmanager
def step(name: str) -> Iterator[list[str]]:
    """Print a step when it is done: its name, what the block put into the list, its seconds."""
    started = time.monotonic()
    details: list[str] = []
    yield details
    line(f"  {name:<10} {' · '.join(details):<52} {time.monotonic() - started:5.1f} s")


def tail(log: Path, since: int = 0) -> str:
    """Return the last lines of a log, from byte `since` on."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
    return ""


def size(path: Path) -> str:
    """Return how much a directory holds, for people."""
    total = 0
    for entry in path.rglob("*"):
        with contextlib.suppress(OSError):
            total += entry.lstat().st_size
    return f"{total / 1_000_000_000:.1f} GB" if total >= 1_000_000_000 else f"{total // 1_000_000} MB"
