"""Keep request bodies within their limit, whatever their headers say."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swap.errors import LimitExceeded, Problem, to_json

JSON_BYTES = 4_000_000
"""Bytes of a JSON body: the statement has its own limit, its parameters share this one."""


class BodyLimit:
    """ASGI middleware: answers 413 as soon as a body is too large; `larger` has paths that take more, with how much."""

    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], JSON_BYTES)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            await _refuse(send, limit)
            return
        counted = 0

        async def counting() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > limit:
                # FastAPI turns any other exception of a body into "400".
                raise HTTPException(413, _problem(limit).title)
            return message

        await self._app(scope, counting, send)


async def _refuse(send: Send, limit: int) -> None:
    error = LimitExceeded(_problem(limit))
    body = json.dumps({"error": to_json(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(limit: int) -> Problem:
    return Problem(f"The request is larger than {limit / 1e6:,.0f} MB.", todo="Send less at once.")
