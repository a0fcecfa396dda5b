"""A small site in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator

import pytest

import services
from starts import Start
from swap.supervisor import family


@pytest.fixture
def start() -> Iterator[Start]:
    directory = services.temporary_directory()
    starts = Start(directory)
    yield starts
    for site in starts.sites:
        for process in [*site.family(), *family.Record(starts.state / "processes.json").leftovers()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        site.process.kill()
        site.end()
    shutil.rmtree(directory, ignore_errors=True)
