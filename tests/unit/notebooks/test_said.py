"""What somebody wrote is text: of a bounded length, without what would turn or hide it, with links that are addresses."""

from __future__ import annotations

import pytest

from swap.errors import Invalid
from swap.notebooks.said import LENGTH, MENTIONS, mentioned, parts, said


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Why?\r\nSo.  ", "Why?\nSo."),
        ("a\x00\x1b[31mb", "a[31mb"),
        ("a\u202eb\u2066c", "abc"),
        ("👩\u200d🔬 عربي\tzwölf", "👩\u200d🔬 عربي\tzwölf"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_a_text_is_kept_as_it_was_typed_without_what_is_no_text(typed: str, kept: str) -> None:
    assert said(typed) == kept


@pytest.mark.parametrize("typed", ["", " \r\n\t ", "\x00\u202e", "x" * (LENGTH + 1)])
def test_an_empty_text_and_one_that_is_too_long_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        said(typed)
    assert said("x" * LENGTH) == "x" * LENGTH  # the control


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ann, and @Bob!", ("ann", "bob")),
        ("ask @ann.", ("ann.", "ann")),
        ("(@a.b-c)", ("a.b-c",)),
        ("me@example.org, a/@b, @@c", ()),
        ("@ann @ann", ("ann",)),
        ("@", ()),
    ],
)
def test_a_name_is_mentioned_where_an_at_stands_before_it_and_nothing_before_that(
    text: str, names: tuple[str, ...]
) -> None:
    assert mentioned(text) == names


def test_of_many_mentions_the_first_count() -> None:
    assert mentioned(" ".join(f"@p{n}" for n in range(50))) == tuple(f"p{n}" for n in range(MENTIONS))


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://example.org/a?b=c#d, then", ["https://example.org/a?b=c#d"]),
        ("(HTTP://example.org)", ["HTTP://example.org"]),
        ("javascript:alert(1) data:text/html,x //evil.example ftp://a", []),
        ('https://a"onclick="x https://b<script>', ["https://a", "https://b"]),
    ],
)
def test_only_addresses_of_the_web_are_links_and_they_end_where_markup_would_begin(text: str, links: list[str]) -> None:
    found = list(parts(text))
    assert [part for part, is_address in found if is_address] == links
    assert "".join(part for part, _ in found) == text
