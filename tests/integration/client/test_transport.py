"""Whatever answers in the gateway's place: an error of SWAP, never another exception."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import swap
from swap.client.transport import Gateway
from swap.errors import SwapError, Unavailable


class Someone(BaseHTTPRequestHandler):
    """Answers what the path says: /<status>/<body>."""

    def do_GET(self) -> None:
        _, status, body = self.path.split("?")[0].split("/", 2)
        self.send_response(int(status))
        self.send_header("Location", "/200/elsewhere")
        self.send_header("Content-Length", str(len(body) + (10 if body == "cut" else 0)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def someone() -> Iterator[Gateway]:
    class Token:
        def get(self, *, refused: str = "") -> str:
            return f"not {refused}"

    with ThreadingHTTPServer(("127.0.0.1", 0), Someone) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Gateway(f"http://127.0.0.1:{server.server_address[1]}", Token())
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path",
    [
        "/502/Bad gateway",
        "/302/moved",
        "/200/not json",
        "/200/[]",
        "/200/",
        "/500/{}",
        '/404/{"error": "text"}',
        "/200/cut",
    ],
)
def test_an_answer_that_is_not_swaps_is_an_error(someone: Gateway, path: str) -> None:
    with pytest.raises(SwapError) as error:
        someone.call("GET", path.replace(" ", "%20"))

    assert error.value.problem.todo


@pytest.mark.parametrize("address", ["", "gateway", "ftp://gateway", "http://", "/run/socket"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Unavailable, match="SWAP_GATEWAY is no address"):
        Gateway(address, tokens=None)


def test_outside_swap_it_says_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWAP_GATEWAY", raising=False)

    with pytest.raises(Unavailable, match="This Python does not run inside SWAP"):
        swap.tables()


@pytest.mark.usefixtures("notebook_side")
def test_threads_ask_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: swap.sql("SELECT :n AS n", {"n": n}).to_arrow().to_pylist(), range(8)))

    assert answers == [[{"n": n}] for n in range(8)]
