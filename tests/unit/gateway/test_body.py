"""Bodies are kept within their limit, whatever their headers say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from swap.gateway.body import JSON_BYTES, BodyLimit

UPLOAD_BYTES = 10 * JSON_BYTES


class Reading:
    """An application that reads the whole body, and what became of it."""

    def __init__(self) -> None:
        self.read = 0
        self.sent: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, send
        more = True
        while more:
            message = await receive()
            self.read += len(message["body"])
            more = message["more_body"]

    def asked(self, path: str, sizes: list[int], **headers: str) -> int:
        """Send a body in pieces of these sizes; return the status of a refusal, or 0."""
        messages = [
            {"type": "http.request", "body": b"x" * size, "more_body": number < len(sizes) - 1}
            for number, size in enumerate(sizes)
        ]
        scope = {
            "type": "http",
            "path": path,
            "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()],
        }

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            self.sent.append(message)

        asyncio.run(BodyLimit(self, {"/v1/uploads": UPLOAD_BYTES})(scope, receive, send))
        return self.sent[0]["status"] if self.sent else 0


@pytest.mark.parametrize(("path", "limit"), [("/v1/queries", JSON_BYTES), ("/v1/uploads", UPLOAD_BYTES)])
def test_a_body_may_be_as_large_as_its_limit_and_no_larger(path: str, limit: int) -> None:
    assert Reading().asked(path, [limit], content_length=str(limit)) == 0

    refused = Reading()

    assert refused.asked(path, [limit + 1], content_length=str(limit + 1)) == 413
    assert refused.read == 0
    assert json.loads(refused.sent[1]["body"])["error"]["category"] == "limit"


@pytest.mark.parametrize("declared", ["-1", "1e9", "", "4 000 000", "٣"])
def test_a_length_that_is_no_number_is_refused(declared: str) -> None:
    assert Reading().asked("/v1/queries", [1], content_length=declared) == 413


@pytest.mark.parametrize("headers", [{}, {"content_length": "5"}])
def test_a_body_is_counted_whatever_it_says(headers: dict[str, str]) -> None:
    reading = Reading()

    with pytest.raises(HTTPException) as raised:
        reading.asked("/v1/queries", [JSON_BYTES // 2, JSON_BYTES // 2, 1, 1_000_000], **headers)

    assert raised.value.status_code == 413
    assert reading.read == JSON_BYTES
