"""Whether this person's access is live, as the gateway pushes it.

The last word counts: while the gateway cannot be reached nothing changes, so its death, or the hub's,
disturbs nobody.  Only the gateway's own "ended", or its refusal of our credential, ends access.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

import httpx

from swap.lab.loopback import NO_TLS

SILENCE_SECONDS = 45.0
"""The gateway writes a comment every 15 s; silence for three of them means that the line is dead."""
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)

log = logging.getLogger("swap.lab")


@dataclass(frozen=True, slots=True)
class Access:
    """One word of the gateway."""

    access: Literal["live", "ended"]
    epoch: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a word means for what is open now."""

    cut: bool
    """End what was let in before: caches, websockets, tokens."""
    refuse: bool
    """Refuse every request from now on."""


class State:
    """The last word, and what each new one changes."""

    def __init__(self) -> None:
        self.ended = False
        self.epoch: int | None = None

    def hear(self, word: Access) -> Change:
        """Take one word in.

        A newer epoch means a sign-out, heard or missed: whatever was let in before is over.
        """
        newer = self.epoch is not None and word.epoch > self.epoch
        ended = word.access == "ended"
        change = Change(cut=newer or (ended and not self.ended), refuse=ended)
        self.ended = ended
        self.epoch = word.epoch if self.epoch is None else max(self.epoch, word.epoch)
        return change


def read_event(line: str) -> Access | None:
    """Return what a line of the event stream says, or None for comments, blanks and other fields.

    >>> read_event('data: {"access": "live", "epoch": 3}')
    Access(access='live', epoch=3)
    """
    if not line.startswith("data:"):
        return None
    try:
        body = json.loads(line[5:])
        access, epoch = body["access"], int(body["epoch"])
    except (ValueError, KeyError, TypeError):
        return None
    return Access(access, epoch) if access in {"live", "ended"} else None


class Listener:
    """Holds the gateway's event stream open for as long as the server runs."""

    def __init__(self, gateway: str, credential: str, hear: Callable[[Access], None]) -> None:
        self._url = f"{gateway}/v1/servers/events"
        self._headers = {"Authorization": f"Bearer {credential}", "Accept": "text/event-stream"}
        self._hear = hear
        self._epoch = 0
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(5.0, read=SILENCE_SECONDS), trust_env=False, verify=NO_TLS
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen on the running event loop."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._client.aclose()

    async def ask(self, seconds: float) -> None:
        """Hear the gateway's word of this moment, or nothing when it does not answer in time."""
        with contextlib.suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(seconds):
                async for word in self._words():
                    self._take(word)
                    return

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async for word in self._words():
                    failures = 0
                    self._take(word)
            except httpx.HTTPError as error:
                log.debug("The gateway's events are interrupted: %s", error)
            wait = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            failures += 1
            # Jitter, so that all servers of a machine do not come back at once.
            await asyncio.sleep(wait * (0.75 + random.random() / 2))  # noqa: S311

    async def _words(self) -> AsyncIterator[Access]:
        async with self._client.stream("GET", self._url, headers=self._headers) as response:
            if response.status_code in {401, 403}:
                # Our credential is no longer known: the server was ended. Refuse, and ask again later.
                yield Access("ended", self._epoch)
                return
            if response.status_code != 200:
                return
            async for line in response.aiter_lines():
                word = read_event(line)
                if word is not None:
                    yield word

    def _take(self, word: Access) -> None:
        self._epoch = max(self._epoch, word.epoch)
        self._hear(word)
