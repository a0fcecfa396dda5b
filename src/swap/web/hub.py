"""What the portal asks of JupyterHub: who signed in, how a server does, start it, stop it.

Speaks to the hub's own address with the portal's service token.  The hub may be away: the portal's pages
go on, and every call here ends within seconds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx

from swap.errors import Forbidden, Problem, Unavailable
from swap.identity import PERSON_ID
from swap.web import words
from swap.web.loopback import NO_TLS

CLIENT_ID = "service-portal"
"""The portal's OAuth client at the hub: the service `portal`."""
CALLBACK = "/oauth_callback"
"""A path, not an address: the sign-in then works whatever the port of the person's tunnel."""
QUICK = httpx.Timeout(2.0, connect=1.0)
"""For what a page shows beside the rest: a hub that is busy is left out of it."""
WAITING = httpx.Timeout(8.0, connect=1.0)
"""For what cannot go on without the answer: many starts at once make the hub slow, and it is not away for that."""
AWAY_SECONDS = 5.0
PATIENT = httpx.Timeout(20.0, connect=1.0)
AWAY = Problem(
    "The hub does not answer.",
    why="It starts and stops servers and signs people in; everything else works without it.",
    todo="It is usually back within a minute. Try again.",
)


class ServerKind(StrEnum):
    """What a person's Jupyter server does."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """What the hub tells of a person's server, and when something last happened in it, if it tells that."""

    kind: ServerKind
    active_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What an authorisation code was worth: who signed in."""

    person_id: str


class Hub:
    """The hub's API, for the portal's own service."""

    def __init__(self, url: str, token: str) -> None:
        """Speak to the hub at `url` as the service that holds `token`."""
        self._token = token
        self._headers = {"Authorization": f"Bearer {token}"}
        self._sync = httpx.Client(base_url=f"{url}/hub/api", timeout=QUICK, trust_env=False, verify=NO_TLS)
        self._async = httpx.AsyncClient(base_url=f"{url}/hub/api", timeout=PATIENT, trust_env=False, verify=NO_TLS)
        self._away_since = -AWAY_SECONDS

    async def close(self) -> None:
        """Close the connections."""
        self._sync.close()
        await self._async.aclose()

    def answers(self) -> bool:
        """Tell whether the hub is there."""
        try:
            return self._sync.get("/").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def exchange(self, code: str, verifier: str) -> Grant:
        """Trade an authorisation code for the person's id.

        Raises Forbidden for a code that is not ours or was used.
        """
        try:
            answer = self._sync.post(
                "/oauth2/token",
                data={
                    "client_id": CLIENT_ID,
                    "client_secret": self._token,
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": CALLBACK,
                    "code_verifier": verifier,
                },
                timeout=PATIENT,
            )
            if answer.status_code >= 500:
                raise Unavailable(AWAY)
            token = _json(answer).get("access_token") if answer.is_success else None
            if not isinstance(token, str):
                raise Forbidden(_REFUSED)
            person = self._sync.get("/user", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENT)
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error
        name = _json(person).get("name") if person.is_success else None
        if not isinstance(name, str) or not PERSON_ID.fullmatch(name):
            raise Forbidden(_REFUSED)
        return Grant(name)

    def server(self, person_id: str) -> Told:
        """Return what a person's server does; UNKNOWN when the hub does not say.

        Pages ask this each time they are drawn, so a hub that hangs is left alone for a moment.
        """
        if time.monotonic() - self._away_since < AWAY_SECONDS:
            return Told(ServerKind.UNKNOWN)
        try:
            answer = self._sync.get(f"/users/{person_id}", headers=self._headers)
        except httpx.HTTPError as error:
            if isinstance(error, httpx.TimeoutException):
                self._away_since = time.monotonic()
            return Told(ServerKind.UNKNOWN)
        server = (_json(answer).get("servers") or {}).get("")
        active_at = words.moment(server.get("last_activity")) if isinstance(server, dict) else None
        return Told(_kind_told(answer), active_at)

    async def start(self, person_id: str) -> bool:
        """Ask for a start, or join the one that goes on; return as soon as the hub has taken the request.

        False is one that has failed already: its progress says why.  Raises Unavailable when it was not taken.
        """
        try:
            answer = await self._async.post(f"/users/{person_id}/server", headers=self._headers)
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error
        if answer.is_success or await self.state(person_id) in {ServerKind.RUNNING, ServerKind.STARTING}:
            return True
        if answer.is_server_error:
            return False
        raise Unavailable(_NOT_STARTED.get(answer.status_code, NO_REASON))

    async def stop(self, person_id: str) -> None:
        """Stop a server, also one that is starting.  Raises Unavailable when the hub does not do it."""
        try:
            answer = await self._async.delete(f"/users/{person_id}/server", headers=self._headers)
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            raise Unavailable(Problem("Your server was not stopped.", why=_SILENT, todo="Try again."))

    async def state(self, person_id: str) -> ServerKind:
        """Return the same on the event loop, for who waits for a change: asks each time."""
        try:
            answer = await self._async.get(f"/users/{person_id}", headers=self._headers, timeout=WAITING)
        except httpx.HTTPError:
            return ServerKind.UNKNOWN
        return _kind_told(answer)

    async def stopped(self, person_id: str) -> None:
        """Wait until a server that is stopping has stopped; the hub refuses a start before."""
        while await self.state(person_id) is ServerKind.STOPPING:  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def progress(self, person_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Yield the events of a start; none when the hub knows of no start.  Raises httpx.HTTPError."""
        timeout = httpx.Timeout(30.0, connect=1.0)
        async with self._async.stream(
            "GET", f"/users/{person_id}/server/progress", headers=self._headers, timeout=timeout
        ) as answer:
            yield _events(answer)


_SILENT = "The hub does not say why."
NO_REASON = Problem("Your server did not start.", why=_SILENT)
_NOT_STARTED = {
    403: Problem("Your server did not start.", why="You are not signed in any more.", todo="Sign in again."),
    429: Problem("Your server did not start.", why="Too many servers start just now.", todo="Try again in a minute."),
}
"""What the status of the hub's answer to a request for a start means; its words are for people who run it."""
_REFUSED = Problem(
    "The sign-in was not accepted.",
    why="The hub did not take the code that came back with you: it was used before, or is too old.",
    todo="Sign in again.",
)


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    if not answer.is_success:
        return
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            try:
                event = json.loads(line[5:])
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _kind_told(answer: httpx.Response) -> ServerKind:
    if answer.status_code == httpx.codes.NOT_FOUND:  # the hub learns of a person at their first sign-in
        return ServerKind.STOPPED
    return kind(_json(answer)) if answer.is_success else ServerKind.UNKNOWN


def kind(user: dict[str, Any]) -> ServerKind:
    """Return what the default server of the hub's user model does.

    >>> kind({"servers": {"": {"ready": False, "pending": "spawn"}}}), kind({"servers": {}})
    (<ServerKind.STARTING: 'starting'>, <ServerKind.STOPPED: 'stopped'>)
    """
    server = (user.get("servers") or {}).get("")
    if not isinstance(server, dict):
        return ServerKind.STOPPED
    if server.get("pending") == "spawn":
        return ServerKind.STARTING
    if server.get("pending") == "stop":
        return ServerKind.STOPPING
    return ServerKind.RUNNING if server.get("ready") else ServerKind.STOPPED
