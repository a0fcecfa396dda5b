"""Who is calling: the bearer, and whether its person may act at this moment.

Three kinds of bearer, each accepted on its own routes only.  A valid token is not enough: on every
request the database is asked for the person's live sign-in and epoch, so a sign-out ends tokens at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from sqlalchemy import Engine

from swap.errors import Forbidden, NotSignedIn, Problem
from swap.identity import Principal, Via
from swap.people import service as people
from swap.people import tokens
from swap.runtime import Runtime

MAX_BEARER = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and from which kernel ('' for the portal and the server's extension)."""

    principal: Principal
    kernel_id: str


class Guard:
    """Checks bearers."""

    def __init__(self, engine: Engine, runtime: Runtime, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._keys = {Via.KERNEL: runtime.kernel_key, Via.PORTAL: runtime.portal_key}
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
        with self._engine.begin() as conn:
            return Caller(people.token_bearer(conn, claims, now), claims.kernel_id)

    def server(self, request: Request) -> people.LaunchedServer:
        """Return the Jupyter server whose credential this is.  Raises NotSignedIn."""
        with self._engine.begin() as conn:
            return people.server_for(conn, _bearer(request), self._now())

    def access(self, person_id: str) -> people.Access:
        """Tell whether a person may act, and in which epoch."""
        with self._engine.begin() as conn:
            return people.access(conn, person_id, self._now())


def _bearer(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not value or len(value) > MAX_BEARER:
        raise NotSignedIn(Problem("You are not signed in.", why="The request carries no token.", todo="Sign in again."))
    return value.strip()
