"""What a notebook may hold to harm whoever reads it: rows R01, R02, R05, R06, R07, R09, R10, R11 and R15 of the list.

Each is tried on the HTML that SWAP makes, and each would come through where its defence is switched off.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import mistune
import pytest
from markupsafe import Markup

import notebooks
from integration.lab.test_exports import BREAK, HOSTILE, IMAGE, OUTSIDE, PNG, RUN
from integration.lab.test_exports import notebook as whole
from swap.reading import ansi, clean, document, formula, markdown, outputs, render

TAGS = clean.TAGS | formula.ELEMENTS | {"section", "summary", "img", "bdi", "figure", "figcaption"}
ATTRIBUTES = formula.ATTRIBUTES | set(
    "align alt aria-label class colspan dir height href id lang open rel role rowspan scope span src start tabindex target title width".split()  # noqa: SIM905
)


class Seen(HTMLParser):
    """What a browser would find in a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    @property
    def addresses(self) -> list[str]:
        return [
            value
            for _, name, value in self.attributes
            if name in {"href", "src", "action", "data", "background", "srcset"}
        ]

    @property
    def acts(self) -> list[str]:
        """What of it would act, ask another host, or take another place than its own."""
        return [
            *(f"<{tag}>" for tag in self.tags - TAGS),
            *(f"{name}={value}" for _, name, value in self.attributes if name not in ATTRIBUTES),
            *(
                each
                for each in self.addresses
                if not re.match(r"https?://|mailto:|#|[0-9a-f]{32}\.(png|jpg|svg)$", each)
            ),
            *(
                value
                for tag, name, value in self.attributes
                if name == "src" and (tag, value.partition(":")[1]) != ("img", "")
            ),
        ]


def rendered(*cells: dict[str, Any], **metadata: Any) -> str:
    return render.render(notebooks.content(*cells, **metadata), render.cache()).html


def as_html(text: str) -> str:
    return rendered(notebooks.code("1", notebooks.shown({"text/html": text})))


def as_markdown(text: str) -> str:
    return rendered(notebooks.markdown(text))


