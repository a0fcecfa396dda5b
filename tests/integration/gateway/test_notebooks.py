"""Saving at the gateway: with the power that saves and no other, what is sent checked, one person's own."""

from __future__ import annotations

import json
import secrets
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import saves
import services
from integration.gateway.gateways import Gateway, Person
from swap import content
from swap.identity import Via
from swap.people import service as people


class Home:
    """One person's server, as the gateway sees it."""

    def __init__(self, gateway: Gateway, person: Person) -> None:
        self.gateway, self.person = gateway, person
        self.credential = secrets.token_hex(16)
        with gateway.database.engine("owner").begin() as conn:
            people.launch_server(conn, person.id, f"s{self.credential}", self.credential, datetime.now(UTC))
        self.token = self.credential
        self.token = self.new_token().json()["token"]

    def new_token(self) -> httpx.Response:
        return self.ask("POST", "/v1/servers/saving", headers={"authorization": f"Bearer {self.credential}"})

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return httpx.request(
            method,
            self.gateway.url + path,
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=services.NO_TLS,
            **more,
        )

    def put(self, body: bytes) -> httpx.Response:
        return self.ask("PUT", "/v1/notebooks", content=body)

    def save(self, document: dict[str, Any], **more: Any) -> httpx.Response:
        return self.put(saves.body(document, **more))


@pytest.fixture
def home(shared: Gateway) -> Home:
    return Home(shared, shared.person("ann"))


def versions(home: Home) -> int:
    return len([row for row in home.gateway.audit("notebook-saved") if row.person_id == home.person.id])


def test_a_save_becomes_a_version_and_is_in_the_audit(home: Home) -> None:
    answer = home.save(saves.notebook("one"))
    assert (answer.status_code, answer.json()["version"]) == (200, 1), answer.text
    assert home.save(saves.notebook("one", "two"), base=1).json()["version"] == 2
    rows = [row for row in home.gateway.audit("notebook-saved") if row.person_id == home.person.id]
    assert [(row.via, row.detail["version"], row.detail["path"]) for row in rows] == [
        ("server", 1, "a.ipynb"),
        ("server", 2, "a.ipynb"),
    ]


def test_the_same_content_is_the_same_version(home: Home) -> None:
    assert home.save(saves.notebook("one")).json()["version"] == 1
    assert home.save(saves.notebook("one"), base=1).json()["version"] == 1
    assert versions(home) == 1


def test_a_save_that_is_sent_again_is_one_version(home: Home) -> None:
    for _ in range(3):
        assert home.save(saves.notebook("one"), save_id="the-same-save").json()["version"] == 1
    assert home.save(saves.notebook("two"), base=1, save_id="another-save").json()["version"] == 2
    assert home.save(saves.notebook("one"), save_id="the-same-save").json()["version"] == 1


@pytest.mark.parametrize("base", [None, 1, 7])
def test_saving_on_an_old_version_returns_the_newest_and_writes_nothing(home: Home, base: int | None) -> None:
    home.save(saves.notebook("one"))
    home.save(saves.notebook("two"), base=1)
    answer = home.save(saves.notebook("mine"), base=base)
    error = answer.json()["error"]
    assert (answer.status_code, error["extra"]["version"]) == (409, 2)
    assert "as version 2" in error["title"]
    assert versions(home) == 2


def test_only_parts_of_the_newest_version_need_not_be_sent(home: Home) -> None:
    first = saves.notebook("one", "two")
    known = content.take_apart(first).parts
    home.save(first)
    assert home.put(saves.body(saves.notebook("one", "changed"), base=1, known=known)).json()["version"] == 2
    # Two is no part of the newest version any more.
    answer = home.put(saves.body(saves.notebook("two"), base=2, known=known))
    assert (answer.status_code, answer.json()["error"]["extra"]) == (409, {"send": "all"})


def test_naming_what_another_notebook_has_gives_nothing_of_it(home: Home) -> None:
    """F01: whoever knows or guesses a digest cannot have the content that it names, not even of their own."""
    secret = saves.notebook("the secret of bob")
    bob = Home(home.gateway, home.gateway.person("bob"))
    assert bob.save(secret).status_code == 200
    home.save(secret, path="other.ipynb")
    stolen = saves.body(secret, known=content.take_apart(secret).parts)
    for thief in (home, Home(home.gateway, home.gateway.person("eve"))):
        answer = thief.put(stolen)
        assert (answer.status_code, answer.json()["error"]["extra"]) == (409, {"send": "all"})


def test_a_person_has_no_way_to_another_persons_notebook(home: Home) -> None:
    home.save(saves.notebook("one"))
    eve = Home(home.gateway, home.gateway.person("eve"))
    assert eve.save(saves.notebook("hers")).json()["version"] == 1
    assert eve.ask("POST", "/v1/notebooks/move", json={"old": "b.ipynb", "new": "c.ipynb"}).json() == {"notebooks": 0}
    assert eve.ask("DELETE", "/v1/notebooks?path=a.ipynb").json() == {"notebooks": 1}
    assert home.save(saves.notebook("two"), base=1).json()["version"] == 2


