"""What a person's own server answers of notebooks that others share with them: behind its login, kept nowhere."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import notebooks
import saves
from integration.gateway.desks import Desk as Author
from integration.gateway.gateways import Gateway
from integration.gateway.test_shared import SHARE
from integration.lab.kernels import Kernel
from integration.lab.test_saving import Desk, gateway, opened
from services import NO_TLS
from swap import content

__all__ = ["gateway"]
STEPS = ("", "/{}", "/{}/version", "/{}/beside")


@pytest.fixture(scope="module")
def bob(gateway: Gateway) -> Iterator[Desk]:
    with opened(gateway, "bob") as made:
        yield made


@pytest.fixture
def saved(gateway: Gateway, bob: Desk) -> str:
    """A notebook that Ann shares with Bob, whose file says that it is trusted."""
    document = saves.notebook("1", outputs={0: [notebooks.shown({"text/html": "<b>hi</b>"})]})
    document["cells"][0]["metadata"] = {"tags": ["kept"]}
    taken = content.take_apart(document)
    source = taken.parts[taken.cells[0][1][0]].replace(b'"metadata":{', b'"metadata":{"trusted":true,')
    return share(gateway, bob, document, taken.cells[0][1][0], source)


def share(gateway: Gateway, bob: Desk, document: dict[str, Any], name: str, instead: bytes) -> str:
    """Save a notebook of Ann's, one of its parts replaced as no server of ours would send it."""
    ann = Author(gateway, "ann", "analysts")
    save = saves.save_of(document)
    parts = dict(save.taken.parts) | {content.digest(instead): instead}
    del parts[name]
    manifest = save.taken.manifest.replace(name.encode(), content.digest(instead).encode())
    taken = content.Taken(manifest, parts, save.taken.cells)
    body = saves.written(replace(save, taken=taken), frozenset())
    answer = ann.home.put(body)
    assert answer.status_code == 200, answer.text
    notebook_id = str(answer.json()["notebook"])
    with gateway.database.engine("owner").begin() as conn:
        values = {"id": notebook_id, "kind": "person", "whom": bob.person.id, "expires_at": None, "role": "view"}
        conn.execute(SHARE, values)
    return notebook_id


def asked(bob: Desk, step: str, saved: str = "") -> httpx.Response:
    return bob.ask("GET", f"/swap/shared{step.format(saved)}")


def test_a_notebook_comes_whole_and_untrusted_whatever_its_file_says(bob: Desk, saved: str) -> None:
    answer = asked(bob, "/{}/version", saved)
    cell = answer.json()["content"]["cells"][0]
    assert cell["metadata"] == {"tags": ["kept"], "trusted": False}
    assert cell["outputs"][0]["data"] == {"text/html": "<b>hi</b>"}
    assert answer.headers["Cache-Control"] == "no-store"
    kept = bob.gateway.database.engine("owner")
    with kept.connect() as conn:
        parts = conn.scalars(text("SELECT content FROM swap.notebook_part WHERE notebook_id = :id"), {"id": saved})
        assert any(b'"trusted":true' in zlib.decompress(part) for part in parts), "the control: it says so"


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_answered_without_the_persons_login(bob: Desk, saved: str, step: str) -> None:
    assert asked(bob, step, saved).status_code == 200, "the control"
    address = f"{bob.server.url}/swap/shared{step.format(saved)}"
    for headers in ({}, {"Authorization": "token another"}, {"Authorization": f"token {bob.person.token()}"}):
        answer = httpx.get(address, headers=headers, timeout=60, verify=NO_TLS)
        assert answer.status_code in {302, 403}, headers


