"""An edition as a mail: text and pictures for who may see them, and nothing of a notebook in a header or as HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

import notebooks
from swap.reading.posted import Block, Picture, Text
from swap.reports import letters
from swap.reports.letters import About

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
PNG = base64.b64decode(notebooks.png())
SEEN: tuple[Block, ...] = (
    Text("# Readers\n\nThey grow."),
    Text("country  views\nDE  42", printed=True),
    Picture("png", PNG),
)


def sent(blocks: Sequence[Block] | None = SEEN, name: str = "Readers", edition: int = 1) -> EmailMessage:
    about = About(
        name, "October 2026", edition, "r1", "paaaaaaaaa", "ann", "https://s/reports/a/runs/r1", "https://s/reports/a"
    )
    made = letters.letter(about, blocks, "swap@example.org", "example.org", NOW)
    return message_from_bytes(made.as_bytes(policy=policy.SMTP), policy=policy.default)  # type: ignore[return-value]


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_who_may_see_an_edition_gets_its_words_tables_and_pictures() -> None:
    letter = sent()
    assert (letter["subject"], letter["to"]) == ("Readers, October 2026", "ann@example.org")
    assert "DE  42" in part(letter, "plain")
    html = part(letter, "html")
    assert "<h2" in html
    assert "<pre" in html
    (picture,) = [each for each in letter.walk() if each.get_content_type() == "image/png"]
    assert picture.get_content() == PNG
    assert f"cid:{picture['content-id'].strip('<>')}" in html


def test_who_may_not_gets_the_address_alone() -> None:
    letter = sent(None)
    assert not letter.is_multipart()
    assert "https://s/reports/a/runs/r1" in letter.get_content()
    assert "42" not in letter.as_string()


def test_a_newer_edition_of_a_period_says_so() -> None:
    assert sent(None, edition=2)["subject"] == "Readers, October 2026, edition 2"


def test_what_a_notebook_says_is_no_html_of_the_mail() -> None:
    hostile = '<script>alert(1)</script><img src="https://evil.example/?">'
    html = part(sent((Text(hostile), Text(hostile, printed=True), Text(f"# {hostile}")), name=hostile), "html")
    assert "<script" not in html
    assert 'src="https' not in html
    assert html.count("&lt;script&gt;") == 4  # the control: it is there, as text


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x00", "\x0b"])
def test_j03_no_name_begins_a_header_of_its_own(end: str) -> None:
    """J03: a header of a mail is one line, whatever a notebook is called."""
    letter = sent(name=f"a{end}Bcc: eve@evil.example{end}{end}<b>x")
    assert letter["bcc"] is None
    assert "Bcc" in str(letter["subject"])  # it is there, as text
    assert letter["to"] == "ann@example.org"
