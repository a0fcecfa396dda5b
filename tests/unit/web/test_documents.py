"""The help: every page of docs/ is shown, every link leads somewhere, and no Markdown becomes a script."""

from __future__ import annotations

import re
import tomllib
from html import unescape
from pathlib import Path

import pytest

from swap.web import documents, markdown

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(documents.files().pages)


def test_every_page_of_the_documentation_is_there() -> None:
    docs = ROOT / "docs"
    assert set(PAGES) == {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} | {"CHANGELOG.md"}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_to_a_page_and_a_place_that_exist(name: str) -> None:
    shown = documents.rendered(name)
    assert shown.title
    addresses = {documents.address(page): page for page in PAGES}
    for target in map(unescape, re.findall(r'(?:href|src)="([^"]*)"', shown.body)):
        path, _, anchor = target.partition("#")
        if re.match("https?:", target):
            continue
        if path.removeprefix("/help/") in documents.files().pictures:
            continue
        assert path in addresses, target
        assert not anchor or f'id="{anchor}"' in documents.rendered(addresses[path]).body, target


@pytest.mark.parametrize("href", [href for href, _ in documents.CHAPTERS if href != "/help/keyboard"])
def test_what_stands_beside_a_page_is_a_page(href: str) -> None:
    assert href in {documents.address(name) for name in PAGES}


def test_the_installed_program_has_every_page_and_picture() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    copied = included["wheel"]["force-include"]
    for name in [*(f"docs/{page}" for page in PAGES if page != documents.NEWS), documents.NEWS] + [
        f"docs/{name}" for name in documents.files().pictures
    ]:
        source = next(source for source in copied if name == source or name.startswith(f"{source}/"))
        assert copied[source] + name.removeprefix(source) == f"swap/web/docs/{name.removeprefix('docs/')}"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "[x](<data:text/html,y>)",
        '![x" onerror="alert(1)](../images/home.png)',
        '# <b onclick="x">',
        "```\n</pre><script>x</script>\n```",
        "| <i onclick=x> |\n|---|\n| <b> |",
        '[x](https://example.org/"onclick="alert(1))',
    ],
)
def test_what_is_html_in_markdown_stays_text(text: str) -> None:
    body = markdown.render(text, lambda target: documents.link("README.md", target)).body
    tags = re.findall(r"<[^>]*>", body)
    assert not [tag for tag in tags if re.search(r"script|javascript|data:|<[bi] ", tag, re.IGNORECASE)]
    assert not [tag for tag in tags if re.search(r"\son\w+=", re.sub(r'"[^"]*"', "", tag))]


@pytest.mark.parametrize(
    "target", ["../src/swap/cli.py", "../../etc/passwd", "/etc/passwd", "nothing.md", "mailto:a@b"]
)
def test_what_is_not_part_of_the_help_is_no_link(target: str) -> None:
    assert documents.link("README.md", target) is None
