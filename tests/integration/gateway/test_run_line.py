"""A kernel is told of its own runs on one line, for as long as its person may see them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from integration.gateway.gateways import Gateway, Person
from swap.errors import NotSignedIn
from swap.gateway import auth, runs
from swap.identity import Via
from swap.people import service as people
from swap.people import tokens

NUMBERS = "SELECT n FROM lake.big.numbers"


@contextmanager
def line(person: Person, **token: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a kernel's line; yield what is told of runs, and {} for the empty line after the first telling."""
    headers = {"authorization": f"Bearer {person.token(**token)}"}
    url = f"{person.gateway.url}/v1/queries"
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as answer:
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
        assert {len(each) for each in told} == {0}, "nothing is told, and it ends"


def test_what_a_run_read_is_not_told_once_it_is_closed(
    swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "VERDICT_SECONDS", 0.0)
    gate = held(swap)
    query_id = ann.start(NUMBERS)
    with line(ann) as told:
        assert next(told)["id"] == query_id
        # Nobody is told of it, so the query goes on.
        swap.set_groups(ann, "readers")
        gate.set()
        last = next(state for state in told if state and state["state"] in {"done", "failed"})

    assert last["rows"] == 0
    assert last["columns"] is None


@dataclass
class Asked:
    """A verdict on somebody who holds a line, and how often the database was asked for it."""

    standing: auth.Standing
    looked: int = 0

    async def principal(self) -> int:
        """Ask for the verdict; return how often it was looked up so far."""
        await self.standing.principal()
        return self.looked


@pytest.fixture
def asked(swap: Gateway, ann: Person) -> Iterator[Asked]:
    parts = swap.app.state.parts
    until(lambda: parts.news.listening)
    claims = tokens.verify({Via.KERNEL: swap.runtime.kernel_key}, ann.token(), datetime.now(UTC))
    made = Asked(auth.Standing(parts.guard, claims, parts.news))

    def count(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        made.looked += "sign_in" in statement

    event.listen(parts.guard._engine, "before_cursor_execute", count)
    yield made
    event.remove(parts.guard._engine, "before_cursor_execute", count)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_verdict_holds_for_a_second_and_no_longer(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verdicts() -> list[int]:
        with asked.standing.held():
            monkeypatch.setattr(auth, "VERDICT_SECONDS", 1_000.0)  # however busy the machine is
            first = [await asked.principal(), await asked.principal()]
            monkeypatch.setattr(auth, "VERDICT_SECONDS", -1.0)  # it is older than that now
            return [*first, await asked.principal()]

    assert asyncio.run(verdicts()) == [1, 1, 2]


def test_a_verdict_is_void_when_something_about_the_person_changed(
    asked: Asked, swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "VERDICT_SECONDS", 1_000.0)  # however busy the machine is

    async def verdicts() -> list[int]:
        with asked.standing.held():
            first = await asked.principal()
            with swap.database.engine("owner").begin() as conn:
                conn.execute(text("SELECT pg_notify('swap_access', :id)"), {"id": ann.id})
            await asyncio.wait_for(asked.standing._changed.wait(), 10)
            return [first, await asked.principal(), await asked.principal()]

    assert asyncio.run(verdicts()) == [1, 2, 2]


def test_a_verdict_is_void_while_no_news_come(asked: Asked, swap: Gateway) -> None:
    async def verdicts() -> list[int]:
        with asked.standing.held():
            first = await asked.principal()
            swap.app.state.parts.news.stop()
            return [first, await asked.principal(), await asked.principal()]

    assert asyncio.run(verdicts()) == [1, 2, 3]


def test_after_a_refusal_no_older_verdict_counts(asked: Asked, swap: Gateway, ann: Person) -> None:
    async def verdicts() -> None:
        with asked.standing.held():
            await asked.principal()
            sign_out(swap, ann)
            await asyncio.wait_for(asked.standing._changed.wait(), 10)
            for _ in range(2):
                with pytest.raises(NotSignedIn):
                    await asked.principal()

    asyncio.run(verdicts())


def test_without_the_listener_a_sign_out_that_nobody_announced_ends_the_line(swap: Gateway, ann: Person) -> None:
    held(swap)
    query_id = ann.start(NUMBERS)
    news = swap.app.state.parts.news
    with line(ann) as told:
        assert next(told)["id"] == query_id
        news.stop()
        with swap.database.engine("owner").begin() as conn:
            conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": ann.id})
        swap.app.state.parts.queries._runs[query_id].touch()
        assert [state for state in told if state] == []
