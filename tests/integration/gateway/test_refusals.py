"""Statements that are too deep, too long or too many: refused in short words, recorded, and nobody else waits for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx
import pytest

from integration.gateway.gateways import Gateway, Person
from services import NO_TLS

LONG = "x" * 60_000
VIEWS = "lake.wmf.pageview_hourly"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        ("SELECT " + "+".join(["1"] * 3000), {}),
        ("SELECT " + "||".join(["'a'"] * 3000), {}),
        ("SELECT " + "NOT " * 3000 + "true", {}),
        ("SELECT :a AS x", {"params": {"a": nested(900)}}),
        ("SELECT :a AS x", {"params": {"a": nested(40)}}),
    ],
)
def test_what_is_nested_too_deeply_is_refused_and_recorded(
    shared: Gateway, analyst: Person, statement: str, more: dict[str, Any]
) -> None:
    events = len(shared.audit())

    error = analyst.refused(statement, **more)

    assert error["category"] in {"refused", "invalid"}
    assert "deep" in error["title"]
    (event,) = shared.audit()[events:]
    assert (event.event, event.person_id) == ("query-refused", analyst.id)


@pytest.mark.parametrize("statement", ["SELECT " + "+".join(["1"] * 390), "SELECT " + "||".join(["'a'"] * 390)])
def test_what_is_nested_nearly_too_deeply_is_no_mistake_of_ours(
    shared: Gateway, analyst: Person, statement: str
) -> None:
    """How deep Python's own JSON reader goes depends on its version: such a statement is run or refused, and recorded either way."""
    events = len(shared.audit())

    response = analyst.post(statement)

    assert response.status_code in {202, 400}
    if response.status_code == 202:
        assert analyst.ended(response.json()["id"])["state"] == "done"
    assert ("query-accepted" if response.status_code == 202 else "query-refused") in {
        event.event for event in shared.audit()[events:]
    }


def test_a_parameter_that_cannot_be_read_is_recorded(shared: Gateway, analyst: Person) -> None:
    events = len(shared.audit())

    assert analyst.refused("SELECT :a AS x", params={"a": {"type": "decimal", "value": "one"}})["category"] == "invalid"

    assert [event.event for event in shared.audit()[events:]] == ["query-refused"]


def test_a_mistake_of_ours_in_planning_is_recorded(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway()
    ann = swap.person("ann", "analysts")
    swap.app.state.parts.queries.connectors["lake"].capabilities = object()  # as a connector with a bug would have it

    response = ann.post(f"SELECT page_id FROM {VIEWS} WHERE page_id = 1")

    assert response.status_code == 500
    (event,) = swap.audit("query-refused")
    assert (event.person_id, event.detail["category"], event.detail["reason"]) == (
        ann.id,
        "internal",
        "SWAP made a mistake with this statement. AttributeError.",
    )


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        ("SELECT 1 AS x", {"params": {"p" * 3_900_000: 1}}),
        ("SELECT 1 AS x", {"tables": {"t" * 3_900_000: "u1"}}),
        ("SELECT 1 AS x", {"tables": {"t": "u" + "1" * 3_900_000}}),
        ("SELECT * FROM t", {"tables": {f"t{index}": "u1" for index in range(10_000)}}),
        ("SELECT :a AS x", {"params": {"a": {"type": "decimal", "value": "1" * 3_900_000}}}),
        (f"SELECT {LONG} FROM {VIEWS}", {}),
        (f"SELECT v.{LONG} FROM {VIEWS} v", {}),
        (f"SELECT {LONG}.a FROM {VIEWS} v", {}),
        (f"SELECT * FROM {LONG}", {}),
        (f"SELECT * FROM lake.wmf.{LONG}", {}),
        (f"SELECT {LONG}(1)", {}),
        (f"SELECT CAST(1 AS {LONG})", {}),
        (f"SELECT 1 1 {LONG}", {}),
        (f"{LONG} 1", {}),
        (f"SELECT :{LONG} AS x", {}),
        (f"SELECT * EXCLUDE ({LONG}) FROM {VIEWS}", {}),
        (f"SELECT page_id FROM {VIEWS} JOIN mediawiki.enwiki.page USING ({LONG})", {}),
        (f"WITH {LONG} AS (SELECT 1), {LONG} AS (SELECT 2) SELECT 1"[:65_000], {}),
    ],
)
def test_an_answer_and_its_record_stay_short_whatever_was_sent(
    shared: Gateway, analyst: Person, statement: str, more: dict[str, Any]
) -> None:
    events = len(shared.audit())

    response = analyst.post(statement, **more)

    assert 400 <= response.status_code < 500
    assert len(response.content) < 5_000
    (event,) = shared.audit()[events:]
    assert len(event.detail["reason"]) <= 2_000
    assert len(json.dumps(event.detail)) < 25_000


@pytest.mark.parametrize("value", [[1] * 1_000_000, [[1] * 1000] * 1000, "x" * 3_900_000, ["x" * 1000] * 3000])
def test_values_that_would_take_long_to_write_are_refused(analyst: Person, value: Any) -> None:
    error = analyst.refused("SELECT 1 AS x WHERE 1 IN (:a)", params={"a": value})

    assert (error["category"], "table of your own" in error["todo"]) == ("limit", True)


def test_one_persons_long_statements_hold_up_nobody(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway()
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    statement = "SELECT " + ", ".join(["view_count"] * 5_000) + f", nosuch FROM {VIEWS}"
    token = ann.token()

    def ask(_: int) -> int:
        return httpx.post(
            f"{swap.url}/v1/queries",
            json={"statement": statement},
            headers={"authorization": f"Bearer {token}"},
            timeout=120,
            trust_env=False,
            verify=NO_TLS,
        ).status_code

    with ThreadPoolExecutor(8) as pool, bob.client() as client:
        answers = [pool.submit(ask, number) for number in range(8)]
        next(as_completed(answers))
        assert client.get("/v1/catalog").status_code == 200
        assert sum(each.done() for each in answers) < 4, "bob was answered long before all of ann's were"
        assert {each.result() for each in answers} == {400}
