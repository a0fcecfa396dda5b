"""How messages travel to a HiveServer2 over HTTP: each is the body of a request, its answer the body of the answer.

One is under way at a time.  A server may end the connection after any answer: a session belongs to none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from swap.connectors.hive.transport import LARGEST_BYTES, RefusedError
from swap.connectors.wire import ConnectError, LostError, Wire

_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: |\r?\n)")
_COOKIE = re.compile(r"\s*([!#$%&'*+.^_`|~\w-]+)=([^;\x00-\x20]*)")
_LONGEST_LINE = 2**15
_MOST_LINES = 200
_OURS = "hive.server2.auth"
"""The cookie that says who we are, for a time of the server's choosing."""
_REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    proof: str


class Proof(Protocol):
    """What proves who we are, and may have the server prove who it is."""

    def say(self) -> str:
        """Return what the header Authorization says."""

    def hear(self, answer: str) -> None:
        """Look at what the server says to it (WWW-Authenticate).  Raises UnprovenError: then nothing it says counts."""


class Basic:
    """Account and password, in the clear but for TLS (RFC 7617)."""

    def __init__(self, user: str, password: str) -> None:
        self._account = f"{user}:{password}"

    def say(self) -> str:
        """Return account and password."""
        return f"Basic {base64.b64encode(self._account.encode()).decode()}"

    def hear(self, answer: str) -> None:
        """Take it: TLS says which server it is, or the network is trusted."""


class Bodies:
    """Messages as bodies of requests to one path of one server, over a wire that `reach` connects again.

    A proof is given until the server gives its cookie, and again when that has run out.  No answer to one counts, nor
    does its cookie, before the server has proved itself as far as the proof demands.
    """

    def __init__(self, wire: Wire, reach: Callable[[], None], host: str, path: str, proof: Proof) -> None:
        self._wire = wire
        self._reach = reach
        self._host = host
        self._path = path
        self._proof = proof
        self._proving = self._proved = False
        self._connected = True
        self._message = b""
        self._cookies: dict[str, str] = {}

    def greet(self) -> None:
        """Wait for the server to say anything of HTTP: whatever it makes of OPTIONS, it is there.

        The first call, which opens a session, may rightly take long.  Raises LostError, QueryTimedOut, EOFError.
        """
        head = [f"OPTIONS /{self._path} HTTP/1.1", f"Host: {self._host}", "Content-Length: 0", "", ""]
        self._wire.send("\r\n".join(head).encode("latin-1"))
        self._answer()

    def send(self, message: bytes) -> None:
        """Send a call.  Raises RefusedError, LostError, QueryTimedOut, EOFError."""
        self._message = message
        self._post()

    def receive(self) -> bytes:
        """Return the answer to the call.  Raises RefusedError, UnprovenError, LostError, QueryTimedOut, EOFError."""
        answer = self._answer()
        # A server refuses before it looks at the call, so that the call can be made once more.
        if answer.status == 401 and self._cookies.pop(_OURS, None) is not None:
            self._post()
            answer = self._answer()
        if answer.status in _REFUSALS:
            raise RefusedError(f"status {answer.status}")
        if answer.status != 200:
            raise LostError(f"it answered with the status {answer.status}")
        if self._proving:
            self._proof.hear(answer.proof)
            self._proved = True
        return answer.body

    # Below

    def _post(self) -> None:
        if not self._connected:
            try:
                self._reach()
            except ConnectError as error:
                raise LostError(f"it {error}") from None
            self._connected = True
        head = [
            f"POST /{self._path} HTTP/1.1",
            f"Host: {self._host}",
            "Content-Type: application/x-thrift",
            f"Content-Length: {len(self._message)}",
            # Servers that guard against requests that a page of another site makes want to see it.
            "X-XSRF-HEADER: true",
        ]
        if self._cookies:
            head.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self._cookies.items()))
        # A cookie of one who has not proved anything spares no proof.
        self._proving = _OURS not in self._cookies or not self._proved
        if self._proving:
            self._proved = False
            head.append(f"Authorization: {self._proof.say()}")
        self._wire.send("\r\n".join([*head, "", ""]).encode("latin-1") + self._message)

    def _answer(self) -> _Answer:
        while True:
            told = _STATUS.match(self._wire.line(_LONGEST_LINE))
            if told is None:
                raise LostError("an answer that is none of HTTP")
            status = int(told[2])
            headers = self._headers()
            if status // 100 != 1:
                break
        body = self._body(status, headers)
        if told[1] == b"0" or "close" in headers.get("connection", "").lower():
            self._wire.close()
            self._connected = False
        return _Answer(status, body, headers.get("www-authenticate", ""))

    def _headers(self) -> Mapping[str, str]:
        """Return the headers by their names in lower case, and keep the cookies."""
        headers: dict[str, str] = {}
        for _ in range(_MOST_LINES):
            line = self._wire.line(_LONGEST_LINE).decode("latin-1").strip()
            if not line:
                return headers
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
            if name.strip().lower() == "set-cookie" and (cookie := _COOKIE.match(value)):
                self._cookies[cookie[1]] = cookie[2]
        raise LostError("an answer of too many headers")

    def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length", "")
        if length.isdecimal():
            return self._wire.receive(_limited(int(length)))
        if status == 200:
            # One that ends with the connection cannot be told from one that was cut off.
            raise LostError("an answer without a length")
        self._wire.close()
        self._connected = False
        return b""

    def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        have = 0
        while True:
            line = self._wire.line(_LONGEST_LINE)
            try:
                size = int(line.partition(b";")[0].strip(), 16)
            except ValueError:
                size = -1
            have = _limited(have + size) if size >= 0 else _limited(size)
            if size == 0:
                break
            pieces.append(self._wire.receive(size))
            if self._wire.receive(2) != b"\r\n":
                raise LostError("a chunk longer than it says")
        self._headers()
        return b"".join(pieces)


def _limited(size: int) -> int:
    if not 0 <= size <= LARGEST_BYTES:
        raise LostError(f"an answer of {size} bytes")
    return size
