"""Signing out is pushed: cookies refused and kernels' connections cut within seconds, nothing waited for."""

from __future__ import annotations

import httpx
import pytest
from lab import open_new, until
from playwright.sync_api import expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance

PUSHED_SECONDS = 5


def test_sign_out_ends_cookies_sockets_and_tokens(bertrand: Person, demo: Demo) -> None:
    notebook = open_new(bertrand.page, demo.url, demo.state / "homes")
    lab = bertrand.page
    closed: list[str] = []
    lab.on("websocket", lambda socket: socket.on("close", lambda: closed.append(socket.url)))
    lab.reload()
    notebook.wait_idle()
    server = lab.url.split("/lab/")[0]
    host, path = server.removeprefix("http://").split("/", 1)
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in bertrand.context.cookies(server + "/"))

    def answers() -> int:
        # By address: only browsers resolve names below localhost.
        return httpx.get(
            f"http://127.0.0.1:{demo.port}/{path}/api/me", headers={"Host": host, "Cookie": cookies}, trust_env=False
        ).status_code

    assert answers() == 200
    portal = bertrand.context.new_page()
    portal.goto(f"{demo.url}/sign-out")
    portal.get_by_role("button", name="Sign out").last.click()
    expect(portal.locator("main")).to_contain_text("signed out")
    assert until(lambda: answers() in {401, 403}, seconds=PUSHED_SECONDS)
    lab.wait_for_timeout(PUSHED_SECONDS * 1000)  # the browser tells of closed sockets while it is waited for
    assert any("/channels" in url for url in closed)
    portal.goto(demo.url)
    expect(portal.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
