"""Where a page may send a browser."""

from __future__ import annotations

import pytest

from swap.settings import Address, Site
from swap.web import paths


@pytest.mark.parametrize("value", ["/", "/data", "/data/lake?q=a%20b&show=all", "/data/lake/wmf/x#columns"])
def test_our_own_paths_stay(value: str) -> None:
    assert paths.local(value) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "data",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https:evil.example",
        "https://evil.example",
        "/\tx",
        "\t//evil.example",
        "/a b",
        "/a\n",
        "/\u2028x",
        "javascript:alert(1)",
        "/x" * 2000,
        "/[//evil",
        "//[::1",
    ],
)
def test_everything_else_leads_home(value: str | None) -> None:
    assert paths.local(value) in {"/", "/[//evil"}


def test_a_notebooks_address_is_on_the_persons_own_origin_and_quoted() -> None:
    site = Site(port=8000).address
    assert paths.lab(site, "paaaaaaaaa") == "http://paaaaaaaaa.localhost:8000/user/paaaaaaaaa/lab"
    assert paths.lab(site, "paaaaaaaaa", "my ideas/50% ?#.ipynb") == (
        "http://paaaaaaaaa.localhost:8000/user/paaaaaaaaa/lab/tree/my%20ideas/50%25%20%3F%23.ipynb?reset"
    )


def test_the_public_port_wins() -> None:
    site = Site(port=8000, public_port=9000).address
    assert paths.lab(site, "paaaaaaaaa").startswith("http://paaaaaaaaa.localhost:9000/")


def test_under_tls_it_is_below_the_public_name() -> None:
    assert paths.lab(Address("https", "swap.example.org", 443), "paaaaaaaaa") == (
        "https://paaaaaaaaa.swap.example.org/user/paaaaaaaaa/lab"
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a.ipynb", "a.ipynb"),
        ("lab/tree/x/a.ipynb", "x/a.ipynb"),
        ("lab", ""),
        (None, ""),
        ("../a.ipynb", ""),
        ("/a.ipynb", ""),
        ("a\\b.ipynb", ""),
        ("x/..ipynb", "x/..ipynb"),
        ("a.txt", ""),
        ("lab/tree/../../a.ipynb", ""),
    ],
)
def test_only_a_path_below_the_home_is_a_notebooks_path(value: str | None, path: str) -> None:
    assert paths.notebook(value) == path
