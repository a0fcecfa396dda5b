"""H09: after a sign-out nothing that was open or given out before goes on for longer than five seconds."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from pathlib import Path

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from swap.launch import running

SECONDS = 5.0


class Tab:
    """One of a person's Lab tabs: its own cookies at the server, a kernel and an open WebSocket to it."""

    def __init__(self, house, browser):
        self.house, self.person_id = house, browser.person_id
        self.host = f"{browser.person_id}.localhost"
        self.browser = house.browser()
        self.browser.cookies = {name: httpx.Cookies(jar) for name, jar in browser.cookies.items() if name == "localhost"}
        assert self.browser.get(f"/user/{self.person_id}/lab", self.host).status_code == 200

    @property
    def xsrf(self):
        return next(cookie.value for cookie in self.browser.cookies[self.host].jar if cookie.name == "_xsrf")

    def api(self, path, method="GET", **arguments):
        headers = {"X-XSRFToken": self.xsrf, "Accept": "application/json", "Sec-Fetch-Mode": "cors"}
        return self.browser.request(method, f"/user/{self.person_id}{path}", self.host, follow=False, headers=headers, **arguments)

    def statuses(self):
        return {path: self.api(path).status_code for path in ("/api/contents", "/api/kernels", "/api/sessions", "/api/status", "/swap/access", "/lab")}

    async def socket(self, kernel_id):
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies[self.host].jar)
        request = HTTPRequest(f"ws://127.0.0.1:{self.house.port}/user/{self.person_id}/api/kernels/{kernel_id}/channels",
                              headers={"Host": f"{self.host}:{self.house.port}", "Cookie": cookies, "Origin": f"http://{self.host}:{self.house.port}"})
        return await websocket_connect(request)


def server_token(house, person_id):
    """Return the hub token the person's server holds; kernel code on this machine may have got hold of it."""
    found = running.find(house.state, person_id)
    try:
        raw = Path(f"/proc/{found.pid}/environ").read_bytes().decode(errors="replace")
    except PermissionError:  # the server seals itself; only root can look into it all the same
        return None
    return next(item.partition("=")[2] for item in raw.split("\0") if item.startswith("JUPYTERHUB_API_TOKEN="))


def kernel_token(house, person_id):
    """Ask the token socket for a kernel's token, as kernel code may."""

    async def ask():
        reader, writer = await asyncio.open_unix_connection(house.runtime.socket_directory / f"{person_id}.sock")
        writer.write(b'{"kernel_id": ""}\n')
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        await writer.wait_closed()
        return json.loads(line)

    return asyncio.run(ask())


def what_goes_on(house, name, sign_out):
    """Open two tabs and everything in them, sign out, wait five seconds; return what still works."""
    browser = house.sign_in(name)
    browser.person_id = person_id = house.person_id(name)
    if running.find(house.state, person_id) is None:
        house.start_server(person_id)
    tabs = [Tab(house, browser), Tab(house, browser)]
    assert all(status == 200 for tab in tabs for status in tab.statuses().values()), [tab.statuses() for tab in tabs]
    kernel_id = tabs[0].api("/api/kernels", "POST", json={}).json()["id"]
    token = kernel_token(house, person_id)["token"]
    hub_token = server_token(house, person_id)
    gateway = httpx.Client(base_url=house.runtime.gateway_url, timeout=10)
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
        for socket in sockets:
            socket.close()
        return len(open_still)

    socket_lives = asyncio.run(story()) > 0
    checks = {
        "a kernel's WebSocket": lambda: socket_lives,
        "the kernel's token": lambda: gateway.get("/v1/catalog", headers={"Authorization": f"Bearer {token}"}).status_code != 401,
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


def test_h09_five_seconds_after_signing_out_nothing_goes_on(house):
    assert what_goes_on(house, "ann", lambda browser: browser.sign_out()) == []


def test_h09_without_the_defence_the_open_notebook_goes_on(weak_house):
    # The push is what ends it: here the gateway is silent when it is due, and the hub does not ask again.
    gateway = weak_house.processes["gateway"]

    def sign_out_unheard(browser):
        browser.sign_out(just_before=lambda: gateway.send_signal(signal.SIGSTOP))

    def wake():
        time.sleep(SECONDS + 40)
        gateway.send_signal(signal.SIGCONT)

    waking = threading.Thread(target=wake)
    waking.start()
    try:
        got = what_goes_on(weak_house, "ann", sign_out_unheard)
    finally:
        gateway.send_signal(signal.SIGCONT)
        waking.join()
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
    while (answer := again.get(f"/user/{person_id}/lab", f"{person_id}.localhost")).status_code != 200 and time.monotonic() < end:
        time.sleep(0.5)

    assert answer.status_code == 200
    assert running.find(house.state, person_id) == before
