"""Statements in a source's own dialect: what may stand in them, how they are written, and what the page says of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from swap.errors import Invalid, QueryRefused
from swap.query.language import hive, mysql, names, native, spark
from swap.query.language.dialects import LANGUAGES, language
from swap.query.planning.native import plan
from swap.query.planning.resolve import resolve
from unit.query.worlds import CAPABILITIES, CATALOG

PAGE = Path("docs/reference/dialects.md").read_text("utf-8")
VIEWS = "lake.wmf.pageview_hourly"


def sent(statement: str, dialect: str, **params: Any) -> str:
    """Return what a source is sent, whose sub-queries are cut to the table's name."""
    spoken = native.parse(statement, params, 100_000, language(dialect))
    known = {table.name: table for table in CATALOG}
    tables = {name: known[name] for name in names.tables(spoken.tree) if name in known}
    resolved = resolve(spoken.tree, statement, tables, lambda *_: (), {})
    able = {name: replace(each, dialect=dialect) for name, each in CAPABILITIES.items()}
    (item,) = plan(spoken, resolved, able, "q1").inputs
    assert item.native is not None
    return re.sub(r"\(SELECT `[^()]* FROM `\w+`\.`(\w+)` AS `swap_q1_t_\d+`\)", r"<\1>", item.native.text)


@pytest.mark.parametrize("module", [hive, mysql, spark])
def test_the_page_lists_each_function_of_a_dialect(module: Any) -> None:
    section = PAGE.split(f"## {module.LANGUAGE.title}'s words")[1].split("\n## ")[0]
    told = set(re.findall(r"`([a-z0-9_]+)`", section.split("\n**", 1)[1]))

    assert told == module.LANGUAGE.allowed.functions


@pytest.mark.parametrize(
    ("dialect", "statement", "text"),
    [
        ("mysql", f"SELECT page_title t FROM {VIEWS}", "SELECT `page_title` `t` FROM <pageview_hourly> AS `pageview_hourly`"),
        ("mysql", f"SELECT p.year FROM {VIEWS} AS p -- why\n;", "SELECT `p`.`year` FROM <pageview_hourly> AS `p`"),
        ("mysql", f"SELECT {VIEWS}.year FROM {VIEWS}",
         "SELECT `pageview_hourly`.`year` FROM <pageview_hourly> AS `pageview_hourly`"),
        ("mysql", f"SELECT year DIV 2, !year, year || 1, 1--1 FROM {VIEWS} v LIMIT 5, 10",
         "SELECT `year` DIV 2, !`year`, `year` || 1, 1--1 FROM <pageview_hourly> `v` LIMIT 5, 10"),
        ("mysql", f"WITH w AS (SELECT year FROM {VIEWS} v) SELECT a.year FROM w a, w",
         ("WITH `swap_q1_w_0` AS (SELECT `year` FROM <pageview_hourly> `v`) SELECT `a`.`year` FROM `swap_q1_w_0` `a`,"
         " `swap_q1_w_0` AS `w`")),
        ("mysql", f"SELECT 'it''s', \"a\\\\b\", 'plain' FROM {VIEWS} v",
         "SELECT _utf8mb4 X'69742773', _utf8mb4 X'615c62', 'plain' FROM <pageview_hourly> `v`"),
        ("hive", f"SELECT w FROM {VIEWS} v LATERAL VIEW explode(split(page_title, '$')) e AS w",
         "SELECT `w` FROM <pageview_hourly> `v` LATERAL VIEW explode(split(`page_title`, '\\u0024')) `e` AS `w`"),
        ("spark", f"SELECT page_title, '$', DATE '2026-01-02', CAST(year AS VARCHAR(3)) FROM {VIEWS} v WHERE year <=> 1",
         ("SELECT `page_title`, '\\u0024', DATE '2026-01-02', CAST(`year` AS VARCHAR(3)) FROM <pageview_hourly> `v`"
         " WHERE `year` <=> 1")),
        ("hive", f"SELECT event.ip, CAST(year AS VARCHAR(3)) FROM {VIEWS} v",
         "SELECT `event`.`ip`, CAST(`year` AS VARCHAR(3)) FROM <pageview_hourly> `v`"),
    ],
)  # fmt: skip
def test_a_statement_is_written_word_for_word(dialect: str, statement: str, text: str) -> None:
    assert sent(statement, dialect) == text


@pytest.mark.parametrize(
    ("value", "of_mysql", "of_hive"),
    [
        (None, "NULL", "NULL"),
        (True, "TRUE", "TRUE"),
        (-3, "(-3)", "CAST('-3' AS BIGINT)"),
        (7, "7", "7"),
        (Decimal("1.50"), "1.50", "CAST('1.50' AS DECIMAL(3,2))"),
        (0.1, "(1.00000000000000006e-01)", "CAST('0.1' AS DOUBLE)"),
        ("a'b", "_utf8mb4 X'612762'", "'a\\'b'"),
        (b"\0\xff", "X'00ff'", "unhex('00ff')"),
        (date(2026, 1, 2), "DATE '2026-01-02'", "CAST('2026-01-02' AS DATE)"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "TIMESTAMP '2026-01-02 03:04:05.000000'",
         "CAST('2026-01-02 03:04:05' AS TIMESTAMP)"),
    ],
)  # fmt: skip
def test_a_value_is_a_literal_of_its_own_type(value: Any, of_mysql: str, of_hive: str) -> None:
    for dialect, literal in (("mysql", of_mysql), ("hive", of_hive)):
        assert sent(f"SELECT :v AS v FROM {VIEWS} t", dialect, v=value) == (
            f"SELECT {literal} AS `v` FROM <pageview_hourly> `t`"
        )


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (-3, "CAST('-3' AS BIGINT)"),
        ("a'b", "'a\\'b'"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "CAST('2026-01-02 03:04:05Z' AS TIMESTAMP)"),
        (datetime(2026, 1, 2, 3, 4, 5), "CAST('2026-01-02 03:04:05' AS TIMESTAMP_NTZ)"),  # noqa: DTZ001 — without
    ],
)
def test_to_spark_a_moment_and_a_time_without_a_zone_are_two_types(value: Any, literal: str) -> None:
    assert sent(f"SELECT :v AS v FROM {VIEWS} t", "spark", v=value) == (
        f"SELECT {literal} AS `v` FROM <pageview_hourly> `t`"
    )


