"""The gateway over HTTP: answers as JSON, errors as the classes of swap.errors.

Built on the standard library: what a notebook imports first must be there at once.  No proxy setting,
redirect or cookie is followed; each request has a connection of its own, so threads and forks share nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from swap.client.failures import Unreachable
from swap.client.tokens import Tokens
from swap.errors import NotSignedIn, Problem, Unavailable, from_json

ANSWER_SECONDS = 60.0
CONNECT_TRIES = 4
"""Tries to connect before a request counts as failed: a restarting gateway is back within seconds."""

Body = bytes | Any
"""Bytes, or a file open for reading."""


class Bearer(Protocol):
    """Gives the token of a request."""

    def get(self, *, refused: str = "") -> str:
        """Return a token, not the refused one."""


class Gateway:
    """SWAP's gateway, as this kernel reaches it."""

    def __init__(self, address: str, tokens: Bearer) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Unavailable(
                Problem(f"SWAP_GATEWAY is no address: {address}.", todo="It looks like http://127.0.0.1:8001.")
            )
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._tokens = tokens

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Send JSON and return the JSON that comes back.  Raises what the gateway says, Unreachable, TimeoutError."""
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, path, data, query=query, seconds=seconds) as answer:
            return read_json(answer)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        query: Mapping[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[HTTPResponse]:
        """Send a request and give its answer to read; a refused token is renewed once.

        `seconds` is how long the gateway may be silent; after that TimeoutError is raised.
        """
        target = self._prefix + path + ("?" + urlencode(query) if query else "")
        token = self._tokens.get()
        connection, answer = self._send(method, target, body, token, seconds, headers)
        try:
            if answer.status == NotSignedIn.status:
                connection.close()
                token = self._tokens.get(refused=token)
                if hasattr(body, "seek"):
                    body.seek(0)
                connection, answer = self._send(method, target, body, token, seconds, headers)
            if answer.status >= 300:
                raise from_json(_parsed(answer).get("error"), answer.status)
            yield answer
        finally:
            connection.close()

    def _send(
        self, method: str, target: str, body: Body, token: str, seconds: float, headers: Mapping[str, str] | None
    ) -> tuple[HTTPConnection, HTTPResponse]:
        connection = self._connect(seconds)
        try:
            # An answer may come before the body was sent: too large, for one.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    method,
                    target,
                    body,
                    {
                        "Authorization": f"Bearer {token}",
                        "Accept-Encoding": "identity",
                        "Content-Type": "application/json",
                        **(headers or {}),
                    },
                )
            return connection, connection.getresponse()
        except TimeoutError:
            connection.close()
            raise
        except (OSError, HTTPException) as error:
            connection.close()
            raise _unreachable(error) from None
        except BaseException:
            connection.close()
            raise

    def _connect(self, seconds: float) -> HTTPConnection:
        # Nothing has been sent yet, so trying again is safe for every method.
        for last in (*[False] * (CONNECT_TRIES - 1), True):
            connection = self._kind(self._host, self._port, timeout=seconds)
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                if last:
                    raise _unreachable(error) from None
                time.sleep(0.25)
            else:
                return connection
        raise AssertionError


def default() -> Gateway:
    """Return the gateway this process's environment names.  Raises Unavailable outside SWAP."""
    address, path = os.environ.get("SWAP_GATEWAY", ""), os.environ.get("SWAP_TOKEN_SOCKET", "")
    if not address or not path:
        raise Unavailable(
            Problem(
                "This Python does not run inside SWAP.",
                why="SWAP_GATEWAY and SWAP_TOKEN_SOCKET are not set.",
                todo="Open a notebook or a terminal from SWAP's home page and use swap there.",
            )
        )
    return _gateway(address, path)


@lru_cache(maxsize=4)
def _gateway(address: str, path: str) -> Gateway:
    return Gateway(address, Tokens(path))


def read_json(answer: HTTPResponse) -> dict[str, Any]:
    """Return an answer's JSON object.  Raises SwapError for anything else: it is not the gateway that answers."""
    read = _parsed(answer)
    if not read:
        raise from_json(None, answer.status)
    return read


def lines(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield an answer's lines as they come, without their ends.  Raises Unreachable, TimeoutError."""
    try:
        for line in answer:
            yield line.rstrip(b"\n")
    except TimeoutError:
        raise
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None


def _parsed(answer: HTTPResponse) -> dict[str, Any]:
    try:
        read = json.loads(answer.read())
    except ValueError:
        return {}
    except TimeoutError:
        raise
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None
    return read if isinstance(read, dict) else {}


def _unreachable(error: Exception) -> Unreachable:
    return Unreachable(
        Problem(
            "SWAP does not answer.",
            why=f"Your notebook cannot reach its gateway ({error or type(error).__name__}).",
            todo="Run the cell again in a minute; tell whoever runs SWAP if it stays so.",
        )
    )
