from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from swap.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def settings_shown() -> list[tuple[str, str]]:
    """Return every piece of swap.toml that the how-to pages show, with the page it stands on."""
    found = []
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md")):
        for block in re.findall(r"(?:^(?: {4,}.*)?\n)+", page.read_text(encoding="utf-8"), re.MULTILINE):
            text = "\n".join(line.strip() for line in block.splitlines())
            if re.search(r"^\[", text, re.MULTILINE):
                found.append((page.name, text))
    return found


@pytest.mark.parametrize(("page", "text"), settings_shown())
def test_the_settings_that_a_page_shows_are_valid(page: str, text: str) -> None:
    Settings.model_validate({"state": "/tmp/state"} | tomllib.loads(text))


def test_pages_show_settings() -> None:
    assert {page for page, _ in settings_shown()} >= {
        "add-a-source.md",
        "write-a-policy-rule.md",
        "use-through-an-ssh-tunnel.md",
    }


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"(?:`|^ {4,})make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{page.name} names {sorted(named - targets)}"
