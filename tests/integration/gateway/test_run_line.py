"""A kernel is told of its own runs on one line, for as long as its person may see them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from integration.gateway.gateways import Gateway, Person
from swap.gateway import auth, runs
from swap.people import service as people

NUMBERS = "SELECT n FROM lake.big.numbers"


@contextmanager
def line(person: Person, **token: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a kernel's line; yield what is told of runs, and {} for the empty line after the first telling."""
    headers = {"authorization": f"Bearer {person.token(**token)}"}
    url = f"{person.gateway.url}/v1/queries"
    with httpx.stream("GET", url, headers=headers, timeout=30, trust_env=False) as answer:
        assert answer.status_code == 200
        yield (json.loads(each) if each else {} for each in answer.iter_lines())


def held(swap: Gateway) -> threading.Event:
    """Keep the source from giving rows until the event is set."""
    swap.lake.behaviour.gate = threading.Event()
    return swap.lake.behaviour.gate


def sign_out(swap: Gateway, person: Person) -> None:
    with swap.database.engine("owner").begin() as conn:
        people.sign_out(conn, person.id, datetime.now(UTC))


def test_it_tells_what_is_under_way_then_each_change_and_the_end(swap: Gateway, ann: Person) -> None:
    gate = held(swap)
    first = ann.start(NUMBERS)
    ann.until(first, lambda state: state["state"] == "running")

    with line(ann) as told:
        assert [next(told).get("id"), next(told)] == [first, {}]
        second = ann.start(NUMBERS)
        gate.set()
        last: dict[str, Any] = {}
        for state in told:
            last |= {state["id"]: state} if state else {}
            if {each["state"] for each in last.values()} == {"done"} and len(last) == 2:
                break

    assert set(last) == {first, second}
    assert {key: last[first][key] for key in ("rows", "columns")} == {
        "rows": 50_000,
        "columns": [{"name": "n", "type": "bigint"}],
    }
    assert last[first]["revision"] == ann.state(first)["revision"]


def test_nobody_is_told_of_the_runs_of_others_or_of_another_kernel(swap: Gateway, ann: Person) -> None:
    held(swap)
    swap.person("bob", "analysts").start(NUMBERS)
    ann.start(NUMBERS)

    with line(ann, kernel="k2") as told:
        assert next(told) == {}


def test_a_sign_out_ends_the_line(swap: Gateway, ann: Person) -> None:
    held(swap)
    query_id = ann.start(NUMBERS)
    with line(ann) as told:
        assert next(told)["id"] == query_id
        sign_out(swap, ann)
        states = [state["state"] for state in told if state]

    assert "done" not in states
    assert "cancelled" not in states, "nothing is told any more to who signed out"


def test_the_line_ends_with_its_token(swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ALIVE_SECONDS", 0.1)
    with line(ann, seconds=0.8) as told:
        assert next(iter(told)) == {}
        assert list(told) is not None


def test_what_a_run_read_is_not_told_once_it_is_closed(
    swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "VERDICT_SECONDS", 0.0)
    gate = held(swap)
    query_id = ann.start(NUMBERS)
    with line(ann) as told:
        assert next(told)["id"] == query_id
        swap.app.state.parts.queries.recheck = lambda _: None  # it goes on, though its person may not read it
        swap.set_groups(ann, "readers")
        gate.set()
        last = next(state for state in told if state and state["state"] in {"done", "failed"})

    assert last["rows"] == 0
    assert last["columns"] is None


class Looks:
    """A guard that counts how often it looks."""

    def __init__(self) -> None:
        self.looked = 0

    def bearer(self, _claims: object) -> str:
        self.looked += 1
        return "ann"

    def ended(self, _claims: object) -> bool:
        return False


class News:
    """News of changes, which can be down."""

    listening = True

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    @contextmanager
    def of(self, _person_id: str) -> Iterator[asyncio.Event]:
        yield self.changed


class Claims:
    person_id = "p"


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> tuple[auth.Standing, Looks, News, list[float]]:
    clock = [100.0]
    monkeypatch.setattr(auth.time, "monotonic", lambda: clock[0])
    looks, news = Looks(), News()
    return auth.Standing(looks, Claims(), news), looks, news, clock  # type: ignore[arg-type]


def test_a_verdict_holds_for_a_second_and_no_longer(
    standing: tuple[auth.Standing, Looks, News, list[float]],
) -> None:
    verdict, looks, _, clock = standing

    async def asked() -> list[int]:
        found = []
        with verdict.held():
            for seconds in (0.0, 0.9, 0.2, 0.5):
                clock[0] += seconds
                await verdict.principal()
                found.append(looks.looked)
        return found

    assert asyncio.run(asked()) == [1, 1, 2, 2]


def test_a_verdict_is_void_when_something_changed_and_while_no_news_come(
    standing: tuple[auth.Standing, Looks, News, list[float]],
) -> None:
    verdict, looks, news, _ = standing

    async def asked() -> list[int]:
        found = []
        with verdict.held():
            await verdict.principal()
            news.changed.set()
            await verdict.principal()
            found.append(looks.looked)
            await verdict.principal()
            found.append(looks.looked)
            news.listening = False
            await verdict.principal()
            await verdict.principal()
            found.append(looks.looked)
        return found

    assert asyncio.run(asked()) == [2, 2, 4]


def test_without_the_listener_a_sign_out_that_nobody_announced_ends_the_line(swap: Gateway, ann: Person) -> None:
    held(swap)
    query_id = ann.start(NUMBERS)
    news = swap.app.state.parts.news
    with line(ann) as told:
        assert next(told)["id"] == query_id
        news.listening = False
        with swap.database.engine("owner").begin() as conn:
            conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": ann.id})
        swap.app.state.parts.queries.find(person_of(swap, ann), query_id).touch()
        assert [state for state in told if state] == []


def person_of(swap: Gateway, person: Person) -> Any:
    queries = swap.app.state.parts.queries
    return next(run.principal for run in queries._runs.values() if run.principal.id == person.id)
