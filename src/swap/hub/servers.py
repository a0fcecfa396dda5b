"""People's servers, as the hub asks for them: kept here, or by its warden where people have walls.

Nothing of this holds up the hub's event loop, and one that does not end holds up nobody else.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from swap import channel
from swap.errors import Problem, Unavailable, from_json
from swap.hub import words
from swap.launch.keeper import Keeper
from swap.launch.model import Refusals, Running
from swap.launch.spawn import telling
from swap.launch.view import unix_name
from swap.walls.errands import Asker

_THREADS: Final = 64
_AT_ONCE: Final[Mapping[bool, int]] = {True: 60, False: 30}
"""Errands at a time, of those that may take long and of the others; together fewer than the warden does."""
_LONG: Final = frozenset({words.OPEN, words.START, words.END, words.FINISH})
_SECONDS: Final = 90.0
"""More than an errand takes: a disk is made, or the database asked."""
_MOST_BYTES: Final = 100_000

Value = TypeVar("Value")


class Servers(Protocol):
    """Everybody's server.  Each method raises SwapError or OSError."""

    async def open_home(self, person_id: str) -> int:
        """Open a person's home for a new server; return how many bytes are free there."""

    async def start(self, person_id: str, port: int, server_id: str, told: Mapping[str, str]) -> Running:
        """Start a person's server, and end the one of before."""

    async def find(self, person_id: str) -> Running | None:
        """Return a person's server if it runs."""

    async def poll(self, person_id: str) -> int | None:
        """Return None while a person's server runs, else how it ended (0 when nobody knows)."""

    async def end(self, person_id: str) -> bool:
        """End a person's server: ask, wait, kill; tell whether none runs any more."""

    async def finish(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home."""

    async def limits_met(self, person_id: str) -> Mapping[str, str]:
        """Return limit → a sentence, for each that a person's processes met."""

    async def refusals(self, person_id: str) -> Refusals:
        """Return how often a running server's programs asked for what they cannot reach."""

    async def said(self, person_id: str) -> str:
        """Return the end of what a person's server said."""


class Here:
    """Servers that are this process's own to start and end."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._threads = ThreadPoolExecutor(_THREADS, "servers")

    async def open_home(self, person_id: str) -> int:
        """Open a person's home for a new server; return how many bytes are free there."""
        return await self._do(partial(self._keeper.open_home, person_id))

    async def start(self, person_id: str, port: int, server_id: str, told: Mapping[str, str]) -> Running:
        """Start a person's server, and end the one of before."""

        def start() -> Running:
            with telling(told) as descriptor:
                return self._keeper.start(person_id, port, server_id, "", descriptor)

        return await self._do(start)

    async def find(self, person_id: str) -> Running | None:
        """Return a person's server if it runs."""
        return await self._do(partial(self._keeper.find, person_id))

    async def poll(self, person_id: str) -> int | None:
        """Return None while a person's server runs, else how it ended."""
        return await self._do(partial(self._keeper.poll, person_id))

    async def end(self, person_id: str) -> bool:
        """End a person's server."""
        return await self._do(partial(self._keeper.end, person_id))

    async def finish(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home."""
        await self._do(partial(self._keeper.finish, person_id))

    async def limits_met(self, person_id: str) -> Mapping[str, str]:
        """Return what there is: no limit."""
        return await self._do(partial(self._keeper.limits_met, person_id))

    async def refusals(self, person_id: str) -> Refusals:
        """Return what there is: nothing is refused."""
        return await self._do(partial(self._keeper.refusals, person_id))

    async def said(self, person_id: str) -> str:
        """Return the end of what a person's server said."""
        return await self._do(partial(self._keeper.said, person_id))

    async def _do(self, verb: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._threads, verb)


class Far:
    """Servers that the hub's warden starts and ends."""

    def __init__(self, warden: Asker) -> None:
        self._warden = warden
        self._turns = {is_long: asyncio.Semaphore(count) for is_long, count in _AT_ONCE.items()}

    async def open_home(self, person_id: str) -> int:
        """Have a person's home opened; return how many bytes are free there."""
        return int(await self._ask(words.OPEN, person_id))

    async def start(self, person_id: str, port: int, server_id: str, told: Mapping[str, str]) -> Running:
        """Have a person's server started, and the one of before ended."""
        name = unix_name(person_id, told["SWAP_PERSON_NAME"])
        with telling(told) as descriptor:
            return Running(**await self._ask(words.START, f"{person_id} {port} {server_id} {name}", descriptor))

    async def find(self, person_id: str) -> Running | None:
        """Return a person's server if it runs."""
        found = await self._ask(words.FIND, person_id)
        return None if found is None else Running(**found)

    async def poll(self, person_id: str) -> int | None:
        """Return None while a person's server runs, else how it ended."""
        code = await self._ask(words.POLL, person_id)
        return None if code is None else int(code)

    async def end(self, person_id: str) -> bool:
        """Have a person's server ended."""
        return bool(await self._ask(words.END, person_id))

    async def finish(self, person_id: str) -> None:
        """Have taken away what an ended server leaves outside the home."""
        await self._ask(words.FINISH, person_id)

    async def limits_met(self, person_id: str) -> Mapping[str, str]:
        """Return limit → a sentence, for each that a person's processes met."""
        return dict(await self._ask(words.MET, person_id))

    async def refusals(self, person_id: str) -> Refusals:
        """Return how often a running server's programs asked for what they cannot reach."""
        return Refusals(**await self._ask(words.REFUSED, person_id))

    async def said(self, person_id: str) -> str:
        """Return the end of what a person's server said."""
        return str(await self._ask(words.SAID, person_id))

    async def _ask(self, word: str, name: str, *given: int) -> Any:
        """Return an answer.  Raises what it says, or Unavailable."""
        async with self._turns[word in _LONG]:
            try:
                with self._warden.ask(f"{word} {name}", *given) as to:
                    await _readable(to)
                    answer, _ = channel.receive(to, _MOST_BYTES)
            except (EOFError, ConnectionError, TimeoutError) as error:
                raise _silent() from error
        if "value" in answer:
            return answer["value"]
        if isinstance(answer.get("errno"), int):
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        raise from_json(answer.get("error"))


async def _readable(to: socket.socket) -> None:
    """Wait until an answer comes.  Raises TimeoutError."""
    loop, comes = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(to, comes.set)
    try:
        async with asyncio.timeout(_SECONDS):
            await comes.wait()
    finally:
        loop.remove_reader(to)


def _silent() -> Unavailable:
    return Unavailable(
        Problem(
            "SWAP cannot reach your server.",
            why="The part of SWAP that starts and ends servers ended, or took too long.",
            todo="Try again in a minute. Your notebooks are not touched.",
        )
    )
