"""A kernel's runs as they change, on one connection: lines of JSON, so that nobody asks again and again.

An empty line says that all of the runs that are under way were told once, and later that the line is alive.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

from swap.errors import NotSignedIn
from swap.gateway.answers import answer
from swap.gateway.auth import Caller, Standing
from swap.gateway.lines import Lines
from swap.query.run.run import Run
from swap.query.service import Queries

ALIVE_SECONDS = 5.0
"""How often an empty line is sent while nothing changes."""
PAUSE_SECONDS = 0.1
"""How long changes gather: nobody reads faster.  The end of a run does not wait."""


async def changes(
    queries: Queries, lines: Lines, caller: Caller, standing: Standing, program: str = ""
) -> AsyncIterator[bytes]:
    """Yield the state of each of the kernel's runs, now and at every change, while its person may see it.

    It ends with its token, and when lines are to end.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    changed_runs: dict[str, Run] = {}

    def note(run: Run) -> None:
        changed_runs[run.id] = run
        changed.set()

    def heard(run: Run) -> None:
        loop.call_soon_threadsafe(note, run)

    person_id = caller.principal.id
    with (
        standing.held(),
        lines.open(changed),
        queries.news.of(person_id, caller.kernel_id, heard),
        queries.presence.of(f"{person_id} {caller.kernel_id} {program}"),
    ):
        changed_runs.update((run.id, run) for run in queries.under_way(person_id, caller.kernel_id))
        empty = b"\n"  # after the first telling
        while not lines.ended:
            runs = list(changed_runs.values())
            changed_runs.clear()
            changed.clear()
            if runs:
                try:
                    principal = await standing.principal()
                except NotSignedIn:
                    return  # whoever asks again hears why
                states = [json.dumps(answer(queries.access.seen(principal, run))).encode() + b"\n" for run in runs]
                yield b"".join(states) + empty
            elif empty:
                yield empty
            empty = b""
            await _pause(changed, changed_runs)
            if not changed_runs and not lines.ended:
                try:
                    await asyncio.wait_for(changed.wait(), ALIVE_SECONDS)
                except TimeoutError:
                    if standing.ended:
                        return
                    empty = b"\n"


async def _pause(changed: asyncio.Event, runs: dict[str, Run]) -> None:
    """Let changes gather for a moment, unless a run has ended."""
    until = time.monotonic() + PAUSE_SECONDS
    while (left := until - time.monotonic()) > 0 and not any(run.state.ended for run in runs.values()):
        changed.clear()
        try:
            await asyncio.wait_for(changed.wait(), left)
        except TimeoutError:
            return
