"""Words of other databases are answered with the words to write here, and those work."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from swap.errors import QueryRefused
from swap.query.language.allow import FUNCTION_NAMES
from swap.query.language.elsewhere import FUNCTIONS, NEARBY, STATEMENTS, instead
from swap.query.language.parse import parse
from swap.query.planning.rewrite import regenerate

ROW = """(SELECT 3 AS x, 4 AS y, 5 AS z, [1, 2] AS list, '2026-01-02' AS text, '{"a": 1}' AS json, map {'a': 1} AS m, map {'b': 1} AS n,
    DATE '2026-01-02' AS day, TIMESTAMP '2026-01-02 03:04:05' AS ts)"""


def problem(text: str) -> tuple[str, str]:
    with pytest.raises(QueryRefused) as caught:
        parse(text, {}, 65_536)
    return caught.value.problem.title, caught.value.problem.todo


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_another_database_is_answered_with_an_expression_that_runs_here(name: str) -> None:
    title, todo = problem(f"SELECT {name.upper()}(x) FROM t")
    assert title == f"The function {name} is not one that SWAP runs."
    assert todo == f"Write {FUNCTIONS[name]}."

    assert (
        duckdb.sql(regenerate(parse(f"SELECT {FUNCTIONS[name]} AS x FROM {ROW}", {}, 65_536))).to_arrow_table().num_rows
    )


def test_no_word_that_runs_here_is_said_to_be_another_databases() -> None:
    assert not FUNCTIONS.keys() & FUNCTION_NAMES


def test_the_reference_lists_each_word() -> None:
    page = Path("docs/reference/sql.md").read_text("utf-8").split("## Words of other databases")[1].split("\n## ")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| `(.+)` \|$", page, re.MULTILINE))
    assert listed == FUNCTIONS


@pytest.mark.parametrize("word", STATEMENTS)
def test_a_statement_that_is_no_select_is_answered_with_what_helps(word: str) -> None:
    text = {"WITH": "WITH a AS (SELECT 1) INSERT INTO t SELECT 1", "VALUES": "VALUES (1)"}.get(word, f"{word} t")
    title, todo = problem(text)

    assert title.startswith((word, "The statement cannot be read"))
    assert todo


@pytest.mark.parametrize(
    ("text", "todo"),
    [
        ("SELECT `a` FROM t", 'double ones: "name"'),
        ("SELECT a FROM t WHERE a RLIKE 'x'", "regexp_matches"),
        ("SELECT a FROM t WHERE a REGEXP 'x'", "regexp_matches"),
        ("SELECT a FROM t LIMIT 5, 10", "LIMIT 10 OFFSET 5"),
        ("SELECT a FROM t GROUP BY a WITH ROLLUP", "GROUP BY ROLLUP"),
        ("SELECT a FROM t SORT BY a", "ORDER BY"),
        ("SELECT a FROM t LATERAL VIEW explode(l) u AS x", "unnest(t.list)"),
        ("SELECT $$a$$ FROM t", "single quotes"),
        ("SELECT p.event.* FROM t p", "unnest(t.column)"),
        ("SELECT a <=> b FROM t", "IS NOT DISTINCT FROM"),
        ("SELECT a DIV b FROM t", "a // b"),
        ("SELECT a FROM t TABLESAMPLE (10 PERCENT)", "random() < 0.01"),
        ("SELECT [x + 1 for x in l] FROM t", "list_transform"),
        ("SELECT * FROM t PIVOT (sum(a) FOR b IN (1))", "FILTER"),
        ("SELECT j -> 'a' = 'b' FROM t", "(j -> 'a') = 'b'"),
        ("SELECT a FROM t WHERE a = ?", ":name"),
    ],
)
def test_a_form_of_another_database_is_answered_with_the_form_here(text: str, todo: str) -> None:
    assert todo in problem(text)[1]


@pytest.mark.parametrize(
    "text", ["SELECT 'a `b` RLIKE'", 'SELECT "<=>" FROM t', "SELECT 1 -- DIV `x`", "SELECT 1 /* ` */"]
)
def test_a_word_in_a_text_or_a_comment_is_no_form(text: str) -> None:
    assert instead(text) == ""


@pytest.mark.parametrize(
    "text",
    ["[] for " * 4_000, "a" * 65_000, "[ for in " * 7_000, "/*" * 30_000, "'" * 60_001, "a.b." * 16_000, "$" * 60_000],
)
def test_no_text_takes_long_to_look_through(text: str) -> None:
    """What is looked at is bounded, whatever is sent: the same answer for the text and for its beginning."""
    assert instead(text) == instead(text[: 2 * NEARBY])


def test_only_what_stands_near_is_looked_through() -> None:
    text = " " * 3 * NEARBY + "a <=> b"
    assert instead(text) == ""
    assert "IS NOT DISTINCT FROM" in instead(text, len(text))


def test_texts_are_known_as_texts_wherever_the_place_is() -> None:
    texts = ", ".join(f"'a->b{number}'" for number in range(200))
    text = f"SELECT 1 FROM t WHERE a IN ({texts}) AND foo(1) = 2"
    assert instead(text, text.index("foo")) == ""
