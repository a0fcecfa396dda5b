"""End this server when nothing has run in it for as long as the site says; its person is told before.

Something runs while a cell, a query or a program in a terminal does.  Beside it counts what a person does: each change,
and each page that is opened.  A page that lies open does not, though it asks by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from tornado.web import RequestHandler

from swap.lab.loopback import NO_TLS

HOUR = 3600.0
LOOK_SECONDS = 60.0
LOOKS = 4
"""How often is looked, at least, before people are told."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def utc_now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


class Idle:
    """For how long nothing has happened, and whether that is long enough.  Zero hours never are.

    In the last `told_hours` of them people are told; what runs is looked at from a third of these before.  A clock that
    jumps ends nothing: time here is monotonic.
    """

    def __init__(self, hours: float, told_hours: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._most = hours * HOUR
        self._told = told_hours * HOUR
        self._last = now()
        self._stops_at: datetime | None = None

    def happened(self) -> None:
        """Something happens now."""
        self._last = self._now()
        self._stops_at = None

    @property
    def seconds(self) -> float:
        """For how long nothing has happened."""
        return self._now() - self._last

    def _within(self, last: float) -> bool:
        return self._most > 0 and self.seconds >= self._most - last

    @property
    def close(self) -> bool:
        """Whether the end is near enough to look at what runs."""
        return self._within(self._told * 4 / 3)

    @property
    def over(self) -> bool:
        """Whether nothing has happened for long enough."""
        return self._within(0.0)

    @property
    def stops_at(self) -> datetime | None:
        """When the server will be stopped, once people are to be told; the same moment at each question."""
        if self._stops_at is None and self._within(self._told):
            self._stops_at = utc_now() + timedelta(seconds=self._most - self.seconds)
        return self._stops_at

    @property
    def last_activity(self) -> datetime:
        """The moment at which something last happened, as the hub is told."""
        return utc_now() - timedelta(seconds=self.seconds)

    def saw(self, handler: RequestHandler) -> None:
        """Take in a request that was answered, whoever sent it: what was refused does not count."""
        opened = "text/html" in handler.request.headers.get("Accept", "")
        if handler.get_status() < 400 and (opened or handler.request.method not in READING):
            self.happened()

    @property
    def look_seconds(self) -> float:
        """How long to wait between two looks: some are made before people are told."""
        return min(LOOK_SECONDS, self._told / 3 / LOOKS) if self._most else LOOK_SECONDS


class Watch:
    """Looks again and again, and ends the server when it is time."""

    def __init__(
        self,
        idle: Idle,
        *,
        seen: Callable[[], Iterable[datetime]],
        works: Callable[[], Awaitable[str]],
        tell: Callable[[], Awaitable[None]],
        end: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        """`seen` gives moments, which are others when something happened; `works` names what runs, "" is nothing.

        `tell` lets the hub know that something did; `end` ends the server.
        """
        self._idle = idle
        self._seen = seen
        self._works = works
        self._tell = tell
        self._end = end
        self._log = log
        self._newest = max(seen(), default=None)
        self._was_close = False

    async def run(self) -> None:
        """Look for ever; a look that fails is no reason to end anything."""
        while True:
            await asyncio.sleep(self._idle.look_seconds)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 — whatever it was, it is looked again
                self._log.warning("What runs here was not looked at: %s", error)

    async def look(self) -> None:
        """Look once."""
        self._notice()
        was_close = self._was_close or self._idle.close
        if self._idle.close and (what := await self._works()):
            self._log.info("Nobody has done anything here for long, but %s.", what)
            self._idle.happened()
        self._was_close = self._idle.close
        if was_close and not self._was_close:
            # The portal tells people by what the hub knows.
            await self._tell()
        # A cell may have begun while the gateway was asked.
        self._notice()
        if self._idle.over:
            self._log.info("Nothing has run here for %.1f hours; the server ends.", self._idle.seconds / HOUR)
            self._end()

    def _notice(self) -> None:
        newest = max(self._seen(), default=None)
        if newest != self._newest:
            self._newest = newest
            self._idle.happened()


class Queries:
    """Whether a query of this person is under way, as the gateway says it."""

    def __init__(self, gateway: str, credential: str) -> None:
        self._url = f"{gateway}/v1/servers/queries"
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._client = httpx.AsyncClient(timeout=10.0, trust_env=False, verify=NO_TLS)

    async def run(self) -> str:
        """Say what runs, also when nobody knows: a gateway that does not answer may have a query under way."""
        try:
            response = await self._client.get(self._url, headers=self._headers)
            under_way = int(response.json()["under_way"]) if response.is_success else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            under_way = None
        if under_way is None:
            return "the gateway does not say whether a query runs"
        return f"{under_way} of its person's queries run" if under_way else ""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def kernels_run(manager: Any) -> bool:
    """Tell whether a cell runs in a kernel of Jupyter's manager, or waits for what is typed."""
    return any(manager.get_kernel(kernel_id).execution_state == "busy" for kernel_id in manager.list_kernel_ids())
