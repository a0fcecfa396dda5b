"""No stock JupyterHub page ever appears, on no host, by no path."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from swap import restarts
from swap.restarts import Restart

STOCK = (
    "",
    "/",
    "/home",
    "/token",
    "/admin",
    "/spawn",
    "/spawn/x",
    "/spawn-pending/x",
    "/logout",
    "/accept-share?code=x",
    "/user/x/lab",
    "/user-redirect/lab",
    "/api",
    "/api/",
    "/api/users",
    "/api/user",
    "/api/oauth2/token",
    "/metrics",
    "/logo",
    "/health",
    "/error/404",
    "/static/js/home.js",
    "/LOGIN",
    "/login/",
    "/oauth_login",
    "/security/csp-report",
    "/api/hub/user/x",
    "/login/../home",
    "/%6cogin/../admin",
)


@pytest.fixture(scope="module")
def ann(house):
    browser = house.sign_in("ann")
    browser.person_id = house.person_id("ann")
    return browser


@pytest.mark.parametrize("path", STOCK)
def test_the_hubs_own_pages_lead_to_the_portal(house, ann, path):
    for browser in (ann, house.browser()):
        for method in ("GET", "POST"):
            answer = browser.request(method, f"/hub{path}", follow=False)
            assert answer.headers.get("location") == f"http://localhost:{house.port}/", (
                f"{method} {path} {answer.status_code}"
            )


@pytest.mark.parametrize(
    "path",
    ["/hub/", "/hub/login", "/hub/home", "/hub/api/users", "/hub/api/oauth2/authorize/x", "/hub/static/js/home.js"],
)
def test_the_hub_is_not_on_a_persons_host(house, ann, path):
    answer = ann.get(path, f"{ann.person_id}.localhost", follow=False)

    assert answer.headers["location"] == f"http://localhost:{house.port}/"


def test_the_oauth_door_is_on_the_portals_host_and_led_to_from_a_persons(house, ann):
    path = "/hub/api/oauth2/authorize?client_id=x&next=//evil.com"

    answer = ann.get(path, f"{ann.person_id}.localhost", follow=False)

    assert answer.headers["location"] == f"http://localhost:{house.port}{path}"


@pytest.mark.parametrize(
    "host",
    [
        "content.localhost",
        "nb--content.localhost",
        "x.localhost",
        "evil.com",
        "localhost.evil.com",
        "hub.localhost",
        "pabcdefghi.evil.com",
        "xpabcdefghi.localhost",
        "pabcdefghij.localhost",
        "p0bcdefghi.localhost",
        "probe--x.localhost",
    ],
)
def test_a_host_that_is_nobodys_is_not_found(house, host):
    for path in ("/", "/hub/login", "/user/pabcdefghi/lab", "/static/x"):
        answer = house.browser().get(path, host, follow=False)
        assert answer.status_code in {404, 421}
        assert "404 page not found" not in answer.text
        assert f"http://localhost:{house.port}" in answer.text, "it says where SWAP is"
        assert "set-cookie" not in answer.headers


def test_browsers_can_ask_whether_they_find_names_below_localhost(house):
    assert house.browser().get("/ping", "probe--x.localhost").status_code == 204


def test_a_persons_host_leads_home_where_no_server_is(house, ann):
    assert (
        ann.get("/", f"{ann.person_id}.localhost", follow=False).headers["location"]
        == f"http://localhost:{house.port}/"
    )


def test_a_page_of_a_server_that_does_not_run_leads_to_its_start(house):
    host = "pabcdefghi.localhost"

    answer = house.browser().get("/user/pabcdefghi/lab/tree/my%20work/a.ipynb?x=1", host, follow=False)

    assert answer.headers["location"] == f"http://localhost:{house.port}/server?next=my%20work/a.ipynb"


def test_a_program_that_asks_a_server_that_does_not_run_is_told_so(house):
    answer = house.browser().get(
        "/user/pabcdefghi/api/kernels", "pabcdefghi.localhost", headers={"Accept": "*/*"}, follow=False
    )

    assert answer.status_code == 404


def test_a_persons_server_named_on_the_portals_host_is_on_their_own(house, ann):
    answer = ann.get(f"/user/{ann.person_id}/lab?reset", follow=False)

    assert answer.headers["location"] == f"http://{ann.person_id}.localhost:{house.port}/user/{ann.person_id}/lab?reset"


@pytest.mark.parametrize(
    "path",
    [
        "home",
        "token",
        "admin",
        "spawn",
        "spawn-pending/x",
        "accept-share?code=x",
        "user/x/lab",
        "nothing-here",
        "login?next=x",
        "logout",
        "api/oauth2/authorize?client_id=nobody",
    ],
)
def test_every_page_the_hub_itself_can_show_is_in_swaps_frame(house, path):
    # Straight at the hub's own port, past the proxy: even there nothing is JupyterHub's.
    with house.hub_api() as api:
        answer = api.get(f"{house.runtime.hub_url}/hub/{path}", headers={"Accept": "text/html"}, follow_redirects=True)

    assert "JupyterHub" not in answer.text
    if "text/html" in answer.headers["Content-Type"]:
        assert "· SWAP</title>" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_websocket_passes_the_proxy_to_a_running_server_only(house):
    answer = house.browser().get(
        "/user/pabcdefghi/api/events/subscribe",
        "pabcdefghi.localhost",
        follow=False,
        headers={"Accept": "*/*", "Upgrade": "websocket", "Connection": "Upgrade"},
    )

    assert answer.status_code == 404


def test_without_the_portal_its_pages_say_so_in_words(house):
    house.kill("web")
    try:
        for path in ("/", "/data", "/nothing"):
            answer = house.browser().get(path, follow=False)
            assert answer.status_code == 502
            assert "SWAP’s pages do not answer" in answer.text
            assert 'http-equiv="refresh"' in answer.text
            assert not re.search(r"<script|<form|src=|stylesheet", answer.text), "it needs nothing that is away"
        restarts.write(house.state, [Restart("web", 4, (datetime.now(UTC) + timedelta(seconds=25)).isoformat())])
        assert "They ended 4 times in a row; SWAP starts them again in 2" in house.browser().get("/", follow=False).text
    finally:
        restarts.write(house.state, [])
        house.start("web")
    assert house.browser().get("/help").status_code == 200
