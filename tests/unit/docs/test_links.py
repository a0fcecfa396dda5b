from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")


def text(page: Path) -> str:
    """Return a page without its code, in which brackets mean something else."""
    without_blocks = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(?: {4}|\t).*$", "", without_blocks, flags=re.MULTILINE))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target in LINK.findall(text(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} does not exist"
        assert ROOT in linked.parents, f"{target} is outside the repository"
        assert not anchor or anchor in anchors(linked), f"{target} names no heading"


def test_every_page_can_be_found_from_the_index() -> None:
    docs = ROOT / "docs"
    seen: set[Path] = set()
    waiting = [docs / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [
            (page.parent / unquote(target).partition("#")[0]).resolve()
            for target in LINK.findall(text(page))
            if not re.match(r"[a-z]+:", target)
        ]
    assert {str(page.relative_to(docs)) for page in docs.rglob("*.md")} - {
        str(page.relative_to(docs)) for page in seen if docs in page.parents
    } == set()


def test_every_page_that_the_code_names_exists() -> None:
    named = {
        (str(source.relative_to(ROOT)), page)
        for folder in ("src", "lab/src", "look-src/src")
        for source in (ROOT / folder).rglob("*")
        if source.suffix in {".py", ".ts", ".html"}
        for page in re.findall(r"docs/[a-z0-9/_-]+\.md", source.read_text(encoding="utf-8"))
    }
    assert named, "the code names pages"
    assert {(source, page) for source, page in named if not (ROOT / page).exists()} == set()


def test_no_page_tells_people_that_something_is_easy() -> None:
    words = re.compile(r"\b(simply|just|obviously|of course|please|sorry|oops)\b", re.IGNORECASE)
    assert [(page.name, found[0]) for page in PAGES if (found := words.search(text(page)))] == []
