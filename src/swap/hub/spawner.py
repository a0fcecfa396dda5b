"""Start, watch and stop one person's Jupyter server, which runs where and as whom its keeper says.

`start` returns when the server answers, or says why it does not, with the end of its log.  The server
outlives the hub; a restarted hub finds it again by number and moment of start, and never takes another
process for it.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

from jupyterhub.spawner import Spawner, SpawnException
from jupyterhub.utils import random_port
from sqlalchemy.exc import SQLAlchemyError
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from swap import audit
from swap.errors import SwapError
from swap.hub import context
from swap.hub.steps import Steps
from swap.launch import server as launches
from swap.launch.model import Refusals, Running
from swap.launch.start import MOST_TURN_SECONDS, SPARE_SECONDS, Failure, Step, failure_data, step_event
from swap.people import service

ASK_SECONDS = 0.1
COUNT_SECONDS = 60.0
"""How often what a person's programs were refused is added to the audit, if it is anything."""
MINIMUM_FREE_BYTES = 20_000_000
"""Jupyter writes a few small files to start; below this it would fail half-way, in its own words."""


class StartFailed(SpawnException):  # type: ignore[misc] # JupyterHub has no types
    """Why a server did not start: one or two sentences for its person, and the end of the server's log."""

    def __init__(self, why: str, *, reason: str, status: int, log: str = "") -> None:
        super().__init__(why, reason=reason, status_code=status)
        self.failure = Failure(why, log)
        # JupyterHub sends this in its event of a failed start, also to who asks when all is over: the portal reads it.
        self.jupyterhub_html_message = failure_data(self.failure)


