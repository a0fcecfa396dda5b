"""A person's Lab tab, as far as HTTP goes, and what code in its kernel can get hold of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from swap.launch import running


class Tab:
    """One of a person's Lab tabs: its own cookies at the server, a kernel and an open WebSocket to it."""

    def __init__(self, house, browser):
        self.house, self.person_id = house, browser.person_id
        self.host = f"{browser.person_id}.localhost"
        self.browser = house.browser()
        self.browser.cookies = {
            name: httpx.Cookies(jar) for name, jar in browser.cookies.items() if name == "localhost"
        }
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
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies[self.host].jar)
        request = HTTPRequest(
            f"ws://127.0.0.1:{self.house.port}/user/{self.person_id}/api/kernels/{kernel_id}/channels",
            headers={
                "Host": f"{self.host}:{self.house.port}",
                "Cookie": cookies,
                "Origin": f"http://{self.host}:{self.house.port}",
            },
        )
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
        try:
            writer.write(b'{"kernel_id": ""}\n')
            await writer.drain()
            return json.loads(await asyncio.wait_for(reader.readline(), 10))
        finally:
            writer.close()
            await writer.wait_closed()

    return asyncio.run(ask())
