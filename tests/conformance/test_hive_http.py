"""What servers, and what stands before them, answer over HTTP; told by one that says exactly what a test wants."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Self

import pytest

from swap.connectors.hive.http import Bodies
from swap.connectors.hive.transport import LARGEST_BYTES, RefusedError, UnprovenError
from swap.connectors.hive.wire import Server
from swap.connectors.wire import LostError, Wire
from swap.errors import QueryTimedOut, SourceUnavailable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
COOKIE = OK.replace(b"\r\n\r\n", b'\r\nSet-Cookie: hive.server2.auth="cu=swap&s=x"; Secure; HttpOnly\r\n\r\n')
DENIED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"


class Scripted:
    """Answers each request with the next of its answers; None hangs up."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with conn:
                self._talk(conn)

    def _talk(self, conn: socket.socket) -> None:
        while (request := _request(conn)) is not None:
            self.requests.append(request)
            if not self._answers:
                # Silence, until the other side goes.
                conn.recv(1)
                return
            answer = self._answers.pop(0)
            if answer is None:
                return
            conn.sendall(answer)
            if b"Connection: close" in answer:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _request(conn: socket.socket) -> bytes | None:
    have = b""
    while b"\r\n\r\n" not in have:
        if not (piece := conn.recv(4096)):
            return None
        have += piece
    length = re.search(rb"Content-Length: (\d+)\r\n", have)
    assert length
    while len(have) < have.index(b"\r\n\r\n") + 4 + int(length[1]):
        have += conn.recv(4096)
    return have


class Talk:
    """A client of a scripted server, whose proofs are counted."""

    def __init__(self, server: Scripted, wire: Wire) -> None:
        self.proofs = 0
        self._server, self._wire = server, wire
        self._reach()
        self.heard: list[str] = []
        self.bodies = Bodies(wire, self._reach, "db.example.org:10001", "gateway/hive", self)

    def _reach(self) -> None:
        self._wire.connect("127.0.0.1", self._server.port, None, 5)

    def say(self) -> str:
        self.proofs += 1
        return f"Basic {self.proofs}"

    def hear(self, answer: str) -> None:
        self.heard.append(answer)
        if answer == "Negotiate wrong":
            raise UnprovenError

    def ask(self) -> bytes:
        self.bodies.send(b"a call")
        return self.bodies.receive()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def talk(stack: ExitStack, *answers: bytes | None, seconds: float = 20) -> tuple[Talk, Scripted]:
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs)
    server = stack.enter_context(Scripted(*answers))
    wire = stack.enter_context(closing(Wire(ours.fileno(), time.monotonic() + seconds)))
    return Talk(server, wire), server


def test_a_call_is_a_request_to_the_path_with_a_proof(stack: ExitStack) -> None:
    client, server = talk(stack, OK)

    assert client.ask() == b"answer"
    (request,) = server.requests
    assert request.startswith(b"POST /gateway/hive HTTP/1.1\r\nHost: db.example.org:10001\r\n")
    assert b"\r\nAuthorization: Basic 1\r\n" in request
    assert request.endswith(b"\r\n\r\na call")


def test_with_the_cookie_nothing_is_proved_again(stack: ExitStack) -> None:
    client, server = talk(stack, COOKIE, OK, OK)

    for _ in range(3):
        client.ask()

    assert client.proofs == 1
    assert all(b'\r\nCookie: hive.server2.auth="cu=swap&s=x"\r\n' in each for each in server.requests[1:])


def test_a_cookie_that_has_run_out_is_replaced_and_the_call_made_again(stack: ExitStack) -> None:
    client, server = talk(stack, COOKIE, DENIED, COOKIE, OK)

    assert [client.ask(), client.ask(), client.ask()] == [b"answer"] * 3
    assert client.proofs == 2
    assert len(server.requests) == 4


def test_what_a_server_answers_to_a_proof_is_looked_at_once_for_each(stack: ExitStack) -> None:
    proved = COOKIE.replace(b"\r\n\r\n", b"\r\nWWW-Authenticate: Negotiate right\r\n\r\n")
    client, _ = talk(stack, proved, OK, DENIED, OK)

    assert [client.ask() for _ in range(3)] == [b"answer"] * 3
    assert client.heard == ["Negotiate right", ""]


def test_a_server_that_proves_nothing_is_not_believed_and_its_cookie_spares_no_proof(stack: ExitStack) -> None:
    wrong = COOKIE.replace(b"\r\n\r\n", b"\r\nWWW-Authenticate: Negotiate wrong\r\n\r\n")
    client, server = talk(stack, COOKIE, wrong, COOKIE)

    client.bodies.greet()
    with pytest.raises(UnprovenError):
        client.ask()
    client.ask()

    assert client.proofs == 2
    assert [b"\r\nAuthorization: " in each for each in server.requests] == [False, True, True]


def test_a_proof_that_is_refused_is_shown_once(stack: ExitStack) -> None:
    client, server = talk(stack, DENIED, OK)

    with pytest.raises(RefusedError):
        client.ask()
    assert len(server.requests) == 1


def test_a_server_that_closes_after_an_answer_is_connected_to_again_and_keeps_its_cookie(stack: ExitStack) -> None:
    client, server = talk(stack, COOKIE.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"), OK)

    assert [client.ask(), client.ask()] == [b"answer"] * 2
    assert (server.connections, client.proofs) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n3;x=y\r\nwer\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n6\r\nanswer\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
def test_an_answer_may_come_in_chunks(stack: ExitStack, answer: bytes) -> None:
    client, _ = talk(stack, answer, OK)

    assert [client.ask(), client.ask()] == [b"answer"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nanswer",
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nanswer",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (LARGEST_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nans\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nanswer\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
    ],
)
def test_an_answer_that_is_none_is_a_lost_connection(stack: ExitStack, answer: bytes | None) -> None:
    client, _ = talk(stack, answer)

    with pytest.raises(LostError):
        client.ask()


def hive(stack: ExitStack, server: Scripted) -> Server:
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs)
    address = {
        "servers": [["127.0.0.1", server.port]], "user": "swap", "password": "x", "http_path": "cliservice",
        "tls": False, "ca": "", "spark": False, "connect_seconds": 0.3, "configuration": {},
    }  # fmt: skip
    made = Server("lake", address, ours.fileno())
    stack.callback(made.close)
    return made


def test_a_server_that_accepts_and_says_nothing_is_down_long_before_the_deadline(stack: ExitStack) -> None:
    silent = stack.enter_context(Scripted())

    with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.3 s"):
        hive(stack, silent).connect(time.monotonic() + 3600)


def test_a_server_that_is_there_has_until_the_deadline_to_open_a_session(stack: ExitStack) -> None:
    slow = stack.enter_context(Scripted(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))

    with pytest.raises(QueryTimedOut):
        hive(stack, slow).connect(time.monotonic() + 1.5)
    assert [request.split()[0] for request in slow.requests] == [b"OPTIONS", b"POST"]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", OK[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n"]
)
def test_an_answer_that_never_ends_is_waited_for_until_the_deadline(stack: ExitStack, answer: bytes) -> None:
    client, _ = talk(stack, *([answer] if answer else []), seconds=0.3)

    with pytest.raises(QueryTimedOut):
        client.ask()
