"""The local socket on which a kernel asks for its token: one line in, one line out; or by HTTP, as R can.

Only processes of our own user are answered, whatever the file's mode says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from swap.errors import SwapError, to_json
from swap.lab.tokens import Token

LINE_BYTES = 4096
ASK_SECONDS = 5.0
CREDENTIALS = struct.Struct("3i")
HTTP = b"GET "
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"

log = logging.getLogger("swap.lab")


def bind(path: Path) -> socket.socket:
    """Bind the socket, private from its first moment; a file a dead server left behind is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


def peer(connection: socket.socket) -> tuple[int, int]:
    """Return the process and user id at the other end, as the kernel knows them."""
    pid, uid, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return pid, uid


class TokenSocket:
    """Answers kernels until it is closed."""

    def __init__(self, path: Path, give: Callable[[int, str], Awaitable[Token]]) -> None:
        self._path = path
        self._give = give
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on the running event loop."""
        self._server = await asyncio.start_unix_server(self._answer, sock=bind(self._path), limit=LINE_BYTES)

    async def stop(self) -> None:
        """Stop answering and take the file away."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            pid, uid = peer(writer.get_extra_info("socket"))
            if uid != os.getuid():
                log.warning("User %d asked for a kernel's token and got none.", uid)
                return
            async with asyncio.timeout(ASK_SECONDS):
                line = await reader.readline()
                by_http = line.startswith(HTTP)
                while by_http and (await reader.readline()).strip():
                    pass  # headers say nothing that matters here
            reply = json.dumps(await self._reply(pid, b"" if by_http else line)).encode() + b"\n"
            writer.write(HEAD.format(len(reply)).encode() + reply if by_http else reply)
            await writer.drain()
        except (OSError, ValueError, TimeoutError):
            log.debug("A question on the token socket was cut off.", exc_info=True)
        finally:
            writer.close()

    async def _reply(self, pid: int, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line or b"{}")
            claimed = str(asked.get("kernel_id") or "")[:64]
        except (ValueError, AttributeError):
            claimed = ""
        try:
            token = await self._give(pid, claimed)
        except SwapError as error:
            return {"error": to_json(error)}
        return {"token": token.value, "expires_at": token.expires_at.isoformat()}