def test_a_text_of_several_lines_is_refused_to_spark() -> None:
    for statement, params in (
        (f"SELECT 'a\nb' AS v FROM {VIEWS} t", {}),
        (f"SELECT :v AS v FROM {VIEWS} t", {"v": "a\nb"}),
    ):
        with pytest.raises(QueryRefused, match="several lines"):
            sent(statement, "spark", **params)


@pytest.mark.parametrize("value", [float("nan"), time(1, 2), [1], Decimal("1E+70")])
def test_a_value_without_an_exact_form_is_refused(value: Any) -> None:
    with pytest.raises(QueryRefused):
        sent(f"SELECT :v AS v FROM {VIEWS} t", "hive", v=value)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(QueryRefused, match="The list :ids is empty"):
        sent(f"SELECT year FROM {VIEWS} t WHERE year IN (:ids)", "mysql", ids=[])


@pytest.mark.parametrize("dialect", ["hive", "mysql", "spark"])
@pytest.mark.parametrize("word", ["\u017fELECT year", "SELECT ran\u212a()", "SELECT year l\u0131ke 'a'"])
def test_a_word_in_letters_that_become_others_is_refused(dialect: str, word: str) -> None:
    # ſ is S when it is upper-case, the Kelvin sign k when it is lower-case: not to every parser.
    with pytest.raises(QueryRefused, match="is not part of"):
        sent(f"{word} FROM {VIEWS} v", dialect)

    assert sent(f"SELECT year AS \u017f\u212a\u0131 FROM {VIEWS} v", dialect).startswith(
        "SELECT `year` AS `\u017f\u212a\u0131`"
    )


@pytest.mark.parametrize("name", ["INPUT__FILE__NAME", "row__id", "FILE__PATH", "v.RAW__DATA__SIZE"])
def test_what_hive_adds_to_tables_is_no_column(name: str) -> None:
    with pytest.raises(QueryRefused, match="is no column of a table"):
        sent(f"SELECT {name} FROM {VIEWS} v, (SELECT 1 + 1) x", "hive")


@pytest.mark.parametrize(
    ("statement", "title"),
    [
        ("SELECT 1", "this one reads no table"),
        (f"SELECT v.year FROM {VIEWS} v, mediawiki.enwiki.page p", "this one reads lake and mediawiki"),
        (f"SELECT year FROM {VIEWS} v; SELECT 2", "more than one statement"),
        (f"SELECT year /*! , 1 */ FROM {VIEWS} v", "A comment like this"),
        (f"SELECT year /*M!100000 , 1 */ FROM {VIEWS} v", "A comment like this"),
        (f"SELECT /*+ x */ year FROM {VIEWS} v", "is not part of the MySQL"),
        (f"SELECT @x FROM {VIEWS} v", "@ is not part of the MySQL"),
        (f"SELECT SLEEP(1) FROM {VIEWS} v", "The function SLEEP is not one"),
        (f"SELECT `abs`(1) FROM {VIEWS} v", "The function abs is not one"),
        (f"SELECT year FROM {VIEWS} v NATURAL JOIN {VIEWS} w", "This form of JOIN"),
        (f"SELECT year FROM {VIEWS} v FOR UPDATE", "This form of SELECT"),
        ("SELECT\0", "NUL"),
        (f"SELECT N'year' FROM {VIEWS} v", "N'year' is not part of the MySQL"),
        (f"SELECT 0x41 FROM {VIEWS} v", "0x41 is not part of the MySQL"),
        (f"SELECT year FROM {VIEWS} v WHERE year = :there", "The parameter :there has no value"),
        (f"SELECT {'(' * 200}1{')' * 200} FROM {VIEWS} v", "nests deeper than"),
        (f"SELECT {'-(' * 90}1{')' * 90}{'+1' * 3000} FROM {VIEWS} v", "nested too deeply"),
    ],
)
def test_what_is_on_no_list_is_refused(statement: str, title: str) -> None:
    with pytest.raises(QueryRefused, match=re.escape(title)):
        sent(statement, "mysql")


def test_a_source_that_does_not_speak_it_is_refused_with_what_it_speaks() -> None:
    spoken = native.parse(f"SELECT year FROM {VIEWS} v", {}, 1000, LANGUAGES["mysql"])
    resolved = resolve(spoken.tree, "", {each.name: each for each in CATALOG}, lambda *_: (), {})
    able = {"lake": replace(CAPABILITIES["lake"], dialect="hive")}

    with pytest.raises(QueryRefused, match="lake does not speak MySQL") as raised:
        plan(spoken, resolved, able, "q1")

    assert raised.value.problem.todo == 'Write dialect="hive".'


def test_an_unknown_dialect_is_told_with_those_there_are() -> None:
    with pytest.raises(Invalid) as raised:
        language("oracle")

    assert "hive, mysql, spark" in raised.value.problem.todo


def test_what_reads_back_otherwise_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LANGUAGES, "mysql", replace(mysql.LANGUAGE, string=lambda value: f"'{value}'"))

    with pytest.raises(QueryRefused, match="with the same meaning"):
        sent(f"SELECT 'a'' OR ''b' FROM {VIEWS} v", "mysql")
