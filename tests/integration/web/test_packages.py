"""My own packages on Home: what stands there, and that one click removes them."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import pytest

from integration.web.running import Browser, Portal
from swap.notebooks import packages

HEAD = "<h2>Your own packages</h2>"


@pytest.fixture
def shared(either: Portal) -> Portal:
    return either


@pytest.fixture
def ann(shared: Portal) -> Browser:
    return shared.signed_in()


def layer(shared: Portal, *names: str, python: str = "python3.11") -> Path:
    place = shared.home() / ".local/share/swap" / python / "lib" / python / "site-packages"
    place.mkdir(parents=True)
    for name in names:
        (place / f"{name}-1.0.dist-info").mkdir()
    shared.give()
    return place


def test_they_are_named_and_one_click_removes_them(shared: Portal, ann: Browser) -> None:
    assert HEAD not in ann.get("/").text
    layer(shared, *"abcdefg")
    page = ann.get("/").text
    assert HEAD in page
    assert "<code>a</code>, <code>b</code>, <code>c</code>, <code>d</code>, <code>e</code> and 2 more" in page

    assert ann.submit("/packages/remove").headers["location"] == "/"

    assert HEAD not in ann.get("/").text
    assert list((shared.home() / ".local/share/swap").iterdir()) == []


def test_without_the_pages_mark_nothing_is_removed(shared: Portal, ann: Browser) -> None:
    place = layer(shared, "kept")

    assert ann.post("/packages/remove", {}).status_code == HTTPStatus.BAD_REQUEST

    assert place.exists()
    ann.submit("/packages/remove")
    assert not place.exists()


def test_a_name_is_text_and_nothing_else(shared: Portal, ann: Browser) -> None:
    layer(shared, "<img src=x onerror=alert(1)>")

    page = ann.get("/").text

    assert "<code>&lt;img src=x onerror=alert(1)&gt;</code>" in page
    assert "<img src=x" not in page
    ann.submit("/packages/remove")


def test_home_does_not_grow_with_what_is_there(shared: Portal, ann: Browser) -> None:
    for number in range(packages.LAYERS + 2):
        place = layer(shared, "x" * 200, python=f"python3.{number}")
        for each in range(packages.ENTRIES // 10 + 1):
            (place / f"p{number}-{each}.dist-info").touch()
    shared.give()

    page = ann.get("/").text
    block = page.partition(HEAD)[2].partition("</section>")[0]

    assert "or more" in block
    assert len(block) < 1_500
    ann.submit("/packages/remove")
    assert HEAD not in ann.get("/").text


def test_what_is_no_layer_can_be_removed_too(shared: Portal, ann: Browser) -> None:
    (shared.home() / ".local/share/swap").mkdir(parents=True, exist_ok=True)
    (shared.home() / ".local/share/swap/python3.11").symlink_to("/etc")
    assert "something stands in their place" in ann.get("/").text

    ann.submit("/packages/remove")

    assert HEAD not in ann.get("/").text
    assert Path("/etc/passwd").exists()
