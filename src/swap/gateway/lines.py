"""Lines that are held open without an end of their own: they end when the gateway stops.

All of it happens on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Lines:
    """The open lines of one gateway."""

    def __init__(self) -> None:
        self.ended = False
        """Whether all lines are to end."""
        self._waiting: set[asyncio.Event] = set()

    @contextlib.contextmanager
    def open(self, woken: asyncio.Event) -> Iterator[None]:
        """Set an event when lines are to end, if that happens during the block."""
        self._waiting.add(woken)
        try:
            yield
        finally:
            self._waiting.discard(woken)

    def end(self) -> None:
        """Let all lines end, those that are opened later too."""
        self.ended = True
        for woken in self._waiting:
            woken.set()
