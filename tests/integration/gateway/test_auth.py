"""Bearers: five kinds, strictly apart, and dead the moment their person's access ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from fastapi import Request

from integration.gateway.gateways import Gateway, Person
from services import NO_TLS, Database
from swap.gateway.auth import Caller, Guard
from swap.gateway.routes import ROUTES, Route
from swap.gateway.stream import AccessNews
from swap.identity import Principal, Via
from swap.people import service as people
from swap.people import tokens


def launch(swap: Gateway, person: Person, credential: str = "c" * 43) -> str:
    with swap.database.engine("owner").begin() as conn:
        people.launch_server(conn, person.id, f"server-{person.id}", credential, datetime.now(UTC))
    return credential


def sign_out(swap: Gateway, person: Person) -> None:
    with swap.database.engine("owner").begin() as conn:
        people.sign_out(conn, person.id, datetime.now(UTC))


def call(swap: Gateway, method: str, path: str, bearer: str, **more: object) -> httpx.Response:
    return httpx.request(
        method,
        swap.url + path,
        headers={"authorization": f"Bearer {bearer}"},
        timeout=60,
        trust_env=False,
        verify=NO_TLS,
        **more,
    )  # type: ignore[arg-type]


def events(swap: Gateway, credential: str) -> Iterator[dict[str, object]]:
    with httpx.stream(
        "GET",
        f"{swap.url}/v1/servers/events",
        headers={"authorization": f"Bearer {credential}"},
        timeout=60,
        trust_env=False,
        verify=NO_TLS,
    ) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


NOBODY, SERVER, SAVING, READING, KERNEL, PORTAL = "nobody", "server", "saving", "reading", "kernel", "portal"
BEARERS = (NOBODY, SERVER, SAVING, READING, KERNEL, PORTAL)
ASKED = {
    "/v1/own/version": {"path": "a.ipynb"},
    "/v1/used": {"name": "ann/a", "version": "1"},
    "/v1/used/{notebook_id}/output": {"version": "1", "cell": "0"},
}
"""What is asked for where that is read before the bearer."""
OPENS = {
    "GET /v1/health": {*BEARERS},
    "GET /sign-in": {*BEARERS},
    "GET /hub/error/502": {*BEARERS},
    "POST /v1/tokens": {SERVER},
    "POST /v1/servers/saving": {SERVER},
    "POST /v1/servers/reading": {SERVER},
    "GET /v1/servers/events": {SERVER},
    "GET /v1/servers/queries": {SERVER},
    "POST /v1/uploads": {KERNEL},
    "POST /v1/queries": {KERNEL, PORTAL},
    "GET /v1/queries": {KERNEL},
    "GET /v1/queries/{query_id}": {KERNEL, PORTAL},
    "GET /v1/queries/{query_id}/result": {KERNEL, PORTAL},
    "GET /v1/queries/{query_id}/page": {KERNEL, PORTAL},
    "GET /v1/queries/{query_id}/download": {KERNEL, PORTAL},
    "DELETE /v1/queries/{query_id}": {KERNEL, PORTAL},
    "PUT /v1/notebooks": {SAVING},
    "DELETE /v1/notebooks": {SAVING},
    "POST /v1/notebooks/move": {SAVING},
    "GET /v1/shared": {READING},
    "GET /v1/shared/{notebook_id}": {READING},
    "GET /v1/shared/{notebook_id}/version": {READING},
    "PUT /v1/shared/{notebook_id}/version": {SAVING},
    "GET /v1/shared/{notebook_id}/beside": {READING},
    "GET /v1/own": {READING},
    "GET /v1/own/version": {READING},
    "GET /v1/used": {KERNEL},
    "GET /v1/used/{notebook_id}/output": {KERNEL},
    "GET /v1/catalog": {KERNEL, PORTAL},
    "GET /v1/catalog/schemas": {KERNEL, PORTAL},
    "GET /v1/catalog/find": {KERNEL, PORTAL},
    "GET /v1/catalog/tables": {KERNEL, PORTAL},
    "GET /v1/catalog/{source}/{schema}/{table}": {KERNEL, PORTAL},
    "POST /v1/complete": {KERNEL},
}
"""Which bearers each route is for.  A route that is new has its place here, or the tests below fail."""
BODIES = {
    "/v1/tokens": {"json": {}},
    "/v1/queries": {"json": {"statement": "SELECT 1"}},
    "/v1/complete": {"json": {"sql": "", "offset": 0}},
}


def test_every_route_says_whom_it_is_for() -> None:
    assert set(OPENS) == {f"{route.method} {route.path}" for route in ROUTES}


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_opens_to_its_own_bearers_and_no_other(shared: Gateway, route: Route, bearer: str) -> None:
    someone = shared.person("opens", "analysts")
    shown = {
        NOBODY: lambda: "x" * 43,
        SERVER: lambda: launch(shared, someone, f"credential-of-{someone.id}"),
        SAVING: lambda: someone.token(Via.SERVER),
        READING: lambda: someone.token(Via.READER),
        KERNEL: lambda: someone.token(Via.KERNEL),
        PORTAL: lambda: someone.token(Via.PORTAL),
    }[bearer]()
    path = route.path.format(query_id="q1", notebook_id="n1", source="lake", schema="big", table="numbers")

    with httpx.stream(
        route.method,
        shared.url + path,
        headers={"authorization": f"Bearer {shown}"},
        timeout=60,
        trust_env=False,
        **BODIES.get(route.path, {}) if route.method == "POST" else {},
        params=ASKED.get(route.path),
    ) as answer:
        refused = answer.status_code in {401, 403}
        assert answer.status_code < 500

    assert refused is (bearer not in OPENS[f"{route.method} {route.path}"]), answer.status_code


def test_a_portal_key_cannot_mint_a_kernels_token_nor_the_other_way(swap: Gateway, ann: Person) -> None:
    forged = [ann.token(Via.KERNEL, key=swap.runtime.portal_key), ann.token(Via.PORTAL, key=swap.runtime.kernel_key)]

    assert [call(swap, "GET", "/v1/catalog", token).status_code for token in forged] == [401, 401]


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"via": "report"},
        {"via": "server"},
        {"via": "reader"},
        {"sub": "pzzzzzzzzz"},
        {"aud": "other"},
        {"exp": 9e9},
        {"epoch": 99},
    ],
)
def test_a_changed_token_is_refused(swap: Gateway, ann: Person, change: dict[str, object]) -> None:
    claims = jwt.decode(ann.token(), options={"verify_signature": False})
    if change == {"alg": "none"}:
        token = jwt.encode(claims, None, algorithm="none")
    else:
        header, body, signature = ann.token().split(".")
        token = ".".join(
            [header, jwt.encode({**claims, **change}, "x" * 40, algorithm="HS256").split(".")[1], signature]
        )
        assert body != token.split(".")[1]

    assert call(swap, "GET", "/v1/catalog", token).status_code == 401


def test_an_ended_token_is_refused(swap: Gateway, ann: Person) -> None:
    assert call(swap, "GET", "/v1/catalog", ann.token(seconds=-1)).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Basic x", "Bearer " + "x" * 10_000, "token abc"])
def test_a_malformed_bearer_is_refused(swap: Gateway, header: str) -> None:
    response = httpx.get(f"{swap.url}/v1/catalog", headers={"authorization": header}, trust_env=False, verify=NO_TLS)

    assert (response.status_code, response.json()["error"]["category"]) == (401, "not-signed-in")


def test_a_token_in_the_address_is_not_accepted(swap: Gateway, ann: Person) -> None:
    assert (
        httpx.get(f"{swap.url}/v1/catalog", params={"token": ann.token()}, trust_env=False, verify=NO_TLS).status_code
        == 401
    )


def test_a_server_gets_tokens_for_its_kernels(swap: Gateway, ann: Person) -> None:
    answer = call(swap, "POST", "/v1/tokens", launch(swap, ann), json={"kernel_id": "k7"}).json()

    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert (claims["sub"], claims["via"], claims["kernel"]) == (ann.id, "kernel", "k7")
    assert (
        timedelta(seconds=290)
        < datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
        <= timedelta(seconds=300)
    )
    assert call(swap, "GET", "/v1/catalog", answer["token"]).status_code == 200


def test_signing_out_ends_tokens_at_once_and_gives_no_new_ones(swap: Gateway, ann: Person) -> None:
    credential, kernel, portal = launch(swap, ann), ann.token(), ann.token(Via.PORTAL)

    sign_out(swap, ann)

    assert call(swap, "GET", "/v1/catalog", kernel).status_code == 401
    assert call(swap, "GET", "/v1/catalog", portal).status_code == 401
    assert call(swap, "POST", "/v1/tokens", credential, json={}).json()["error"]["category"] == "not-signed-in"


def test_it_is_the_look_into_the_database_that_ends_them(swap: Gateway, ann: Person) -> None:
    """Without it a token would live on to its end: a signature alone knows of no sign-out."""

    class Trusting(Guard):
        def caller(self, request: Request, allowed: frozenset[Via]) -> Caller:
            assert allowed
            claims = tokens.verify(
                self._keys, request.headers["authorization"].removeprefix("Bearer "), datetime.now(UTC)
            )
            return Caller(Principal(claims.person_id, "", frozenset(), claims.via), claims.kernel_id, claims)

    kernel = ann.token()
    sign_out(swap, ann)
    assert call(swap, "GET", "/v1/catalog", kernel).status_code == 401

    parts = swap.app.state.parts
    swap.app.state.parts = replace(
        parts, guard=Trusting(swap.database.engine("gateway"), swap.runtime, lambda: datetime.now(UTC))
    )

    assert call(swap, "GET", "/v1/catalog", kernel).status_code == 200


def test_an_old_token_stays_dead_after_signing_in_again(swap: Gateway, ann: Person) -> None:
    old = ann.token()
    sign_out(swap, ann)
    with swap.database.engine("owner").begin() as conn:
        people.sign_in(conn, ann.id, "again", datetime.now(UTC), 7)

    assert call(swap, "GET", "/v1/catalog", old).status_code == 401
    assert call(swap, "GET", "/v1/catalog", ann.token()).status_code == 200


def test_the_end_of_access_is_pushed_to_the_server_within_a_second(swap: Gateway, ann: Person) -> None:
    heard: list[tuple[float, dict[str, object]]] = []
    credential = launch(swap, ann)

    def listen() -> None:
        for event in events(swap, credential):
            heard.append((time.monotonic(), event))
            if event["access"] == "ended":
                return

    listener = threading.Thread(target=listen)
    listener.start()
    deadline = time.monotonic() + 10
    while not heard:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ended_at = time.monotonic()
    sign_out(swap, ann)
    listener.join(timeout=60)

    assert [event["access"] for _, event in heard] == ["live", "ended"]
    assert heard[1][0] - ended_at < 2.0


def test_the_listener_ends_also_while_nothing_happens(database: Database) -> None:
    listening = threading.Event()
    news = AccessNews(database.url("gateway"), lambda _: listening.set())
    news.start()
    assert listening.wait(10)

    news.stop()

    assert not news._thread.is_alive()


def test_signing_out_cancels_what_runs_at_the_sources(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")

    sign_out(swap, ann)

    deadline = time.monotonic() + 5
    while swap.lake.running:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_credential_of_an_ended_server_is_dead(swap: Gateway, ann: Person) -> None:
    credential = launch(swap, ann)
    with swap.database.engine("owner").begin() as conn:
        people.end_server(conn, f"server-{ann.id}", datetime.now(UTC))

    assert call(swap, "POST", "/v1/tokens", credential, json={}).status_code == 401
    assert call(swap, "GET", "/v1/servers/events", credential).status_code == 401


def test_a_server_hears_how_many_queries_of_its_person_are_under_way(swap: Gateway, ann: Person) -> None:
    mine, others = launch(swap, ann), launch(swap, swap.person("bertrand", "analysts"), "d" * 43)
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")

    assert call(swap, "GET", "/v1/servers/queries", mine).json() == {"under_way": 1}
    assert call(swap, "GET", "/v1/servers/queries", others).json() == {"under_way": 0}

    swap.lake.behaviour.gate.set()
    ann.ended(query_id)
    deadline = time.monotonic() + 10
    while call(swap, "GET", "/v1/servers/queries", mine).json() != {"under_way": 0}:
        assert time.monotonic() < deadline


def test_a_server_that_hangs_up_is_waited_for_no_more(swap: Gateway, ann: Person) -> None:
    heard = events(swap, launch(swap, ann))
    assert next(heard)["access"] == "live"
    waiting = swap.app.state.parts.news._waiting
    assert len(waiting[ann.id]) == 1

    heard.close()  # type: ignore[attr-defined]

    deadline = time.monotonic() + 10
    while waiting[ann.id]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
