"""The hub may die: what runs goes on, and the portal says what is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import time
import uuid

import httpx
import pytest

from integration.hub.tabs import Tab, hang_up, kernel_token
from services import NO_TLS
from swap import doctor
from swap.launch import running


def message(code):
    return json.dumps(
        {
            "header": {
                "msg_id": uuid.uuid4().hex,
                "msg_type": "execute_request",
                "session": "s",
                "username": "",
                "version": "5.3",
                "date": "",
            },
            "parent_header": {},
            "metadata": {},
            "channel": "shell",
            "buffers": [],
            "content": {
                "code": code,
                "silent": False,
                "store_history": False,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            },
        }
    )


async def run(socket, code):
    """Run code in the kernel behind an open WebSocket; return what it printed."""
    await socket.write_message(message(code))
    while True:
        answer = json.loads(await asyncio.wait_for(socket.read_message(), 20))
        if answer["msg_type"] == "stream":
            return answer["content"]["text"].strip()


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.long)])
def test_a_hub_that_is_dead_for_a_while_disturbs_no_notebook_query_or_page(house, seconds):
    browser = house.sign_in("ann")
    browser.person_id = house.person_id("ann")
    if running.find(house.state, browser.person_id) is None:
        house.start_server(browser.person_id)
    tab = Tab(house, browser)
    kernel_id = tab.api("/api/kernels", "POST", json={}).json()["id"]

    async def story():
        socket = await tab.socket(kernel_id)
        assert await run(socket, "x = 1; print(x)") == "1"
        await asyncio.to_thread(house.kill, "hub")
        died, rounds = time.monotonic(), 0
        while time.monotonic() - died < seconds:
            rounds += 1
            # The notebook: its kernel keeps its state, its files can be read and saved.
            assert await run(socket, "x += 1; print(x)") == str(rounds + 1)
            saved = await asyncio.to_thread(
                tab.api, "/api/contents/a.txt", "PUT", json={"type": "file", "format": "text", "content": str(rounds)}
            )
            assert saved.status_code in {200, 201}
            # Its queries: the token is renewed and accepted.
            token = (await asyncio.to_thread(kernel_token, house, browser.person_id))["token"]
            async with httpx.AsyncClient(verify=NO_TLS) as client:
                answer = await client.get(
                    f"{house.runtime.gateway_url}/v1/catalog", headers={"Authorization": f"Bearer {token}"}
                )
            assert answer.status_code == 200
            # The portal: every page answers, quickly.
            for page in ("/", "/data", "/notebooks"):
                began = time.monotonic()
                answer = await asyncio.to_thread(browser.get, page)
                assert answer.status_code == 200, page
                assert time.monotonic() - began < 5, page
            await asyncio.sleep(0.5)
        await hang_up(socket)
        return rounds

    try:
        rounds = asyncio.run(story())
    finally:
        if "hub" not in house.processes:
            house.start("hub")
    assert rounds >= 3
    assert tab.api(f"/api/kernels/{kernel_id}", "DELETE").status_code == 204


def test_signing_in_while_the_hub_is_dead_says_so(house):
    house.kill("hub")
    try:
        answer = house.browser().get("/sign-in")
    finally:
        house.start("hub")

    assert answer.status_code == 503
    assert "Traceback" not in answer.text
    assert re.search(r"<h1>[^<]*sign in", answer.text), answer.text


def test_the_door_itself_answers_in_words_while_the_hub_is_dead(house):
    house.kill("hub")
    try:
        answer = house.browser().get("/hub/login")
    finally:
        house.start("hub")

    assert answer.status_code >= 500
    assert "· SWAP</title>" in answer.text


def test_portal_and_hub_away_at_once_are_told_in_words_too(house):
    browser = house.sign_in("ann")
    house.kill("hub")
    house.kill("web")
    try:
        answers = [browser.get(path, follow=False) for path in ("/", "/data", "/sign-in", "/hub/login")]
    finally:
        house.start("web", "hub")

    for answer in answers:
        assert answer.status_code == 502
        assert "<h1>SWAP’s pages and its sign-in do not answer</h1>" in answer.text
        assert styled(answer)
        assert "set-cookie" not in answer.headers
    assert browser.get("/").status_code == 200


def test_while_one_of_both_answers_it_has_the_word(house):
    house.kill("web")
    try:
        portal = house.browser().get("/")
    finally:
        house.start("web")

    assert portal.status_code == 502
    assert "<h1>SWAP’s pages do not answer</h1>" in portal.text
    assert styled(portal)


def styled(answer):
    """Tell whether the sheet that is in a page is one that its own policy lets a browser use."""
    (sheet,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_the_doctor_blames_who_is_away_and_nobody_else(house):
    parts = ("database", "gateway", "web", "hub", "proxy", "origins")
    (house.state / "lock").write_text(str(os.getpid()))
    try:
        for name, blamed, todo in (
            ("traefik", {"proxy"}, "SWAP starts what has ended again by itself. Its log: "),
            ("web", {"web", "proxy"}, "It is the portal that does not answer: see web."),
            ("hub", {"hub"}, ""),
        ):
            house.kill(name)
            found = {each.subject: each for each in doctor.examine(house.settings)}
            house.start(name)
            # Traefik answers before it has read the routes.
            house.wait_until(
                lambda: all(each.works for each in doctor.examine(house.settings) if each.subject in parts)
            )
            assert {part for part in parts if part in found and not found[part].works} == blamed
            assert found["proxy"].todo.startswith(todo)
    finally:
        (house.state / "lock").unlink()
