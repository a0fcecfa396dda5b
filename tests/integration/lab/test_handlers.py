"""What Lab's extension asks its server: passed on with the server's own token, behind login and XSRF check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.lab.conftest import Server, started
from services import NO_TLS

PAGE = {"columns": [{"name": "n", "type": "bigint"}], "rows": [["1"]], "offset": 10, "total": 11}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    with ExitStack() as stack:
        made = stack.enter_context(started(folder, home))
        made.gateway.answers.update(
            {
                "GET /v1/queries/q1": (200, {"id": "q1", "state": "running"}),
                "DELETE /v1/queries/q1": (200, {"state": "cancelled"}),
                "GET /v1/queries/q1/page": (200, PAGE),
                "GET /v1/queries/q1/download": (200, "a,b"),
                "GET /v1/catalog": (200, {"sources": []}),
                "GET /v1/catalog/schemas": (200, {"schemas": []}),
                "GET /v1/catalog/tables": (200, {"tables": [], "after": ""}),
                "GET /v1/catalog/lake/a%2Fb/%7B%7D%20%C3%BC": (200, {"columns": []}),
                "POST /v1/complete": (
                    200,
                    lambda path, body: {"start": 0, "end": len(path) and json.loads(body)["offset"], "items": []},
                ),
            }
        )
        yield made


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    """A browser that has signed in: cookies, and the XSRF token Lab reads from one of them."""
    with httpx.Client(
        follow_redirects=True, timeout=60, headers={"Sec-Fetch-Mode": "navigate", "User-Agent": "t"}
    ) as client:
        assert client.get(f"{server.url}/lab").status_code == 200
        client.headers["Sec-Fetch-Mode"] = "same-origin"
        yield client


def questions(server: Server) -> int:
    """Return how often the gateway was asked something; the stream of events is no question."""
    return len([path for _, path, _ in server.gateway.asked if path != "/v1/servers/events"])


def xsrf(browser: httpx.Client) -> dict[str, str]:
    return {"X-XSRFToken": browser.cookies["_xsrf"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/swap/access"),
        ("POST", "/swap/access"),
        ("GET", "/swap/queries/q1"),
        ("DELETE", "/swap/queries/q1"),
        ("POST", "/swap/complete"),
        ("GET", "/swap/queries/q1/page"),
        ("GET", "/swap/queries/q1/download"),
        ("GET", "/swap/catalog"),
        ("GET", "/swap/catalog/schemas?source=lake"),
        ("GET", "/swap/catalog/tables"),
        ("GET", "/swap/catalog/table?source=lake&schema=wmf&table=t"),
    ],
)
def test_nothing_is_answered_without_a_login(server: Server, method: str, path: str) -> None:
    asked = questions(server)
    reply = httpx.request(method, server.url + path, timeout=60, verify=NO_TLS)
    assert reply.status_code in {302, 403}
    assert questions(server) == asked


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/swap/complete"), ("DELETE", "/swap/queries/q1"), ("POST", "/swap/access")]
)
def test_another_sites_page_can_change_nothing(server: Server, browser: httpx.Client, method: str, path: str) -> None:
    asked = questions(server)
    reply = browser.request(method, server.url + path, headers={"Sec-Fetch-Mode": "cors"}, content=b"{}")
    assert reply.status_code == 403
    assert questions(server) == asked
    assert (
        browser.request(method, server.url + path, headers=xsrf(browser), content=b'{"offset": 0}').status_code == 200
    )


def test_the_gateway_is_asked_with_a_token_of_the_servers_own(server: Server, browser: httpx.Client) -> None:
    reply = browser.get(f"{server.url}/swap/queries/q1", headers=xsrf(browser))
    assert reply.json() == {"id": "q1", "state": "running"}
    method, path, bearer = server.gateway.asked[-1]
    assert (method, path) == ("GET", "/v1/queries/q1")
    assert bearer.startswith("kernel-token-server-")
    assert bearer not in reply.text
    assert reply.headers["Cache-Control"] == "no-store"


def test_paging_and_sorting_are_passed_on_and_nothing_else(server: Server, browser: httpx.Client) -> None:
    query = {
        "offset": "10",
        "limit": "10",
        "sort": "n & m",
        "descending": "true",
        "_xsrf": browser.cookies["_xsrf"],
        "after": "",
        "statement": "x",
    }
    assert browser.get(f"{server.url}/swap/queries/q1/page", params=query, headers=xsrf(browser)).json() == PAGE
    asked = httpx.URL(server.gateway.asked[-1][1])
    assert dict(asked.params) == {"offset": "10", "limit": "10", "sort": "n & m", "descending": "true", "after": ""}


def test_the_catalog_is_asked_a_page_at_a_time(server: Server, browser: httpx.Client) -> None:
    wanted = {"source": "lake", "schema": "wmf", "text": "a b", "columns": "true", "after": "x", "limit": "5"}
    reply = browser.get(f"{server.url}/swap/catalog/tables", params=wanted | {"like": "*"}, headers=xsrf(browser))
    assert reply.json() == {"tables": [], "after": ""}
    assert dict(httpx.URL(server.gateway.asked[-1][1]).params) == wanted
    for path in ("catalog", "catalog/schemas"):
        assert browser.get(f"{server.url}/swap/{path}", headers=xsrf(browser)).status_code == 200


def test_a_table_is_asked_for_by_the_names_it_has(server: Server, browser: httpx.Client) -> None:
    names = {"source": "lake", "schema": "a/b", "table": "{} ü"}
    reply = browser.get(f"{server.url}/swap/catalog/table", params=names, headers=xsrf(browser))
    assert reply.json() == {"columns": []}


@pytest.mark.parametrize(
    "names", [("..", "..", "health"), ("", "", "schemas"), (".", "tables", ""), ("a", "b", "c" * 601)]
)
def test_a_name_cannot_lead_to_another_route_of_the_gateway(
    server: Server, browser: httpx.Client, names: tuple[str, str, str]
) -> None:
    asked = questions(server)
    params = dict(zip(("source", "schema", "table"), names, strict=True))
    reply = browser.get(f"{server.url}/swap/catalog/table", params=params, headers=xsrf(browser))
    assert (reply.status_code, questions(server)) == (404, asked)


def test_a_download_is_a_link_a_browser_can_follow(server: Server, browser: httpx.Client) -> None:
    reply = browser.get(f"{server.url}/swap/queries/q1/download", headers={"Sec-Fetch-Mode": "navigate"})
    assert (reply.status_code, reply.json()) == (200, "a,b")
    assert reply.headers["Content-Disposition"] == "attachment"


def test_the_gateways_errors_arrive_as_they_are(server: Server, browser: httpx.Client) -> None:
    reply = browser.get(f"{server.url}/swap/queries/unknown", headers=xsrf(browser))
    assert (reply.status_code, reply.json()["error"]["category"]) == (404, "not-found")


@pytest.mark.parametrize("query_id", ["..%2f..%2fservers%2fevents", "a/../../tokens", "q1%3Fx", "", "q" * 65])
def test_an_id_cannot_lead_to_another_route_of_the_gateway(
    server: Server, browser: httpx.Client, query_id: str
) -> None:
    asked = questions(server)
    reply: Any = browser.get(f"{server.url}/swap/queries/{query_id}", headers=xsrf(browser))
    assert reply.status_code == 404
    assert questions(server) == asked


def test_a_token_is_renewed_before_it_expires(server: Server, browser: httpx.Client) -> None:
    # Half of five minutes is left to every token so far: the next ones live so briefly that each is renewed at once.
    server.gateway.token_seconds = 0.001
    minted = len(server.gateway.minted)
    server.gateway.say("live", server.gateway.epoch + 1)
    with httpx.Client(timeout=60, headers={"Authorization": f"token {server.hub.token()}"}) as fresh:
        for _ in range(3):
            assert fresh.get(f"{server.url}/swap/queries/q1").status_code == 200
    assert len(server.gateway.minted) >= minted + 2
    del browser


def test_a_notebook_can_be_saved_only_as_what_works(server: Server, browser: httpx.Client) -> None:
    (server.home / "saved.ipynb").write_text(json.dumps(SAVED))

    offered = browser.get(f"{server.url}/api/nbconvert", headers=xsrf(browser)).json()

    assert httpx.get(f"{server.url}/api/nbconvert", verify=NO_TLS).status_code == 403
    assert offered.keys() == {"html", "markdown", "script"}
    for name in offered:
        reply = browser.get(
            f"{server.url}/nbconvert/{name}/saved.ipynb?download=true", headers=xsrf(browser), timeout=60
        )
        assert (reply.status_code, "print(42)" in re.sub("<[^>]*>", "", reply.text)) == (200, True)
    for name in ("pdf", "webpdf", "latex", "slides", "asciidoc", "rst", "custom", "htmlx"):
        reply = browser.get(f"{server.url}/nbconvert/{name}/saved.ipynb", headers=xsrf(browser), timeout=60)
        assert (reply.status_code, "switched this part" in reply.text) == (404, True)


def test_a_notebook_saved_as_html_names_no_other_host(server: Server, browser: httpx.Client) -> None:
    (server.home / "saved.ipynb").write_text(json.dumps(SAVED))

    page = browser.get(f"{server.url}/nbconvert/html/saved.ipynb", headers=xsrf(browser), timeout=60).text

    assert "x^2" in page
    assert "cdnjs" not in page
    assert "unpkg" not in page
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[^>]*//[^>]*>", page) == []
    assert re.findall(r"import\(|import .* from|url\(['\"]?http", page) == []


WIDGETS = "application/vnd.jupyter.widget-state+json"
SAVED = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "swap", "display_name": "Python", "language": "python"},
        "widgets": {WIDGETS: {"state": {}}},
    },
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "A formula, $x^2$"},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "execution_count": 1,
            "source": "print(42)",
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"text/vnd.mermaid": "graph TD; a-->b"}}
            ],
        },
    ],
}
