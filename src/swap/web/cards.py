"""A thread of the portal's that makes the cards of notebooks that are due, so that they are found."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import Engine

from swap.errors import Unavailable
from swap.notebooks import cards

log = logging.getLogger("swap.web")
LOOK_SECONDS = 1.0


class Cards:
    """Looks every second whether one is due."""

    def __init__(self, engine: Engine) -> None:
        """Make cards by an engine that is this thread's alone."""
        self._engine = engine
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cards", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the card that is being made."""
        self._stopping.set()
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                cards.work_off(self._engine, self._stopping.is_set)
            except Unavailable as away:
                log.warning("Cards of notebooks wait: %s", away.problem.title)
            except Exception:
                log.exception("A card of a notebook failed; it is tried again")
