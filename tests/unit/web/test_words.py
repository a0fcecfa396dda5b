"""Numbers and moments as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from swap.reading import highlight
from swap.web import words

NOW = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (999_999, "999,999"), (1_000_000, "1.0 M"), (412_600_000_000, "412.6 bn"), (None, "")],
)
def test_counts(number: int | None, said: str) -> None:
    assert words.count(number) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (96_000_000, "96 MB"), (1_100_000_000, "1.1 GB"), (44_700_000_000_000, "44.7 TB"), (None, "")],
)
def test_sizes(number: int | None, said: str) -> None:
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=12), "12 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=8), "8 hours ago"),
        (timedelta(days=1), "yesterday, 10:41"),
        (timedelta(days=4), "Friday"),
        (timedelta(days=12), "12 November"),
        (timedelta(days=400), "20 October 2025"),
        (timedelta(seconds=-30), "just now"),
    ],
)
def test_moments(before: timedelta, said: str) -> None:
    assert words.ago(NOW - before, NOW, BERLIN) == said


def test_durations_and_clock() -> None:
    assert words.seconds(2.42) == "2.4 s"
    assert words.seconds(182) == "3 m 02 s"
    assert words.clock(NOW, NOW, BERLIN) == "10:41"
    assert words.clock(NOW - timedelta(days=2), NOW, BERLIN) == "22 November, 10:41"
    assert words.exact(NOW) == "2026-11-24 09:41:00 UTC"


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "2026-13-01"])
def test_what_is_no_moment_is_none(value: object) -> None:
    assert words.moment(value) is None


def test_a_moment_without_a_zone_is_utc() -> None:
    assert words.moment("2026-11-24T09:41:00") == NOW


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1204118", "1,204,118"),
        ("-1500.25", "-1,500.25"),
        ("007", "7"),
        ("NaN", "NaN"),
        ("١٢٣٤", "١٢٣٤"),
        ("1e9", "1e9"),
    ],
)
def test_separators_only_go_into_numbers(value: str, said: str) -> None:
    assert words.grouped(value) == said


def test_only_the_first_sentence_of_a_message_is_bold() -> None:
    assert words.sentences("It ended. Try again.") == ("It ended.", "Try again.")
    assert words.sentences("It ended") == ("It ended", "")


def test_sql_is_marked_and_escaped() -> None:
    marked = highlight.sql("select sum(x) FROM t WHERE a = '<i>' -- <b>")
    assert '<span class="k">select</span>' in marked
    assert '<span class="f">sum</span>' in marked
    assert "<span class=\"s\">'&lt;i&gt;'</span>" in marked
    assert '<span class="o">-- &lt;b&gt;</span>' in marked


@pytest.mark.parametrize(
    "text", ["", "\n\nSELECT 1\n", "<script>alert(1)</script>", "'<b>", '"<i>" /* <a> */', "\x00<p>&amp;", "a" * 9999]
)
def test_marked_sql_is_the_same_text_and_holds_no_markup_of_its_own(text: str) -> None:
    bare = re.sub(r'<span class="[kfso]">|</span>', "", highlight.sql(text))

    assert "<" not in bare
    assert unescape(bare) == text