class LocalSpawner(Spawner):  # type: ignore[misc] # JupyterHub has no types
    """One person's server on this machine."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.context = context.current()
        self.servers = self.context.servers
        self.steps = Steps()
        self.running: Running | None = None
        self.counted: Refusals | None = None
        self.counted_at = 0.0

    # ── what survives the hub ───────────────────────────────────────────────────────────────────────
    def get_state(self) -> dict[str, Any]:
        """Return what a restarted hub needs to know the server again; no secret."""
        state: dict[str, Any] = super().get_state()
        if self.running is not None:
            state["running"] = asdict(self.running)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over a server an earlier hub started."""
        super().load_state(state)
        if "running" in state:
            self.running = Running(**state["running"])

    def clear_state(self) -> None:
        """Forget the server; `run_post_stop_hook` has told the database of its end."""
        super().clear_state()
        self.running = None

    # ── start ───────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> str:
        """Start the server when it is its turn, and return its address once it answers.  Raises StartFailed."""
        self.steps = Steps()
        try:
            async with self._turn():
                return await self._start()
        except StartFailed as error:
            await self._record_failure(error.failure)
            raise
        except OSError as error:
            why = f"This machine could not start it: {error.strerror or error}."
            failed = StartFailed(why, reason="system", status=500, log=await self._said() if self.running else "")
            await self._record_failure(failed.failure)
            raise failed from error
        except SwapError as error:
            raise StartFailed(str(error), reason=error.category, status=error.status) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for the turn, and see that what follows ends in time.  Raises StartFailed."""
        seconds = self.context.settings.launch.start_seconds + SPARE_SECONDS
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(MOST_TURN_SECONDS):
                    turn = context.turns().turn(lambda ahead: self.steps.begin(Step.TURN, ahead=ahead))
                    await stack.enter_async_context(turn)
            except TimeoutError:
                minutes = MOST_TURN_SECONDS / 60
                raise StartFailed(
                    f"So many servers start that its turn did not come within {minutes:.0f} minutes. Try again later.",
                    reason="turn",
                    status=503,
                ) from None
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError:
                why = f"It was not done within {seconds:.0f} seconds, so SWAP gave up."
                raise StartFailed(why, reason="timeout", status=504, log=await self._said()) from None

    async def _start(self) -> str:
        here, person_id = self.context, self.user.name
        self.steps.begin(Step.HOME)
        await self._end_leftover()
        if await self.servers.open_home(person_id) < MINIMUM_FREE_BYTES:
            raise StartFailed(
                "The disk of your home directory is full. JupyterLab must write a few small files to start. "
                "Your notebooks are safe. Make room, then try again.",
                reason="disk-full",
                status=507,
            )
        self.steps.begin(Step.PROCESS)
        self.port = random_port()
        server_id, credential = "s" + secrets.token_hex(8), secrets.token_urlsafe(32)
        told = await here.transact(lambda conn: self._prepare(conn, server_id, credential))
        self.running = await self.servers.start(person_id, self.port, server_id, told)
        self.steps.begin(Step.ANSWER, self.running.pid)
        address = f"http://127.0.0.1:{self.port}"
        await self._wait_for_answer(address)
        # What was refused until now were our own questions whether it answers.
        self.counted, self.counted_at = await self.servers.refusals(person_id), time.monotonic()
        self.steps.begin(Step.ROUTE)
        await here.transact(
            lambda conn: audit.record(conn, audit.ServerStarted(person_id=person_id, server_id=server_id))
        )
        return address

    async def _end_leftover(self) -> None:
        """Stop a server of this person that a hub started and had no time to remember."""
        leftover = await self.servers.find(self.user.name)
        if leftover is not None:
            self.log.warning("Stopping a forgotten server of %s, process %s", self.user.name, leftover.pid)
            await self._end(leftover)

    def _prepare(self, conn: Any, server_id: str, credential: str) -> dict[str, str]:
        """Record the server's credential and return what the server is told."""
        person = service.find_person(conn, self.user.name)
        if person is None or not service.access(conn, self.user.name, context.utc_now()).live:
            raise StartFailed(
                "You are not signed in any more. Sign in again, then try again.", reason="access", status=403
            )
        service.launch_server(conn, person.id, server_id, credential, context.utc_now())
        return launches.told(person.name, credential, self.get_env())

    async def _wait_for_answer(self, address: str) -> None:
        limit = self.context.settings.launch.start_seconds
        end = time.monotonic() + limit
        client = AsyncHTTPClient()
        while time.monotonic() < end:
            code = await self.servers.poll(self.user.name)
            if code is not None:
                why = " ".join((_ended(code), *(await self.servers.limits_met(self.user.name)).values()))
                raise StartFailed(why, reason="exited", status=500, log=await self._said())
            if await _answers(client, f"{address}/user/{self.user.name}/api"):
                return
            await asyncio.sleep(ASK_SECONDS)
        raise StartFailed(
            f"It did not answer within {limit:.0f} seconds, so SWAP stopped it.",
            reason="timeout",
            status=504,
            log=await self._said(),
        )

    async def _said(self) -> str:
        """Return the end of the server's log; nothing while nobody can say it: a start fails for its own reason."""
        with suppress(SwapError, OSError):
            return await self.servers.said(self.user.name)
        return ""

    async def _record_failure(self, failure: Failure) -> None:
        reason = " ".join([failure.why, *failure.log.splitlines()[-1:]])
        server_id = self.running.server_id if self.running else ""
        event = audit.ServerFailed(person_id=self.user.name, server_id=server_id, reason=reason[:500])
        try:
            await self.context.transact(lambda conn: audit.record(conn, event))
        except (SwapError, SQLAlchemyError) as error:
            # Its person is to be told why it failed, and not that the audit could not be written.
            self.log.warning("The failed start of %s is not in the audit: %s", self.user.name, error)

    # ── watch and stop ──────────────────────────────────────────────────────────────────────────────
    async def poll(self) -> int | None:
        """Return None while the server runs, else how it ended (0 when nobody knows)."""
        if self.running is None:
            return 0
        code = await self.servers.poll(self.user.name)
        if code is None and time.monotonic() - self.counted_at > COUNT_SECONDS:
            await self._record_refusals(await self.servers.refusals(self.user.name))
        return code

    async def _record_refusals(self, now: Refusals) -> None:
        """Add to the audit what was refused since the last record; what cannot be recorded now is, the next time."""
        server, before, self.counted_at = self.running, self.counted or now, time.monotonic()
        assert server is not None
        new = now.since(before)
        if new.no_route > 0 or new.refused > 0:
            event = audit.ConnectionsRefused(
                person_id=server.person_id, server_id=server.server_id, no_route=new.no_route, refused=new.refused
            )
            try:
                await self.context.transact(lambda conn: audit.record(conn, event))
            except (SwapError, SQLAlchemyError) as error:
                self.log.warning("Refused connections of %s are not in the audit yet: %s", server.person_id, error)
                return
        self.counted = now

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002 - JupyterHub's signature
        """Stop the server: ask, wait, kill."""
        server = await self.servers.find(self.user.name)
        if server is not None:
            refused = await self.servers.refusals(self.user.name)
            await self._end(server)
            if self.running is not None:
                await self._record_refusals(refused)

    async def _end(self, server: Running) -> None:
        if not await self.servers.end(server.person_id):
            self.log.error("Process %s of %s did not end", server.pid, server.person_id)

    async def run_post_stop_hook(self) -> None:
        """Tell the database that the server's credential is dead, however the server ended."""
        server = self.running
        if server is None:
            return
        await self.servers.finish(server.person_id)

        def end(conn: Any) -> None:
            if service.end_server(conn, server.server_id, context.utc_now()) is not None:
                audit.record(conn, audit.ServerStopped(person_id=server.person_id, server_id=server.server_id))

        await self.context.transact(end)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the steps of the start as they begin, for the portal's page."""
        async for begun in self.steps.follow():
            yield step_event(begun)


async def _answers(client: AsyncHTTPClient, url: str) -> bool:
    """Tell whether somebody speaks HTTP there and is not still starting."""
    try:
        response = await client.fetch(
            url, connect_timeout=1, request_timeout=5, raise_error=False, follow_redirects=False
        )
    except (OSError, HTTPClientError):
        return False
    return bool(response.code < 500)


def _ended(code: int) -> str:
    return f"It was ended by {signal.Signals(-code).name}." if code < 0 else f"It ended by itself, with status {code}."
