"""Who is calling: the bearer, and whether its person may act at this moment.

Six kinds of bearer, each accepted on its own routes only.  A valid token is not enough: on every
request the database is asked for the person's live sign-in and epoch, so a sign-out ends tokens at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from sqlalchemy import Engine

from swap.errors import Forbidden, NotSignedIn, Problem
from swap.gateway.stream import AccessNews
from swap.identity import Principal, Via
from swap.people import service as people
from swap.people import tokens
from swap.runtime import Runtime

MAX_BEARER = 4096
VERDICT_SECONDS = 1.0
"""How long who may see the state of a run is taken for granted on an open line."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and from which kernel ('' for the portal and the server's extension)."""

    principal: Principal
    kernel_id: str
    claims: tokens.Claims


class Guard:
    """Checks bearers."""

    def __init__(self, engine: Engine, runtime: Runtime, now: Callable[[], datetime]) -> None:
        # One statement each: a transaction around it would ask the database twice more.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._keys = {
            Via.KERNEL: runtime.kernel_key,
            Via.PORTAL: runtime.portal_key,
            Via.SERVER: runtime.server_key,
            Via.READER: runtime.server_key,
            Via.REPORT: runtime.report_key,
        }
        self._now = now

    def caller(self, request: Request, allowed: frozenset[Via]) -> Caller:
        """Return who is calling with a token.  Raises NotSignedIn, Forbidden."""
        now = self._now()
        claims = tokens.verify(self._keys, _bearer(request), now)
        if claims.via not in allowed:
            raise Forbidden(
                Problem(
                    f"A {claims.via} token is not for this.",
                    todo="Use SWAP from where this belongs: a notebook or the portal.",
                )
            )
        return Caller(self.bearer(claims), claims.kernel_id, claims)

    def bearer(self, claims: tokens.Claims) -> Principal:
        """Return who shows a verified token, as they may act at this moment.  Raises NotSignedIn."""
        with self._engine.connect() as conn:
            return people.token_bearer(conn, claims, self._now())

    def ended(self, claims: tokens.Claims) -> bool:
        """Tell whether a token has reached its end."""
        return self._now() >= claims.expires_at

    def server(self, request: Request) -> people.LaunchedServer:
        """Return the Jupyter server whose credential this is.  Raises NotSignedIn."""
        with self._engine.connect() as conn:
            return people.server_for(conn, _bearer(request), self._now())

    def access(self, person_id: str) -> people.Access:
        """Tell whether a person may act, and in which epoch."""
        with self._engine.connect() as conn:
            return people.access(conn, person_id, self._now())


class Standing:
    """Who holds an open line: a verdict that is a second old at most, and void while no news of changes come."""

    def __init__(self, guard: Guard, claims: tokens.Claims, news: AccessNews) -> None:
        self._guard = guard
        self._claims = claims
        self._news = news
        self._changed = asyncio.Event()
        self._principal: Principal | None = None
        self._looked_at = -math.inf

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hear of changes during the block."""
        with self._news.of(self._claims.person_id) as self._changed:
            yield

    @property
    def ended(self) -> bool:
        """Tell whether its token has reached its end."""
        return self._guard.ended(self._claims)

    async def principal(self) -> Principal:
        """Return who it is, with the groups they have now.  Raises NotSignedIn, also when the token has ended."""
        fresh = time.monotonic() - self._looked_at <= VERDICT_SECONDS and self._news.listening
        if self._principal is None or not fresh or self._changed.is_set():
            if self.ended:
                raise NotSignedIn(Problem("This token has ended.", todo="Show a new one."))
            self._changed.clear()
            self._principal, self._looked_at = None, time.monotonic()
            self._principal = await asyncio.to_thread(self._guard.bearer, self._claims)
        return self._principal


def _bearer(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not value or len(value) > MAX_BEARER:
        raise NotSignedIn(Problem("You are not signed in.", why="The request carries no token.", todo="Sign in again."))
    return value.strip()
