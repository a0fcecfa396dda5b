"""An upload waits for memory no longer than somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from integration.gateway.gateways import Gateway, Person
from swap.query.execution import uploads


@pytest.fixture
def swap(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway with memory for one combiner, which somebody else has."""
    made = make_gateway(combiners_bytes=1)
    made.app.state.parts.queries.uploads._pool.memory.take("pother", lambda: False, lambda _: None)
    return made


@contextmanager
def sent(person: Person) -> Iterator[HTTPConnection]:
    """Send a table; do not wait for the answer."""
    body = pa.BufferOutputStream()
    with pa.ipc.new_stream(body, pa.schema([("a", pa.int64())])):
        pass
    connection = HTTPConnection(urlsplit(person.gateway.url).netloc, timeout=60)
    connection.request(
        "POST", "/v1/uploads", body.getvalue().to_pybytes(), {"authorization": f"Bearer {person.token()}"}
    )
    yield connection
    connection.close()


def waiting(swap: Gateway) -> int:
    return len(swap.app.state.parts.queries.uploads._pool.memory._line)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_upload_ends_with_the_connection_it_came_on(swap: Gateway, ann: Person) -> None:
    with sent(ann):
        until(lambda: waiting(swap) == 1)

    until(lambda: waiting(swap) == 0)
    until(lambda: not swap.app.state.parts.upload_turns._held)


def test_an_upload_that_waits_too_long_is_told_why(swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "WAIT_SECONDS", 0.1)

    with sent(ann) as connection:
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"limits.combiners_bytes" in answer.read()


def test_an_upload_goes_on_when_there_is_memory(swap: Gateway, ann: Person) -> None:
    with sent(ann) as connection:
        until(lambda: waiting(swap) == 1)
        swap.app.state.parts.queries.uploads._pool.memory.give_back("pother")

        assert connection.getresponse().status == 200
