"""The one list of routes, and what must be true of it."""

from __future__ import annotations

import re
from pathlib import Path

from swap.settings import Site
from swap.web import app, guard
from swap.web.routes import ROUTES

API = Path(__file__).parents[3] / "docs" / "reference" / "api.md"


def test_every_route_is_in_the_reference() -> None:
    text = API.read_text(encoding="utf-8").partition("## Portal")[2]
    documented = {
        path
        for line in text.splitlines()
        if line.startswith("|")
        for path in re.findall(r"/[a-z][^\s`?|,…]*", line.split("|")[1])
    } | {"/"}
    for route in ROUTES:
        assert route.path in documented, route.path


def test_no_route_that_changes_something_is_public() -> None:
    assert [route.path for route in ROUTES if route.public and route.method != "GET"] == []


def test_no_template_writes_script_style_or_an_outside_address() -> None:
    for path in app.TEMPLATES.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?! src=\"\{\{ asset)", text), path
        assert not re.search(r"\sstyle=|\son[a-z]+=|https?://(?!\" ~ site)|\|\s*safe", text), path


def test_forms_may_lead_to_peoples_servers_and_nowhere_else() -> None:
    policy = guard.policy(Site(port=8000, public_port=9000).address)
    assert "form-action 'self' http://*.localhost:9000;" in policy
    assert "connect-src 'self' http://probe--x.localhost:9000;" in policy
    assert "unsafe" not in policy
    assert "*;" not in policy
