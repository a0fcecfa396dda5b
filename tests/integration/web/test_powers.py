"""What a browser shows the portal, and what the portal shows the gateway: each opens its own door and no other."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from integration.web.running import PERSON_IDS, Browser, Portal, running
from services import Database
from statements import interrupted, sent
from swap.identity import Via
from swap.people import service
from swap.people.model import Access
from swap.web import auth
from swap.web.routes import ROUTES, Route

CLOSED = [route for route in ROUTES if not route.public]


def token(portal: Portal, via: Via) -> str:
    key = portal.runtime.portal_key if via is Via.PORTAL else portal.runtime.kernel_key
    return service.mint_token(
        key, via, PERSON_IDS["ann"], Access(live=True, epoch=0), now=datetime.now(UTC), seconds=300
    ).value


def address(route: Route) -> str:
    path = route.path.replace("{path:path}", "first.ipynb")
    ids = dict.fromkeys(("notebook_id", "report_id", "run_id"), "0" * 32)
    return path.format(source="lake", schema="wmf", table="pageview_hourly", **ids)


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL])
def test_a_token_for_the_gateway_opens_no_page(shared: Portal, via: Via, route: Route) -> None:
    shared.person()
    shown = token(shared, via)
    browser = Browser(shared.port, cookies={auth.SESSION_COOKIE: shown})
    path = address(route)

    if route.method == "GET":
        answer = browser.get(path, Authorization=f"Bearer {shown}")
    else:
        answer = browser.post(path, {"csrf": ""}, Authorization=f"Bearer {shown}")

    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["location"].startswith("/sign-in")


def test_the_same_pages_open_to_a_session(shared: Portal) -> None:
    browser = shared.signed_in()

    for route in CLOSED:
        if route.method == "GET":
            answer = browser.get(address(route))
            assert not answer.headers.get("location", "").startswith("/sign-in"), route.path


def test_a_page_of_before_a_sign_out_asks_the_gateway_with_a_token_of_before(
    database: Database, tmp_path: Path
) -> None:
    """Sign-out and a new sign-in fall between the look at the session and the minting: the token must be a dead one."""
    apps: list[Any] = []
    with running(database, tmp_path, adapt=apps.append) as portal:
        browser = portal.signed_in()
        engine = apps[0].state.portal.engine

        def sign_out_and_in_again() -> None:
            with database.engine().begin() as conn:
                service.sign_out(conn, PERSON_IDS["ann"], datetime.now(UTC))
            portal.person()

        with interrupted(engine, 1, sign_out_and_in_again):
            browser.get("/data/lake/wmf/pageview_hourly")

        assert [claims.epoch for claims in portal.gateway.claims] == [0]
        with database.engine().begin() as conn:
            assert service.access(conn, PERSON_IDS["ann"], datetime.now(UTC)) == Access(live=True, epoch=1)


def test_a_page_asks_the_database_once_for_each_thing_that_it_shows(database: Database, tmp_path: Path) -> None:
    apps: list[Any] = []
    with running(database, tmp_path, adapt=apps.append) as portal:
        browser = portal.signed_in()

        with sent(apps[0].state.portal.engine) as statements:
            assert browser.get("/data/lake/wmf/pageview_hourly").status_code == HTTPStatus.OK

        of_people, _, of_notebooks, of_notices = statements
        assert "swap.portal_session" in of_people
        assert "swap.notebook_card" in of_notebooks
        assert "swap.notice" in of_notices
