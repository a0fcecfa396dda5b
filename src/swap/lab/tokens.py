"""Kernel tokens from the gateway, kept until shortly before they expire, and never written anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from swap.errors import Problem, SwapError, Unavailable, from_json
from swap.lab.loopback import NO_TLS

MARGIN = timedelta(seconds=30)
"""A token is renewed when less than this, or a quarter of its life, is left."""
KERNEL_KEEPS = timedelta(seconds=2)
"""A kernel keeps its token itself and asks again only when it nears its end or was refused: it gets a new one,
except within this time, so that a loop in a notebook does not become a storm at the gateway."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token of one kernel."""

    value: str = field(repr=False)
    expires_at: datetime
    minted_at: datetime
    renew_at: datetime


def problem_from(response: httpx.Response) -> SwapError:
    """Return the error a gateway's answer stands for."""
    try:
        return from_json(response.json()["error"], response.status_code)
    except (ValueError, KeyError, TypeError):
        return from_json(None, response.status_code)


class Tokens:
    """Gets a kernel's token from the gateway with the server's credential, one request at a time per kernel."""

    def __init__(
        self,
        gateway: str,
        credential: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        path: str = "/v1/tokens",
    ) -> None:
        self._url = gateway + path
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._now = now
        self._kept: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._generation = 0
        self._client = httpx.AsyncClient(timeout=10.0, trust_env=False, verify=NO_TLS)

    async def for_kernel(self, kernel_id: str) -> Token:
        """Return a token for a kernel, or for a terminal when `kernel_id` is empty; errors as `get`."""
        return await self.get(kernel_id, at_most=KERNEL_KEEPS)

    async def get(self, kernel_id: str = "", *, at_most: timedelta = timedelta.max) -> Token:
        """Return a token that was minted at most so long ago; without a kernel's id, the server's own.

        Raises NotSignedIn after sign-out, Unavailable when the gateway does not answer.
        """
        async with self._locks.setdefault(kernel_id, asyncio.Lock()):
            kept, now = self._kept.get(kernel_id), self._now()
            if kept is not None and now < kept.renew_at and now - kept.minted_at < at_most:
                return kept
            generation = self._generation
            token = await self._renew(kernel_id)
            # Access may have ended while the gateway answered; such a token is used once at most, never kept.
            if generation == self._generation:
                self._kept[kernel_id] = token
            return token

    def drop(self) -> None:
        """Forget every token."""
        self._generation += 1
        self._kept.clear()

    async def close(self) -> None:
        """Close the connections to the gateway."""
        self.drop()
        await self._client.aclose()

    async def _renew(self, kernel_id: str) -> Token:
        try:
            response = await self._client.post(self._url, json={"kernel_id": kernel_id}, headers=self._headers)
        except httpx.HTTPError as error:
            raise Unavailable(
                Problem(
                    "SWAP's gateway does not answer.",
                    why="It runs the queries; your notebook, and what it holds, is not touched.",
                    todo="Run the cell again in a minute.",
                )
            ) from error
        if response.status_code != 200:
            raise problem_from(response)
        return self._read(response.json())

    def _read(self, body: dict[str, Any]) -> Token:
        expires_at = datetime.fromisoformat(body["expires_at"])
        now = self._now()
        renew_at = expires_at - min(MARGIN, (expires_at - now) / 4)
        return Token(value=body["token"], expires_at=expires_at, minted_at=now, renew_at=renew_at)