@pytest.fixture
def unclean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence taken away: what cleans lets everything through."""

    class Through:
        def clean(self, text: str) -> str:
            return text

    monkeypatch.setattr(clean, "_cleaner", Through())
    monkeypatch.setattr(markdown, "_cleaner", Through())


@pytest.mark.parametrize("shown", [as_html, as_markdown])
@pytest.mark.parametrize("text", HOSTILE)
def test_r01_r10_r15_markup_that_acts_is_dropped(shown: Callable[[str], str], text: str) -> None:
    seen = Seen(shown(text))
    assert seen.acts == []
    assert "style" not in {name for _, name, _ in seen.attributes}


@pytest.mark.parametrize("shown", [as_html, as_markdown])
@pytest.mark.usefixtures("unclean")
def test_r01_r10_r15_and_acts_where_nothing_cleans_it(shown: Callable[[str], str]) -> None:
    harmless = [text for text in HOSTILE if Seen(shown(text)).acts == []]
    # Markdown takes a few for no markup at all.
    assert [text for text in harmless if "&lt;" not in shown(text)] == []
    assert len(harmless) < 5


LINKS = (
    "javascript:go()", "JaVaScRiPt:go()", "java\nscript:go()", "java&#10;script:go()", "javascript&colon;go()", "\x01javascript:go()",
    " javascript:go()", "data:text/html,<script>go()</script>", "vbscript:go()", "file:///etc/passwd", "//evil.example/", "/sign-out",
    "blob:x", "view-source:x", "intent://x", "../../x",
)  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_r02_a_link_leads_to_a_page_or_nowhere(link: str) -> None:
    for text in (
        as_html(f'<a href="{html.escape(link)}">x</a>'),
        as_html(f"<a href='{link}'>x</a>"),
        as_markdown(f"[x]({link})"),
        as_markdown(f"[x](<{link}>)\n\n<{link}>\n\n[y][r]\n\n[r]: {link}"),
    ):
        assert all(re.match(r"(https?://|mailto:|#)", each) for each in Seen(text).addresses), text


@pytest.mark.usefixtures("unclean")
def test_r02_and_anywhere_where_nothing_cleans_it() -> None:
    assert Seen(as_html("<a href='javascript:go()'>x</a>")).addresses == ["javascript:go()"]
    assert Seen(as_markdown("[x](javascript:go())")).addresses == ["javascript:go()"]


def test_r02_a_link_that_leads_elsewhere_takes_nothing_along() -> None:
    (tag,) = re.findall(r"<a [^>]*>", as_markdown("[x](https://example.org/)"))
    assert 'target="_blank"' in tag
    assert 'rel="noopener noreferrer"' in tag


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\x", "/etc/passwd", 'a" onerror="go()', "attachment:x", "a" * 10_000]
)
@pytest.mark.parametrize("kind", ["image/png", 'image/png" x="', "text/html", "image/svg+xml"])
def test_r05_an_attachment_names_no_file(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr("builtins.open", lambda *given, **_: opened.append(given))
    cell = notebooks.markdown(f"![a](attachment:{name}) ![b](<attachment:{name}>) ![c](../../etc/shadow)", attachments={name: {kind: PNG}})  # fmt: skip
    seen = Seen(rendered(cell))
    assert opened == []
    assert seen.acts == []


def test_r05_and_one_that_is_a_picture_is_shown_by_what_is_in_it() -> None:
    cell = notebooks.markdown("![what it shows](attachment:../x.png)", attachments={"../x.png": {"image/png": PNG}})
    seen = Seen(rendered(cell))
    (address,) = seen.addresses
    assert re.fullmatch(r"[0-9a-f]{32}\.png", address)
    assert render.picture(notebooks.content(cell), address)[0].startswith(b"\x89PNG")


def test_r06_no_name_or_title_of_a_notebook_is_markup() -> None:
    failure = {"output_type": "error", "ename": IMAGE, "evalue": IMAGE, "traceback": [IMAGE, f"\x1b[31m{IMAGE}\x1b[0m"]}
    cells = (
        notebooks.markdown(f"# Title {html.escape(IMAGE)} `{IMAGE}`"),
        notebooks.code(f"'''{IMAGE}'''", failure, notebooks.printed(IMAGE), tags=[IMAGE], magics_language=IMAGE),
        notebooks.code(f"%%{IMAGE}\n{IMAGE}"),
    )
    about = {"title": IMAGE, "kernelspec": {"display_name": IMAGE, "language": IMAGE}, "language_info": {"name": IMAGE}}
    found = render.render(notebooks.content(*cells, **about), render.cache())
    assert "img" not in Seen(found.html).tags
    assert Seen(found.html).acts == []
    assert document.language({"metadata": about}) == ""


def test_r06_and_it_is_where_nothing_escapes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansi, "escape", Markup)
    assert "img" in Seen(rendered(notebooks.code("1", notebooks.printed(IMAGE)))).tags


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("\x1b]8;;javascript:go()\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]8;;javascript:go()\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;javascript:go()", ""),
        ("\x1bP1$r\x1b\\x\x1b[2J\x1b[1;1Hy\x1b[?25l\x1bcz\x9b31mw", "xyz31mw"),
        ("rm -rf /\rls       ", "ls       "),
        ("evil\x08\x08\x08\x08good", "good"),
    ],
)  # fmt: skip
def test_r07_nothing_for_a_terminal_is_left(text: str, stays: str) -> None:
    made = str(ansi.shown(text))
    assert made == stays
    assert "javascript" not in as_html("") + made


def test_r07_and_it_would_be_there_unread() -> None:
    text = "\x1b]8;;javascript:go()\x1b\\link"
    assert "javascript" in text
    assert "javascript" not in rendered(
        notebooks.code("1", notebooks.printed(text), notebooks.shown({"text/plain": text}))
    )


@pytest.mark.parametrize(
    "data",
    [
        {"text/vnd.mermaid": f'"></pre>{IMAGE}'},
        {"text/latex": f"$\\href{{javascript:{RUN}}}{{x}}$ {IMAGE}"},
        {"text/latex": f"$$\\unicode{{{IMAGE}}} \\text{{{IMAGE}}} \\class{{x}}{{y}} \\style{{position:fixed}}{{z}}$$"},
        {"text/markdown": f"$\\text{{{IMAGE}}}$ and $$\\href{{javascript:go()}}{{x}}$$ <math href='javascript:go()'>"},
        {"application/javascript": RUN},
        {"application/vnd.jupyter.widget-view+json": {"model_id": f"</script>{IMAGE}"}},
        {"application/vnd.plotly.v1+json": {"data": IMAGE}},
        {f"text/html{IMAGE}": IMAGE, "application/pdf": IMAGE},
        {"application/json": {IMAGE: [IMAGE]}},
        {"application/vnd.swap.error+json": {"error": {"title": IMAGE, "why": IMAGE, "todo": IMAGE}}},
        {"application/vnd.swap.result+json": {"columns": [{"name": IMAGE, "type": IMAGE, "align": BREAK}], "summary": IMAGE,
            "page": {"rows": [[IMAGE], [{"a": IMAGE}], [None]]}, "rows": IMAGE}},
    ],
)  # fmt: skip
def test_r09_other_languages_are_text_or_shapes(data: dict[str, Any]) -> None:
    seen = Seen(rendered(notebooks.code("1", notebooks.shown(data))))
    assert seen.acts == []
    assert "img" not in seen.tags
    assert "href" not in {name for tag, name, _ in seen.attributes if tag != "a"}


def test_r09_and_would_be_more_as_the_library_writes_them() -> None:
    from latex2mathml.converter import convert  # noqa: PLC0415 — the control: what is written anew

    assert "img" in Seen(convert(f"\\text{{{IMAGE}}}".replace(" ", ""))).tags | Seen(convert("\\text{<img>}")).tags
    assert "javascript:go()" in Seen(convert("\\href{javascript:go()}{x}")).addresses


def test_r10_nothing_of_a_notebook_has_a_name_that_a_program_would_find() -> None:
    text = "<a id=MathJax name=body>x</a><form name=cookie></form><img name=getElementById><b id=cell-1>y</b>"
    for shown in (as_html, as_markdown):
        names = {(name, value) for _, name, value in Seen(shown(text)).attributes if name in {"id", "name"}}
        assert names == {("id", "cell-1")}  # the cell's own


def test_r11_no_button_of_jupyterlab_and_no_claim_to_be_trusted_stays() -> None:
    text = "<a data-commandlinker-command='terminal:open' data-commandlinker-args='{}' href=#>x</a>"
    cells = (notebooks.markdown(text), notebooks.code("1", notebooks.shown({"text/html": text}), trusted=True))
    found = rendered(*cells, signature="sha256:x", trusted=True)
    assert "commandlinker" not in found
    assert "trusted" not in found


BROKEN = '<div title="\n\n$x$\n\n<div lang="en">\n'
"""An attribute that begins before a formula, as a block of HTML, and ends behind it."""


def test_what_travels_through_the_cleaning_cannot_be_forged() -> None:
    """A mark in an attribute, or written as a reference, is not taken for one of ours."""
    words = "".join(f"&#xe000;{number}&#xe001;" for number in range(3))
    text = f"# Heading\n\n```python\n{IMAGE}\n```\n\n<b title='{words}'>{words}</b>\n\n{BROKEN}"
    seen = Seen(as_markdown(text))
    assert seen.acts == []
    assert not any("<" in value or markdown._SECRET in value for _, _, value in seen.attributes)
    assert markdown._SECRET not in as_markdown(text)


def test_a_mark_in_an_attribute_would_break_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the rule that no attribute holds a mark."""
    monkeypatch.setattr(markdown, "_cleaner", clean.cleaner())
    made = as_markdown(BROKEN)
    assert "<math" in made.partition('title="')[2].partition('"')[0]


def test_the_whole_hostile_notebook_holds_nothing_that_acts() -> None:
    content = json.dumps(whole()).encode()
    seen = Seen(render.render(content, render.cache()).html)
    assert seen.acts == []
    assert OUTSIDE not in str([value for tag, name, value in seen.attributes if tag != "a"])
    assert Seen(mistune.html(content.decode())).acts != []


def test_a_picture_says_nothing_but_numbers_of_itself() -> None:
    around = {"width": BREAK, "height": [1], "unconfined": BREAK, "needs_background": BREAK}
    made = rendered(notebooks.code("1", notebooks.shown({"image/png": PNG}, {"image/png": around})))
    assert Seen(made).acts == []
    assert re.search(r'alt="Picture" width="1" height="1">', made)
    assert outputs.picture(document.Data(pictures={"image/png": PNG}, width=640), "x").endswith('width="640">')  # type: ignore[union-attr]
