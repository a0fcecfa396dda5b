"""Who wants to hear of runs that change: by person and kernel, so that nobody's runs cost anybody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swap.query.run.run import Run

Heard = Callable[["Run"], None]


class RunNews:
    """Tells of every change, on the thread that makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, str], tuple[Heard, ...]] = {}

    @contextmanager
    def of(self, person_id: str, kernel_id: str, heard: Heard) -> Iterator[None]:
        """Call `heard`, which must be quick, with each of a kernel's runs that changes during the block."""
        key = (person_id, kernel_id)
        with self._lock:
            self._listeners[key] = (*self._listeners.get(key, ()), heard)
        try:
            yield
        finally:
            with self._lock:
                left = tuple(each for each in self._listeners[key] if each is not heard)
                if left:
                    self._listeners[key] = left
                else:
                    del self._listeners[key]

    def changed(self, run: Run) -> None:
        """Say that a run has changed."""
        for heard in self._listeners.get((run.principal.id, run.kernel_id), ()):
            heard(run)
