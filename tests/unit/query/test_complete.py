"""Completion as a person may see it, also in the middle of a word."""

from __future__ import annotations

import time

import pytest

from swap.query.complete import complete, words_of
from swap.query.language.dialects import LANGUAGES
from unit.query.worlds import CATALOG, Known

SOURCES = ("lake", "mediawiki")


def at_cursor(text: str) -> list[str]:
    offset = text.index("¦")
    return [item.label for item in complete(text.replace("¦", ""), offset, SOURCES, Known(CATALOG)).items]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SELECT * FROM ¦", "lake"),
        ("SELECT * FROM la¦", "lake"),
        ("SELECT * FROM lake.¦", "wmf"),
        ("SELECT * FROM lake.w¦", "wmf"),
        ("SELECT * FROM lake.wmf.¦", "pageview_hourly"),
        ("SELECT * FROM pagev¦", "lake.wmf.pageview_hourly"),
        ("SELECT page_t¦ FROM lake.wmf.pageview_hourly", "page_title"),
        ("SELECT v.¦ FROM lake.wmf.pageview_hourly v", "page_title"),
        ("SELECT v.vie¦ FROM lake.wmf.pageview_hourly AS v WHERE (", "view_count"),
        ("SELECT p.page_l¦\nFROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p", "page_len"),
        ("SELECT pageview_hourly.ye¦ FROM lake.wmf.pageview_hourly WHERE 'unfinished", "year"),
        ("SELECT 1 FROM lake.wmf.pageview_hourly v WHERE v.ye¦", "year"),
        ("SELECT lake.wmf.pageview_hourly.ye¦ FROM lake.wmf.pageview_hourly", "year"),
        ("SELECT date_tr¦", "date_trunc"),
        ("SELE¦", "SELECT"),
        ("WITH mine AS (SELECT 1) SELECT * FROM mi¦", "mine"),
        ("SELECT * FROM lake.wmf.pageview_hourly v JOIN med¦", "mediawiki"),
        ("SELECT * FROM lake.wmf.pageview_hourly v, med¦", "mediawiki"),
        ("SELECT 'é😀', v.ye¦ FROM lake.wmf.pageview_hourly v", "year"),
    ],
)
def test_the_likeliest_comes_first(text: str, first: str) -> None:
    assert at_cursor(text)[:1] == [first]


@pytest.mark.parametrize("text", ["SELECT 'la¦ FROM", "SELECT 1 -- la¦", "SELECT /* la¦"])
def test_nothing_is_offered_in_strings_and_comments(text: str) -> None:
    assert at_cursor(text) == []


def test_a_locked_column_and_table_are_not_offered() -> None:
    assert "city" not in at_cursor("SELECT v.¦ FROM lake.wmf.pageview_hourly v")
    assert "city" not in at_cursor("SELECT ci¦ FROM lake.wmf.pageview_hourly")


def test_an_offer_carries_type_and_comment_and_what_it_replaces() -> None:
    sql = "SELECT v.ye FROM lake.wmf.pageview_hourly v"
    found = complete(sql, 11, SOURCES, Known(CATALOG))

    assert (found.start, found.end) == (9, 11)
    assert (found.items[0].insert, found.items[0].type, found.items[0].documentation) == (
        "year",
        "integer",
        "about year",
    )


def test_keywords_come_last() -> None:
    labels = at_cursor("SELECT c¦ FROM lake.wmf.pageview_hourly")

    assert labels[0] == "country_code"
    assert labels.index("CASE") > labels.index("coalesce")


@pytest.mark.parametrize("offset", [0, 5, 10_000])
def test_any_offset_is_answered(offset: int) -> None:
    complete("SELECT \"a\nFROM '", offset, SOURCES, Known(CATALOG))


@pytest.mark.parametrize("part", ["a", "a.", '"', "a .", '"a".'])
def test_a_long_statement_of_one_word_holds_the_gateway_up_for_no_moment(part: str) -> None:
    sql = part * (60_000 // len(part)) + " ("
    began = time.process_time()

    complete(sql, len(sql), SOURCES, Known(CATALOG))

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("dialect", "text", "offered", "not_offered"),
    [
        ("mysql", "SELECT group_c¦", "group_concat", "list_concat"),
        ("mysql", "SELECT date_tr¦", None, "date_trunc"),
        ("mysql", "SELECT 1 REG¦", "REGEXP", "LATERAL VIEW"),
        ("mysql", "SELECT QUA¦", "quarter", "QUALIFY"),
        ("mysql", "SELECT * FROM mediawiki.enwiki.¦", "page", "pageview_hourly"),
        ("mysql", "SELECT * FROM pag¦", "mediawiki.enwiki.page", "lake.wmf.pageview_hourly"),
        ("hive", "SELECT expl¦", "explode", "unnest"),
        ("hive", "SELECT 1 FROM t LAT¦", "LATERAL VIEW", "LATERAL"),
    ],
)
def test_a_dialect_is_completed_with_its_own_words_and_its_sources_tables(
    dialect: str, text: str, offered: str | None, not_offered: str
) -> None:
    offset, sources = text.index("¦"), {"mysql": ("mediawiki",), "hive": ("lake",)}[dialect]
    found = complete(text.replace("¦", ""), offset, sources, Known(CATALOG), words_of(LANGUAGES[dialect]))
    labels = [item.label for item in found.items]

    assert (offered is None or offered in labels, not_offered in labels) == (True, False)


def test_a_name_that_needs_quotes_has_the_dialects() -> None:
    written = words_of(LANGUAGES["mysql"]).written

    assert written("lake", "order", "a`b") == "lake.`order`.`a``b`"
