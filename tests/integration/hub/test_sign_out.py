"""H09: after a sign-out nothing that was open or given out before goes on for longer than five seconds."""

from __future__ import annotations

import asyncio
import signal
import time

import httpx
import pytest

from integration.hub.tabs import Tab, kernel_token, server_token
from swap.launch import running

SECONDS = 5.0


def what_goes_on(house, name, sign_out, then=lambda: None):
    """Open two tabs and everything in them, sign out, wait five seconds; return what still works.

    `then` happens when the five seconds are over, before anything but the open sockets is looked at.
    """
    browser = house.sign_in(name)
    browser.person_id = person_id = house.person_id(name)
    if running.find(house.state, person_id) is None:
        house.start_server(person_id)
    tabs = [Tab(house, browser), Tab(house, browser)]
    assert all(status == 200 for tab in tabs for status in tab.statuses().values()), [tab.statuses() for tab in tabs]
    kernel_id = tabs[0].api("/api/kernels", "POST", json={}).json()["id"]
    token = kernel_token(house, person_id)["token"]
    hub_token = server_token(house, person_id)
    gateway = httpx.Client(base_url=house.runtime.gateway_url, timeout=60)
    assert gateway.get("/v1/catalog", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    async def story():
        sockets = [await tab.socket(kernel_id) for tab in tabs]
        await asyncio.to_thread(sign_out, browser)
        signed_out = time.monotonic()
        open_still = list(sockets)
        while open_still and time.monotonic() - signed_out < SECONDS:
            for socket in list(open_still):
                try:
                    if await asyncio.wait_for(socket.read_message(), 0.2) is None:
                        open_still.remove(socket)
                except TimeoutError:
                    continue
        await asyncio.sleep(max(0.0, SECONDS - (time.monotonic() - signed_out)))
        streams = [socket.protocol.stream for socket in sockets if socket.protocol is not None]
        for socket in sockets:
            socket.close()
        # Until they are closed: the end of the loop would leave them open.
        async with asyncio.timeout(20):
            while not all(stream.closed() for stream in streams):  # noqa: ASYNC110 - who is told of it is the protocol
                await asyncio.sleep(0.01)
        return len(open_still)

    socket_lives = asyncio.run(story()) > 0
    then()
    checks = {
        "a kernel's WebSocket": lambda: socket_lives,
        "the kernel's token": lambda: (
            gateway.get("/v1/catalog", headers={"Authorization": f"Bearer {token}"}).status_code != 401
        ),
        "renewing the kernel's token": lambda: "token" in kernel_token(house, person_id),
        "the server's hub token": lambda: hub_token is not None and hub_user(house, hub_token) == 200,
        "the portal": lambda: browser.get("/", follow=False).status_code == 200,
        **{f"tab {number}": lambda tab=tab: 200 in tab.statuses().values() for number, tab in enumerate(tabs)},
    }
    got = [what for what, goes_on in checks.items() if answered(goes_on)]
    gateway.close()
    return got


def hub_user(house, token):
    with house.hub_api(token) as api:
        return api.get("/user").status_code


def answered(goes_on):
    """Tell whether something goes on; what does not answer at all does not."""
    try:
        return goes_on()
    except (httpx.TimeoutException, TimeoutError):
        return False


@pytest.mark.parametrize("door", ["tls", pytest.param("tunnel", marks=pytest.mark.long)])
def test_h09_five_seconds_after_signing_out_nothing_goes_on(house, door):
    assert what_goes_on(house.at(door), "ann", lambda browser: browser.sign_out()) == []


@pytest.mark.parametrize("door", ["tls", pytest.param("tunnel", marks=pytest.mark.long)])
def test_h09_without_the_defence_the_open_notebook_goes_on(weak_house, door):
    # The push is what ends it: here the gateway is silent when it is due, and the hub does not ask again.
    gateway = weak_house.processes["gateway"]

    def sign_out_unheard(browser):
        browser.sign_out(just_before=lambda: gateway.send_signal(signal.SIGSTOP))

    def wake():
        gateway.send_signal(signal.SIGCONT)

    try:
        got = what_goes_on(weak_house.at(door), "ann", sign_out_unheard, wake)
    finally:
        wake()
    assert "a kernel's WebSocket" in got, got
    assert "the portal" not in got, "it was a sign-out"


def test_signing_in_again_opens_the_same_server(house):
    browser = house.sign_in("ann")
    person_id = house.person_id("ann")
    if running.find(house.state, person_id) is None:
        house.start_server(person_id)
    before = running.find(house.state, person_id)
    browser.sign_out()
    time.sleep(1)

    again = house.sign_in("ann")
    end = time.monotonic() + 10
    while (
        answer := again.get(f"/user/{person_id}/lab", house.host(person_id))
    ).status_code != 200 and time.monotonic() < end:
        time.sleep(0.5)

    assert answer.status_code == 200
    assert running.find(house.state, person_id) == before
