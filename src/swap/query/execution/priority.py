"""Who has used the processor for long lets others go first: a combiner lowers its own priority as it works."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

STEPS = ((0.3, 10), (3.0, 19))
"""From so many seconds of the processor on, so nice.  A small query ends before the first of them."""
LOOK_SECONDS = 0.1


def give_way() -> None:
    """Lower the priority of this process step by step.  Does not return; nobody can raise it again."""
    while True:
        time.sleep(LOOK_SECONDS)
        used = time.process_time()
        nice = max((nice for seconds, nice in STEPS if used >= seconds), default=0)
        if nice:
            _lower(nice)


def _lower(nice: int) -> None:
    """Lower each thread: on Linux each has a priority of its own, which those that it starts inherit."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
