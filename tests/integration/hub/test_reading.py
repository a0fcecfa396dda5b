"""Reading a notebook through the proxy: by a tunnel, under TLS below the portal's name, and on a host of another domain."""

from __future__ import annotations

import re

import httpx
import pytest

import browsers
import notebooks
from integration.hub.conftest import PUBLIC, build, demolish
from integration.hub.test_tls import sign_in

APART = "swap-content.example"
SHOWN = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
PART = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


@pytest.fixture(params=["tunnel", "tls"])
def seen(house, request):
    return house.at(request.param)


@pytest.fixture(scope="module")
def apart_house(embedded_postgres):
    made = build(embedded_postgres, names=("ann",), content_host=APART)
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        yield made
    finally:
        demolish(made)


def write(house, name):
    home = house.runtime.homes / house.person_id(name)
    home.mkdir(exist_ok=True)
    picture = notebooks.shown({"image/png": notebooks.png(5, 4)})
    (home / "first.ipynb").write_bytes(
        notebooks.content(notebooks.markdown("# Mobile readers"), notebooks.code("1", picture))
    )


def framed(browser):
    page = browser.get("/notebooks/read/first.ipynb").text
    return httpx.URL(re.findall(r'<iframe class="reader" name="[^"]*" src="([^"]*)"', page)[0])


def test_a_page_without_an_origin_is_given_its_parts_and_nothing_else_of_ours(house, seen):
    browser = seen.sign_in("ann")
    write(house, "ann")
    url = framed(browser)
    host, path = url.host, url.raw_path.decode()
    assert host == f"content.{seen.portal}"

    page = browser.get(path, host, headers=SHOWN, follow=False)
    picture = path + re.findall(r'src="([^"]*)"', page.text)[0]
    sheet = re.findall(r'href="(/static/[^"]*)"', page.text)[0]
    parts = [browser.get(each, host, headers=PART, follow=False) for each in (picture, sheet)]

    assert [each.status_code for each in (page, *parts)] == [200, 200, 200]
    assert "Mobile readers" in page.text
    assert not browser.cookies[host]
    # Any other host of ours refuses that very request, as before.
    assert browser.get(sheet, headers=PART, follow=False).status_code == 403
    assert browser.get("/", seen.host("pabcdefghi"), headers=PART, follow=False).status_code == 403
    assert browser.post(path, host, headers=SHOWN, follow=False).status_code in {403, 404, 405}


def test_nothing_of_the_hub_or_the_portal_is_on_the_host_of_notebooks(seen):
    browser = seen.browser()
    for path in (
        "/",
        "/hub/login",
        "/hub/api",
        "/user/pabcdefghi/lab",
        "/sign-in",
        "/api/version",
        "/server-gone",
    ):
        answer = browser.get(path, f"content.{seen.portal}", follow=False)
        assert answer.status_code == 404, path
        assert "sandbox" in answer.headers["content-security-policy"]


def test_a_person_called_content_has_another_host(house):
    house.sign_in("content")
    assert re.fullmatch(r"p[a-z2-7]{9}", house.person_id("content"))


def chromium(house):
    certificate = house.settings.origins.certificate
    rules, trusted = browsers.finding(PUBLIC, certificate)
    return browsers.running(f"{rules}, MAP {APART} 127.0.0.1", trusted)


def in_a_browser(house, name):
    """Let somebody read their notebook over TLS; return where each request went, and with which cookies."""
    tls = house.at("tls")
    asked = []
    with chromium(house) as browser:
        context = browser.new_context()
        page = context.new_page()
        context.on(
            "request",
            lambda request: asked.append((httpx.URL(request.url).host, request.all_headers().get("cookie", ""))),
        )
        sign_in(page, tls, name)
        write(house, name)
        page.goto(f"{tls.address.url}/")
        page.get_by_role("link", name="Read Mobile readers").click()
        frame = page.frame_locator("iframe.reader")
        frame.get_by_role("heading", name="Mobile readers").wait_for(timeout=60_000)
        page.wait_for_load_state("networkidle")
        (inner,) = page.main_frame.child_frames
        assert inner.evaluate("[...document.images].map(each => each.naturalWidth)") == [5]
        assert inner.evaluate("self.origin") == "null"
        assert inner.evaluate("getComputedStyle(document.body).marginTop") == "0px"
    return asked


def test_a_browser_reads_a_notebook_below_the_public_name(house):
    asked = in_a_browser(house, "bertrand")
    assert [cookie for host, cookie in asked if host == f"content.{PUBLIC}"] == [""] * 3
    assert any(cookie for host, cookie in asked if host == PUBLIC)  # the control


def test_a_browser_reads_a_notebook_on_a_host_of_another_domain(apart_house):
    asked = in_a_browser(apart_house, "ann")
    assert [cookie for host, cookie in asked if host == APART] == [""] * 3
    assert not [host for host, _ in asked if host == f"content.{PUBLIC}"]
    # A tunnel's browser is shown it below the tunnel's name.
    browser = apart_house.sign_in("ann")
    assert framed(browser).host == "content.localhost"
