"""The pictures of the docs: each is there, shown somewhere, described in words, and small."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
IMAGES = ROOT / "docs" / "images"
SHOWN = [
    (page, alt, (page.parent / target).resolve())
    for page in PAGES
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
]
LARGEST_BYTES = 150_000


def test_every_picture_that_a_page_shows_exists() -> None:
    assert {str(path.relative_to(ROOT)) for _, _, path in SHOWN if not path.exists()} == set()


def test_every_picture_is_shown_on_a_page() -> None:
    assert {path.name for path in IMAGES.iterdir()} - {path.name for _, _, path in SHOWN} == set()


def test_every_picture_is_described_in_words() -> None:
    assert [(page.name, path.name) for page, alt, path in SHOWN if len(alt.split()) < 6] == []


def test_a_picture_is_small_enough_for_a_slow_line() -> None:
    assert [path.name for path in IMAGES.iterdir() if path.stat().st_size > LARGEST_BYTES] == []


def test_a_notebook_made_from_a_page_has_none_of_its_pictures() -> None:
    assert [
        path.name for path in (ROOT / "examples").glob("*.ipynb") if "images/" in path.read_text(encoding="utf-8")
    ] == []


def test_the_acceptance_test_makes_every_screenshot() -> None:
    text = (ROOT / "tests" / "acceptance" / "test_pages.py").read_text(encoding="utf-8")
    assert [path.stem for path in IMAGES.glob("*.png") if f'"{path.stem}"' not in text] == []
