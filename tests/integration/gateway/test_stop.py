"""A gateway that stops waits for no line that stays open: these would never end by themselves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn

from integration.gateway.gateways import Gateway
from services import NO_TLS
from swap.gateway import app as gateway_app
from swap.people import service as people
from swap.processes.serve import Server


@dataclass
class Served:
    """A gateway that is served as in production, but would wait for open lines as long as they stay."""

    swap: Gateway
    server: Server
    thread: threading.Thread

    def stop(self) -> bool:
        """Stop; tell whether it came to an end."""
        self.server.should_exit = True
        self.thread.join(20)
        return not self.thread.is_alive()


@pytest.fixture
def served(swap: Gateway) -> Iterator[Served]:
    made = gateway_app.create(swap.settings, swap.runtime, swap.sources)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        config = uvicorn.Config(made, log_level="warning", timeout_graceful_shutdown=None)
        server = Server(config, made.state.parts.lines.end)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield Served(replace(swap, url=f"http://127.0.0.1:{door.getsockname()[1]}", app=made), server, thread)
        server.force_exit = server.should_exit = True
        thread.join(20)


@contextmanager
def line(served: Served, path: str, bearer: str) -> Iterator[Iterator[str]]:
    """Open a line, and wait for the first that comes on it."""
    with httpx.stream(
        "GET",
        served.swap.url + path,
        headers={"authorization": f"Bearer {bearer}"},
        timeout=60,
        trust_env=False,
        verify=NO_TLS,
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        yield lines


def kernel(served: Served) -> tuple[str, str]:
    return "/v1/queries", served.swap.person("ann", "analysts").token()


def jupyter_server(served: Served) -> tuple[str, str]:
    person = served.swap.person("bob", "analysts")
    with served.swap.database.engine("owner").begin() as conn:
        people.launch_server(conn, person.id, "server", "credential" * 5, datetime.now(UTC))
    return "/v1/servers/events", "credential" * 5


@pytest.mark.parametrize("of", [kernel, jupyter_server])
def test_an_open_line_ends_when_the_gateway_stops(served: Served, of: Callable[[Served], tuple[str, str]]) -> None:
    with line(served, *of(served)) as lines:
        assert served.stop()
        list(lines)


def test_many_open_lines_end_together(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(line(served, *kernel(served)))
        assert served.stop()
