"""How our own applications are served: on loopback, in one process, with an end that cannot hang."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

NOT_STARTED = 3
"""The status of a server that could not start: uvicorn's own."""


class Server(uvicorn.Server):
    """A server that says when it stops, before it waits for what is still open."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say it, then stop as uvicorn does."""
        self._stopping()
        await super().shutdown(sockets)


def serve(app: FastAPI, port: int, stopping: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; `stopping` ends what would stay open for ever."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        use_colors=False,
        server_header=False,
        proxy_headers=False,
        # Results that follow a query end with it; a stop waits for them only this long.
        timeout_graceful_shutdown=3,
    )
    server = Server(config, stopping)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when it has stopped
        server.run()
    if not server.started:
        sys.exit(NOT_STARTED)
