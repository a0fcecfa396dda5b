"""A person's Lab tab, as far as HTTP goes, and what code in its kernel can get hold of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from pathlib import Path

import httpx
from tornado.httpclient import HTTPRequest
from tornado.netutil import DefaultLoopResolver, OverrideResolver
from tornado.websocket import websocket_connect

import services
from integration.hub.conftest import certificate_of
from swap.launch import running


class Tab:
    """One of a person's Lab tabs: its own cookies at the server, a kernel and an open WebSocket to it."""

    def __init__(self, house, browser):
        self.house, self.person_id = house, browser.person_id
        self.host = house.host(browser.person_id)
        self.browser = house.browser()
        self.browser.cookies = {
            name: httpx.Cookies(jar) for name, jar in browser.cookies.items() if name == house.portal
        }
        self.browser.prefixed = set(browser.prefixed)
        assert self.browser.get(f"/user/{self.person_id}/lab", self.host).status_code == 200

    @property
    def xsrf(self):
        return next(cookie.value for cookie in self.browser.cookies[self.host].jar if cookie.name == "_xsrf")

    def api(self, path, method="GET", **arguments):
        headers = {"X-XSRFToken": self.xsrf, "Accept": "application/json", "Sec-Fetch-Mode": "cors"}
        return self.browser.request(
            method, f"/user/{self.person_id}{path}", self.host, follow=False, headers=headers, **arguments
        )

    def statuses(self):
        return {
            path: self.api(path).status_code
            for path in ("/api/contents", "/api/kernels", "/api/sessions", "/api/status", "/swap/access", "/lab")
        }

    async def socket(self, kernel_id):
        address = self.house.address
        request = HTTPRequest(
            f"{'wss' if address.tls else 'ws'}://{self.host}:{address.port}/user/{self.person_id}/api/kernels/{kernel_id}/channels",
            headers={"Cookie": self.browser.sent(self.host), "Origin": address.person_url(self.person_id)},
            ssl_options=services.trusting(certificate_of(self.house.settings)) if address.tls else None,
        )
        here = OverrideResolver(DefaultLoopResolver(), {self.host: "127.0.0.1"})
        return await websocket_connect(request, resolver=here)


async def hang_up(socket):
    """Close a WebSocket and wait until it is closed: the end of the event loop in between would leave it open."""
    socket.close()
    while await asyncio.wait_for(socket.read_message(), 60) is not None:
        pass


def server_token(house, person_id):
    """Return the hub token the person's server holds; kernel code on this machine may have got hold of it."""
    pid = running.find(house.state, person_id).pid
    seen = set()
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for low, high in re.findall(r"^(\w+)-(\w+) rw", maps, re.MULTILINE):
                memory.seek(int(low, 16))
                with contextlib.suppress(OSError):
                    seen |= set(re.findall(rb"(?<!\w)[0-9a-f]{32}(?!\w)", memory.read(int(high, 16) - int(low, 16))))
    except PermissionError:  # the server seals itself; only root can look into it all the same
        return None
    with house.database.server.administrator(house.database.name) as conn:
        rows = conn.execute("SELECT prefix FROM jupyterhub.api_tokens WHERE note LIKE 'Server at %'").fetchall()
    prefixes = tuple(row[0] for row in rows)
    for token in (each.decode() for each in seen if each.decode().startswith(prefixes)):
        with house.hub_api(token) as api:
            answer = api.get("/user")
        if answer.status_code == 200 and answer.json()["name"] == person_id:
            return token
    raise AssertionError("the server's token is not in its memory")


def kernel_token(house, person_id):
    """Ask the token socket for a kernel's token, as kernel code may."""

    async def ask():
        reader, writer = await asyncio.open_unix_connection(house.runtime.socket_directory / f"{person_id}.sock")
        try:
            writer.write(b'{"kernel_id": ""}\n')
            await writer.drain()
            return json.loads(await asyncio.wait_for(reader.readline(), 10))
        finally:
            writer.close()
            await writer.wait_closed()

    return asyncio.run(ask())
