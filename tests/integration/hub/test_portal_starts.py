"""A start as the portal shows it: every step and every reason comes from the real hub."""

from __future__ import annotations

import html
import json
import re
import time
from http import HTTPStatus

import pytest

from swap.launch import running


def submit(browser, path, /, **form):
    """Send one of the portal's forms, with the mark its pages carry."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/").text)
    headers = {"Origin": f"http://localhost:{browser.port}"}
    return browser.post(path, data={"csrf": csrf[1]} | form, headers=headers, follow=False)


def states(browser):
    """Return all the page of a start is told, until the start is over."""
    text = browser.get("/server/events", headers={"Accept": "text/event-stream"}).text
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.fixture
def blocked(house):
    """Let a person's server fail: a file lies where it would make the private directory of its token socket."""
    blockers = []

    def block(person_id):
        blocker = house.runtime.socket_directory / f"{person_id}.d"
        blocker.write_text("in the way", encoding="utf-8")
        blockers.append(blocker)

    yield block
    for blocker in blockers:
        blocker.unlink(missing_ok=True)


def test_the_steps_of_a_start_are_those_the_hub_tells(house):
    browser = house.sign_in("a--b")
    person_id = house.person_id("a--b")

    assert submit(browser, "/server/start", next="a.ipynb").headers["location"] == "/server?next=a.ipynb"
    told = states(browser)

    found = running.find(house.state, person_id)
    assert told[-1]["state"] == "ready"
    assert [(step["label"], step["detail"]) for step in told[-1]["steps"]] == [
        ("Opened your home directory", ""),
        ("Started your Jupyter server", ""),
        ("It answered", f"process {found.pid}"),
        ("Opened the way to it", ""),
    ]
    waiting = [state["steps"][-1]["label"] for state in told if state["state"] == "starting" and state["steps"]]
    assert "Waiting for it to answer" in waiting, "a step is shown while it goes on"
    began = [step["began"] for step in told[-1]["steps"]]
    assert began == sorted(began)
    assert all(step["ended"] >= step["began"] for step in told[-1]["steps"])
    answer = browser.get("/server?next=a.ipynb", follow=False)
    assert answer.headers["location"].endswith(f"/user/{person_id}/lab/tree/a.ipynb?reset")


def test_a_restart_shows_the_stop_and_the_new_servers_steps(house):
    browser = house.sign_in("a--b")
    person_id = house.person_id("a--b")
    if running.find(house.state, person_id) is None:
        house.start_server(person_id)
    before = running.find(house.state, person_id)

    assert submit(browser, "/server/restart").status_code == HTTPStatus.SEE_OTHER
    last = states(browser)[-1]

    after = running.find(house.state, person_id)
    assert last["state"] == "ready"
    assert [step["label"] for step in last["steps"]][:2] == ["Stopped your server", "Opened your home directory"]
    assert f"process {after.pid}" in [step["detail"] for step in last["steps"]]
    assert after.server_id != before.server_id
    assert submit(browser, "/server/stop").status_code == HTTPStatus.SEE_OTHER


def test_why_a_start_failed_and_the_servers_log_are_what_the_hub_tells(house, blocked):
    browser = house.sign_in("n" * 64)
    blocked(house.person_id("n" * 64))

    submit(browser, "/server/start")
    assert states(browser)[-1]["state"] == "failed"
    page = html.unescape(browser.get("/server").text)

    assert "<b>It ended by itself, with status 1.</b>" in page
    log = page.split('aria-label="The end of the server\'s log">', 1)[1].split("</pre>")[0]
    assert "Traceback" in log
    assert "File exists" in log
    for words in ("Spawn failed", "StartFailed", "{'why'", "html_message"):
        assert words not in page


def test_a_start_that_failed_before_anybody_could_look_still_says_why(house):
    """A home that is a file: the first step fails at once, often before the portal has asked how the start goes."""
    browser = house.sign_in("content")
    home = house.runtime.homes / house.person_id("content")
    home.write_text("in the way", encoding="utf-8")
    try:
        submit(browser, "/server/start")
        end = time.monotonic() + 20
        while states(browser)[-1]["state"] == "starting":
            assert time.monotonic() < end
        page = browser.get("/server").text
    finally:
        home.unlink()

    assert "This machine could not start it: Not a directory." in page, re.sub(r"(<[^>]*>|\s)+", " ", page)