def test_the_kernel_holds_no_power_that_reads_them(bob: Desk, saved: str) -> None:
    """What is in a kernel's reach is its own token, and the address of the gateway."""
    kernel = Kernel(bob.server.url, bob.server.hub.token())
    code = f"""
import json, os, socket, urllib.request, urllib.error
with socket.socket(socket.AF_UNIX) as line:
    line.connect(os.environ["SWAP_TOKEN_SOCKET"])
    line.sendall(b"{{}}\\n")
    token = json.loads(line.makefile().readline())["token"]
def asked(path, data=None):
    request = urllib.request.Request(os.environ["SWAP_GATEWAY"] + path, data, {{"Authorization": f"Bearer {{token}}"}})
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
def sent():
    request = urllib.request.Request(os.environ["SWAP_GATEWAY"] + "/v1/shared/{saved}/version", b"", method="PUT")
    request.add_header("Authorization", f"Bearer {{token}}")
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
print([asked(path) for path in ("/v1/catalog", "/v1/shared", "/v1/shared/{saved}/version", "/v1/own?path=a.ipynb")], sent())
print([asked(f"/v1/servers/{{each}}", b"") for each in ("reading", "saving")])
"""
    try:
        printed = kernel.run(code, prints=True)
    finally:
        kernel.socket.close()
    assert printed == "[200, 403, 403, 403] 403\n[401, 401]\n"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fapi",
        "a%2fb",
        "%00",
        "x" * 65,
        "{}/content",
        "{}/../..",
        "{}/version/more",
        "{}%2fversion",
    ],
)
def test_a_path_leads_to_no_other_question(bob: Desk, saved: str, path: str) -> None:
    answer = bob.ask("GET", f"/swap/shared/{path.format(saved)}")
    assert answer.status_code in {400, 404}, answer.text


def edit(bob: Desk, saved: str, document: Any) -> httpx.Response:
    body = {"base": 1, "path": f"Shared:{saved}/a (ann).ipynb", "content": document}
    return bob.ask("PUT", f"/swap/shared/{saved}/version", json=body)


def test_it_is_saved_by_who_may_edit_it_without_what_stands_in_place_of_hidden_outputs(bob: Desk, saved: str) -> None:
    stands_in = notebooks.shown({content.HIDDEN: {"datasets": [], "ask": "x"}})
    document = saves.notebook("1", "print(2)", outputs={0: [stands_in], 1: [notebooks.printed("2")]})
    answer = edit(bob, saved, document)
    assert (answer.status_code, answer.json()["error"]["title"]) == (403, "You may view a, and not edit it.")
    with bob.gateway.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.notebook_share SET role = 'edit' WHERE notebook_id = :id"), {"id": saved})
    address = f"{bob.server.url}/swap/shared/{saved}/version"
    assert httpx.put(address, json={}, timeout=60, verify=NO_TLS).status_code in {302, 403}, "without their login"
    for _ in range(2):
        answer = edit(bob, saved, document)
        assert (answer.status_code, answer.json()) == (200, {"version": 2}), answer.text
    outputs = [cell["outputs"] for cell in asked(bob, "/{}/version", saved).json()["content"]["cells"]]
    assert outputs == [[], [notebooks.printed("2")]]
    for malformed in ({"cells": 1}, [], {"nbformat": 4, "cells": [{"outputs": 1}]}, {"nbformat": 3, "cells": []}):
        assert edit(bob, saved, malformed).status_code == 400


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_nothing_is_written(bob: Desk, saved: str, method: str) -> None:
    for step in STEPS:
        answer = bob.ask(method, f"/swap/shared{step.format(saved)}", json={})
        assert answer.status_code in {403, 405}


def test_a_notebook_that_is_not_shared_is_none(bob: Desk, saved: str) -> None:
    with bob.gateway.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.notebook_share WHERE notebook_id = :id"), {"id": saved})
    for step in STEPS[1:]:
        answer, none = asked(bob, step, saved), asked(bob, step, "0" * 20)
        assert (answer.status_code, answer.text) == (none.status_code, none.text)
        assert answer.status_code == 404
        assert answer.json()["error"]["title"] == "There is no notebook at this address."


def test_with_swap_away_it_says_so(bob: Desk, saved: str) -> None:
    bob.cut()
    try:
        answer = asked(bob, "/{}/version", saved)
        assert answer.status_code == 503
        assert "gateway does not answer" in answer.json()["error"]["title"]
    finally:
        bob.mend()
    assert asked(bob, "/{}/version", saved).status_code == 200


def test_what_cannot_be_put_together_is_refused_in_words(gateway: Gateway, bob: Desk) -> None:
    document = saves.notebook("1")
    name = content.take_apart(document).cells[0][1][0]
    answer = asked(bob, "/{}/version", share(gateway, bob, document, name, b"[1]"))
    assert (answer.status_code, answer.json()["error"]["title"]) == (400, "This is not a notebook that SWAP can keep.")