@pytest.mark.parametrize("path", ["", "a\0b.ipynb", "a\nb"])
def test_what_no_path_can_be_is_neither_moved_nor_deleted(home: Home, path: str) -> None:
    for asked in ({"old": path, "new": "b.ipynb"}, {"old": "b.ipynb", "new": path}):
        assert home.ask("POST", "/v1/notebooks/move", json=asked).status_code in {400, 422}
    assert home.ask("DELETE", f"/v1/notebooks?path={quote(path)}").status_code in {400, 422}


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL])
def test_no_other_power_saves(home: Home, via: Via) -> None:
    home.token = home.person.token(via)
    assert home.save(saves.notebook("one")).status_code == 403
    assert home.ask("POST", "/v1/notebooks/move", json={"old": "a", "new": "b"}).status_code == 403
    assert home.ask("DELETE", "/v1/notebooks?path=a").status_code == 403
    home.token = home.credential
    assert home.save(saves.notebook("one")).status_code == 401


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL])
def test_no_other_key_makes_a_token_that_saves(home: Home, via: Via) -> None:
    keys = {Via.KERNEL: home.gateway.runtime.kernel_key, Via.PORTAL: home.gateway.runtime.portal_key}
    home.token = home.person.token(Via.SERVER, key=keys[via])
    assert home.save(saves.notebook("one")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/queries"),
        ("GET", "/v1/queries"),
        ("GET", "/v1/catalog"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/complete"),
    ],
)
def test_the_power_that_saves_asks_nothing(home: Home, method: str, path: str) -> None:
    bodies = {"/v1/queries": {"statement": "SELECT 1"}, "/v1/complete": {"statement": "S", "cursor": 1}}
    answer = home.ask(method, path, json=bodies.get(path) if method == "POST" else None)
    assert answer.status_code == 403, answer.text


def test_a_sign_out_ends_the_power_that_saves(home: Home) -> None:
    with home.gateway.database.engine("owner").begin() as conn:
        people.sign_out(conn, home.person.id, datetime.now(UTC))
    assert home.save(saves.notebook("one")).status_code == 401
    answer = home.new_token()
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["../b.ipynb", "/etc/x.ipynb", "a", "a\x00.ipynb", "a/../b.ipynb", "a//b.ipynb", ""])
def test_a_path_that_leads_elsewhere_is_refused(home: Home, path: str) -> None:
    assert home.save(saves.notebook("one"), path=path).status_code in {400, 404}
    assert versions(home) == 0


def parts_of(body: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    said, manifest, rest = body.split(b"\n", 2)
    return json.loads(said), manifest, rest


@pytest.mark.parametrize("field", ["digest", "size", "packed", "kind", "more", "cut", "manifest", "deep"])
def test_what_is_not_what_it_says_is_refused(home: Home, field: str) -> None:
    said, manifest, rest = parts_of(saves.body(saves.notebook("one")))
    part = said["parts"][0]
    if field == "digest":
        part[0] = "0" * 64
    elif field == "size":
        part[2] += 1
    elif field == "packed":
        part[1] -= 1
    elif field == "kind":
        said["kind"] = "restored"
    elif field == "more":
        said["person_id"] = "p"
    elif field == "cut":
        rest = rest[:-1]
    elif field == "manifest":
        manifest = b'{"cells": [["x"]]}'
    elif field == "deep":
        manifest = b"[" * 100_000
    answer = home.put(json.dumps(said).encode() + b"\n" + manifest + b"\n" + rest)
    assert answer.status_code == 400, answer.text
    assert versions(home) == 0


def test_a_bomb_is_not_unpacked(home: Home) -> None:
    bomb = b"x" * 200_000_000
    packed = zlib.compress(bomb, 9)
    said, manifest, _ = parts_of(saves.body(saves.notebook("one")))
    for size in (len(bomb), 1_000):
        said["parts"] = [[content.digest(bomb), len(packed), size]]
        answer = home.put(json.dumps(said).encode() + b"\n" + manifest + b"\n" + packed)
        assert answer.status_code in {400, 413}, answer.text


def test_a_part_counts_as_often_as_it_is_named(home: Home) -> None:
    """A small save that would be put together to gigabytes is refused."""
    taken = content.take_apart(saves.notebook("x" * 1_000_000))
    cell = json.loads(taken.manifest)["cells"][0]
    manifest = json.dumps({"cells": [cell] * 100, "metadata": {}, "minor": 5}).encode()
    said, _, rest = parts_of(saves.body(saves.notebook("x" * 1_000_000)))
    answer = home.put(json.dumps(said).encode() + b"\n" + manifest + b"\n" + rest)
    assert answer.status_code == 413
    assert "too large for its history" in answer.json()["error"]["title"]


def test_a_body_that_is_too_large_is_refused_as_it_comes(home: Home) -> None:
    answer = home.put(b" " * 80_000_001)
    assert answer.status_code == 413
