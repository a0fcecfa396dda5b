"""The routes are those of the reference."""

from __future__ import annotations

import re
from pathlib import Path

from swap.gateway.routes import ROUTES

API = Path(__file__).parents[3] / "docs" / "reference" / "api.md"


def test_every_route_is_described_and_no_other() -> None:
    table = API.read_text(encoding="utf-8").partition("## Gateway")[2].partition("### The state of a run")[0]
    described = {
        (method, re.sub(r"\{id\}", "{query_id}", path))
        for method, path in re.findall(r"^\| `(GET|POST|DELETE|PUT) (/[^`?]*)", table, re.MULTILINE)
    }

    assert described == {(route.method, route.path) for route in ROUTES}


def test_every_route_but_health_and_a_page_in_words_asks_who_is_calling() -> None:
    table = API.read_text(encoding="utf-8").partition("## Gateway")[2].partition("### The state of a run")[0]
    open_ = re.findall(r"^\| `GET (/[^`?]*)` \| none \|", table, re.MULTILINE)

    assert open_ == ["/v1/health", "/sign-in", "/hub/error/502"]
