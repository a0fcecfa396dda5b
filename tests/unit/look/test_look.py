"""The frame every page shares."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from swap import look

SOURCE = Path(__file__).parents[3] / "look-src"


def test_icons_are_decoration_unless_they_have_a_name() -> None:
    assert 'aria-hidden="true"' in look.icon("lock")
    assert 'role="img" aria-label="a &#34;b&#34;"' in look.icon("lock", label='a "b"')


def test_an_unknown_icon_or_file_is_an_error() -> None:
    with pytest.raises(KeyError):
        look.icon("nothing")
    with pytest.raises(KeyError):
        look.asset("nothing.css")


def test_every_built_file_is_there_under_its_digest() -> None:
    manifest = json.loads((look.STATIC / "build" / "manifest.json").read_text(encoding="utf-8"))
    assert {"swap.css", "page.js", "mode.js", "server.js", "sign-in.js", "favicon.svg"} <= set(manifest)
    for name in manifest:
        assert (look.STATIC / "build" / Path(look.asset(name)).name).stat().st_size > 0


def test_pages_load_nothing_from_elsewhere() -> None:
    for path in (look.STATIC / "build").glob("*.*"):
        text = path.read_text(encoding="utf-8")
        outside = re.findall(r"(?:url\(|src=|href=|@import|fetch\()\s*[\"']?(?:https?:)?//", text)
        # The sign of plotly's makers, which our charts are drawn without (test_charts_browser.py).
        mark = ['href="https://'] if path.name.startswith("chart-plotly.") else []
        assert outside == mark, path


@pytest.mark.parametrize("name", ["look.css", "comments.css"])
def test_our_sheets_name_no_colour_of_their_own(name: str) -> None:
    sheet = (SOURCE / "styles" / name).read_text(encoding="utf-8")
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", re.sub(r"mask-image:[^;]*;|rgb\(0 0 0 / 20%\)", "", sheet))


def test_dark_comes_by_the_system_and_by_choice() -> None:
    sheet = (look.STATIC / "build" / Path(look.asset("swap.css")).name).read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme: dark)" in sheet
    assert ':root[data-mode="dark"]' in sheet
    assert ':root:not([data-mode="light"])' in sheet


def test_the_frame_needs_no_values_and_escapes_those_it_has() -> None:
    page = look.environment().get_template("base.html").render(person={"name": "<b>", "groups": ["<i>"]}, csrf='"')
    assert "<b>" not in page.replace("<b class", "")
    assert "&lt;i&gt;" in page
    assert look.environment().get_template("base.html").render()


def test_the_lock_file_has_no_addresses() -> None:
    text = (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in text
    assert "funding" not in text
