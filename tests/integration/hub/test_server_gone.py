"""A server that has just died: its person reads why, in SWAP's words, until the hub has noticed."""

from __future__ import annotations

import re
import signal
import time

from swap.launch import running


def test_a_server_that_has_just_died_is_answered_in_words_and_then_leads_to_its_start(house):
    browser = house.sign_in("ann")
    person = house.person_id("ann")
    host, lab = f"{person}.localhost", f"/user/{person}/lab"
    if running.find(house.state, person) is None:
        house.start_server(person)
    assert browser.get(lab, host).status_code == 200

    running.send(running.find(house.state, person), signal.SIGKILL)
    end = time.monotonic() + 5
    while (page := browser.get(lab, host, follow=False)).status_code == 200:
        assert time.monotonic() < end, "the dead server still answers"
        time.sleep(0.05)

    assert page.status_code == 502
    assert "Your server does not answer" in page.text
    assert 'http-equiv="refresh"' in page.text
    program = browser.get(f"/user/{person}/api/kernels", host, follow=False, headers={"Accept": "application/json"})
    assert (program.status_code, program.text) == (502, "Bad Gateway"), "programs are told as before"

    # It stands on the person's own origin, where code of a kernel can be: nothing in it has a power or knows who asks.
    assert "set-cookie" not in page.headers
    assert not re.search(r"<script|<form|<iframe|\son\w+=", page.text)
    assert "ann" not in re.sub(r"<style>.*?</style>", "", page.text, flags=re.DOTALL).split()
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")

    end = time.monotonic() + 30
    while (page := browser.get(lab, host, follow=False)).status_code == 502:
        assert time.monotonic() < end, "the hub does not notice"
        time.sleep(0.2)
    assert page.headers["location"] == f"http://localhost:{house.port}/server?next="
    assert person not in (house.runtime.traefik_directory / "hub.toml").read_text(encoding="utf-8"), (
        "both of its routes are gone"
    )

    house.start_server(person)
    assert browser.get(lab, host).status_code == 200


def test_the_page_cannot_be_asked_for_while_the_server_runs(house):
    browser = house.sign_in("ann")
    person = house.person_id("ann")

    answer = browser.get("/server-gone", f"{person}.localhost", follow=False)

    assert answer.headers["location"] == f"http://localhost:{house.port}/"
