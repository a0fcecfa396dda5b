"""How our own applications are served: on loopback, in one process, with an end that cannot hang."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI


def serve(app: FastAPI, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Streams that follow a query or a sign-out stay open for ever; a stop waits for them only this long.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
