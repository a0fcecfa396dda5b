"""Exactly one SELECT, of listed parts, with its values bound as values."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from swap.errors import LimitExceeded, QueryRefused
from swap.query.language.allow import ALLOWED, Allowed
from swap.query.language.parse import parse
from swap.query.language.text import place
from unit.query.reference import connected


def bound(statement: str, **params: Any) -> str:
    return parse(statement, params, 65_536).sql("duckdb", comments=False)


def refusal(statement: str, **params: Any) -> QueryRefused:
    with pytest.raises(QueryRefused) as caught:
        parse(statement, params, 65_536)
    return caught.value


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT 1;",
        " (SELECT 1) ",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT 1 UNION ALL SELECT 2 ORDER BY 1",
        "FROM t SELECT a",
        "FROM t",
        "SELECT 1 ; -- the end",
        "SELECT 1 EXCEPT SELECT 2 INTERSECT SELECT 3",
    ],
)
def test_one_select_is_accepted(statement: str) -> None:
    assert bound(statement)


def test_an_error_says_where() -> None:
    error = refusal("SELECT a\nFROM t\nWHERE getenv('X') = 1").problem

    assert (error.title, error.line, error.column) == ("The function getenv is not one that SWAP runs.", 3, 7)


def test_two_statements_are_refused_at_the_semicolon() -> None:
    error = refusal("SELECT 1; SELECT 2").problem

    assert (error.title, error.column) == ("There is more than one statement.", 9)


@pytest.mark.parametrize(
    ("statement", "title"),
    [
        ("DROP TABLE t", "DROP is not a SELECT."),
        ("", "There is no statement."),
        ("-- nothing", "There is no statement."),
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE is not part of the SQL that SWAP runs."),
        ("SELECT * FROM a NATURAL JOIN b", "NATURAL JOIN is not part of the SQL that SWAP runs."),
        ("SELECT * FROM t TABLESAMPLE 10%", "SAMPLE is not part of the SQL that SWAP runs."),
        ("SELECT COLUMNS('a') FROM t", "COLUMNS(…) is not part of the SQL that SWAP runs."),
        ("SELECT * FROM a POSITIONAL JOIN b", "POSITIONAL JOIN is not part of the SQL that SWAP runs."),
        ("SELECT AS STRUCT 1 AS x", "Hints are not part of the SQL that SWAP runs."),
        ("SELECT * FROM t, LATERAL glob('*') AS l(x)", "This function cannot stand in FROM."),
        ("SELECT * FROM read_text('/etc/passwd')", "This function cannot stand in FROM."),
        ("SELECT * FROM main.range(3)", "This function cannot stand in FROM."),
        ("SELECT CAST('1' AS INET)", "The type INET is not one that SWAP knows."),
        ("SELECT '1'::nonsense", "The type nonsense is not one that SWAP knows."),
        ("SELECT " + "(" * 101 + "1" + ")" * 101, "The statement nests deeper than 100 levels."),
        ("SELECT " + ",".join(["1"] * 6001), "The statement has more than 12,000 words."),
        ("SELECT " + "+".join(["1"] * 3000), "The statement is nested too deeply."),
        ("SELECT a\0 FROM t", "The statement contains a NUL character."),
    ],
)
def test_a_refusal_names_what_it_refuses(statement: str, title: str) -> None:
    assert refusal(statement).problem.title == title


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
        "SELECT " + "NOT " * 5_000 + "TRUE",
        "SELECT " + "- " * 5_000 + "1",
        "SELECT 1" + "::INT" * 2_500,
        "SELECT " + "CASE WHEN " * 1_000,
        "SELECT " + "f(" * 99 + ")" * 99,
        "SELECT 1" + "+1" * 5_000,
        "SELECT " + "[" * 99 + "1" + "]" * 99,
        " UNION ".join(["SELECT 1"] * 4_000),
        "SELECT MAP(a) USING",
        "SELECT 'unfinished",
        'SELECT "unfinished',
        "SELECT $a$ x",
        "SELECT /* unfinished",
        "\ud800",
        "SELECT '\udfff'",
        "SELECT \x01",
        "\ufeffSELECT 1 FROM",
        "SELECT " + "a." * 3_000 + "a",
        "SELECT 1 IN " + "(SELECT 1 IN " * 90 + "(1)" + ")" * 90,
    ],
)
def test_what_cannot_be_read_is_refused_and_never_crashes(statement: str) -> None:
    try:
        parse(statement, {}, 65_536)
    except QueryRefused as error:
        assert error.problem.title  # noqa: PT017 — passing is as good, crashing is not


def test_a_long_chain_of_conditions_is_read() -> None:
    assert bound("SELECT 1 WHERE " + " OR ".join(f"a = {number}" for number in range(300)))


def test_a_statement_over_the_limit_names_the_setting() -> None:
    with pytest.raises(LimitExceeded, match=r"limits\.statement_bytes"):
        parse("SELECT 1", {}, 5)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("o'brien", "'o''brien'"),
        ("\\' OR 1=1 --", "'\\'' OR 1=1 --'"),
        (5, "5"),
        (-5, "-5"),
        (True, "TRUE"),
        (None, "NULL"),
        (1.5, "CAST('1.5' AS DOUBLE)"),
        (float("inf"), "CAST('inf' AS DOUBLE)"),
        (Decimal("1.250"), "CAST('1.250' AS DECIMAL(4, 3))"),
        (Decimal("1E+3"), "CAST('1000' AS DECIMAL(4, 0))"),
        (date(2026, 1, 2), "CAST('2026-01-02' AS DATE)"),
        (datetime(2026, 1, 2, 3), "CAST('2026-01-02 03:00:00' AS TIMESTAMP)"),  # noqa: DTZ001
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "CAST('2026-01-02 03:00:00+00:00' AS TIMESTAMPTZ)"),
        (time(1, 2), "CAST('01:02:00' AS TIME)"),
        (b"\x00\xff", "UNHEX('00ff')"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_parameter_is_a_literal_of_its_own_type(value: Any, written: str) -> None:
    assert bound("SELECT :x AS y", x=value) == f"SELECT {written} AS y"


@pytest.mark.parametrize("value", ["mine; DROP TABLE x", "a FROM secret --", "*", ":y"])
def test_a_parameter_is_never_text_of_the_statement(value: str) -> None:
    assert bound("SELECT :x AS y", x=value) == "SELECT '" + value + "' AS y"


def test_a_list_fills_an_in() -> None:
    assert bound("SELECT 1 WHERE a IN (:x) AND b IN :x", x=[1, 2]) == "SELECT 1 WHERE a IN (1, 2) AND b IN (1, 2)"
    assert bound("SELECT 1 WHERE a IN (:x)", x=[]) == "SELECT 1 WHERE (a IS NULL AND FALSE)"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT {'a':b}, :b AS x FROM t",
        "SELECT l[1:b], :b AS x FROM t",
        "SELECT ':b', :b AS x FROM t",
        "SELECT 1::b, :b AS x FROM t",
    ],
)
def test_a_colon_that_is_not_a_parameter_is_left_alone(statement: str) -> None:
    try:
        assert bound(statement, b=7).count("7") == 1
    except QueryRefused as error:
        assert "type" in error.problem.title  # noqa: PT017 — `::b` names a type that is not listed


def test_a_parameter_in_a_place_where_it_would_shift_is_refused() -> None:
    assert refusal("SELECT l[:n] FROM t", n=1).problem.title == "The parameter :n cannot stand there."


@pytest.mark.parametrize(
    ("statement", "todo"),
    [
        ("SELECT a FROM t ORDER BY :x", "Write the column's name."),
        ("SELECT a FROM t ORDER BY (:x) DESC", "Write the column's name."),
        ("SELECT a FROM t GROUP BY :x", "Write the column's name."),
        ("SELECT a FROM t GROUP BY ROLLUP (:x, b)", "Write the column's name."),
        ("SELECT DISTINCT ON (:x) a FROM t", "Write the column's name."),
        ("SELECT j -> :x FROM t", "json_extract for ->"),
        ("SELECT j ->> :x FROM t", "json_extract_string(…, :x)"),
    ],
)
def test_a_parameter_that_would_mean_something_else_is_refused_with_what_to_write(statement: str, todo: str) -> None:
    assert todo in refusal(statement, x=1).problem.todo


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("SELECT 1 WHERE a IN (:x, 3)", "SELECT 1 WHERE a IN (1, 2, 3)"),
        ("SELECT 1 WHERE a NOT IN (:x)", "SELECT 1 WHERE NOT a IN (1, 2)"),
        ("SELECT 1 WHERE a IN (:x,:y)", "SELECT 1 WHERE a IN (1, 2, 7)"),
        ("SELECT 1 WHERE a IN (:none, 3)", "SELECT 1 WHERE a IN (3)"),
        ("SELECT 1 WHERE NOT a IN (:none)", "SELECT 1 WHERE NOT (a IS NULL AND FALSE)"),
        ("SELECT 1 WHERE a NOT IN :none", "SELECT 1 WHERE NOT (a IS NULL AND FALSE)"),
    ],
)
def test_a_list_in_an_in_stands_beside_what_else_is_there(statement: str, written: str) -> None:
    given = {"x": [1, 2], "y": 7, "none": []}
    assert bound(statement, **{name: value for name, value in given.items() if f":{name}" in statement}) == written


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT max(v) IN :none AS found FROM t", [(False,)]),
        ("SELECT v FROM t ORDER BY v IN :none, v DESC", [(3,), (2,), (1,), (None,)]),
        ("SELECT count(*) FROM t WHERE v NOT IN (:none)", [(4,)]),
        ("SELECT unnest([1, 2]) NOT IN :none AS kept", [(True,), (True,)]),
    ],
)
def test_an_empty_list_takes_nothing_else_out_of_the_statement(statement: str, rows: list[Any]) -> None:
    duck = connected("CREATE TABLE t AS SELECT unnest([1, 2, 3, NULL]) AS v")
    assert duck.sql(bound(statement, none=[])).fetchall() == rows


def test_many_lists_in_one_in_are_put_in_once() -> None:
    """Each is copied once: how often the tree is written does not grow with its square."""
    count = 2_000
    written = bound(f"SELECT 1 IN ({', '.join([':x'] * count)}, 7)", x=[1, 2])
    assert written.count("1, 2") == count
    assert written.endswith("7)")


@pytest.mark.parametrize(
    "statement", ["SELECT :x+:y", "SELECT f(:x,:y)", "SELECT :x||:y", "SELECT :x/:y AS a, 'z', :x*:y"]
)
def test_parameters_need_no_space_between_them(statement: str) -> None:
    assert bound(statement.replace("f(", "concat("), x=3, y=4).count("4") == statement.count(":y")


@pytest.mark.parametrize("value", ["a" * 499_000, [1] * 9_000])
def test_a_parameter_counts_wherever_it_stands(value: Any) -> None:
    assert parse("SELECT :x", {"x": value}, 65_536)
    with pytest.raises(LimitExceeded, match="counts wherever it stands"):
        parse("SELECT " + ", ".join([":x"] * 500), {"x": value}, 65_536)


@pytest.mark.parametrize("named", ["'histogram_exact'", "a", ":x", "'sum' || ''"])
def test_a_function_that_is_named_by_a_value_must_be_a_listed_aggregate(named: str) -> None:
    params = {"x": "histogram_exact"} if named == ":x" else {}
    assert (
        "needs the name of a listed aggregate"
        in refusal(f"SELECT list_aggregate([1], {named}) FROM t", **params).problem.title
    )
    assert bound("SELECT list_aggregate([1], :x)", x="sum")


def test_so_it_must_where_the_function_is_written_as_a_method() -> None:
    assert (
        "needs the name of a listed aggregate"
        in refusal("SELECT [1].list_aggregate('arg_max_null', 'sum')").problem.title
    )
    assert bound("SELECT [1].list_aggregate('sum')")


def test_a_parameter_cannot_name_a_table_or_a_column() -> None:
    assert refusal("SELECT a FROM :t", t="secret")
    assert refusal("SELECT a FROM $t", t="secret")


def test_comments_and_hints_do_not_go_on() -> None:
    assert bound("SELECT /*+ hint */ a -- secret\nFROM t /* more */") == "SELECT a FROM t"


def test_places_count_from_one() -> None:
    assert place("ab\ncd", 3) == place("ab\ncd", 3)
    assert (place("ab\ncd", 4).line, place("ab\ncd", 4).column) == (2, 2)  # type: ignore[union-attr]


ATTACKS = [
    ("getvariable", "SELECT getvariable('x')"),
    ("current_setting", "SELECT current_setting('temp_directory')"),
    ("read_text", "SELECT read_text('/etc/passwd')"),
    ("getenv", "SELECT getenv('PATH')"),
    ("nextval", "SELECT nextval('s')"),
    ("txid_current", "SELECT txid_current()"),
]


@pytest.mark.parametrize(("name", "statement"), ATTACKS)
def test_the_list_of_functions_is_what_refuses_a_function(name: str, statement: str) -> None:
    """With the name on the list the same statement is read: it is the list that holds, nothing else by chance."""
    assert name in refusal(statement).problem.title
    assert parse(statement, {}, 65_536, Allowed(functions=ALLOWED.functions | {name}))


@pytest.mark.parametrize(
    ("node", "statement"),
    [
        ("TableSample", "SELECT a FROM t TABLESAMPLE RESERVOIR (5 ROWS)"),
        ("Columns", "SELECT COLUMNS('a') FROM t"),
        ("Pivot", "SELECT * FROM t PIVOT (sum(b) FOR a IN (1))"),
        ("HistoricalData", "SELECT * FROM t AT (VERSION => 3)"),
    ],
)
def test_the_list_of_nodes_is_what_refuses_a_construct(node: str, statement: str) -> None:
    assert refusal(statement)
    assert parse(statement, {}, 65_536, Allowed(nodes=ALLOWED.nodes | {node, "ReadCSV"}))


@pytest.mark.parametrize(
    ("statement", "near", "place"),
    [
        ("SELECT *\nFROM t JOIN s", "s", (2, 13)),
        ("SELECT * FROM t LEFT JOIN s", "s", (1, 27)),
        ("SELECT * FROM t INNER JOIN s WHERE t.a = s.a", "WHERE", (1, 30)),
        ("SELECT *\nFROM t JOIN s ON t.a = s.a\n  FULL JOIN r ORDER BY 1", "ORDER", (3, 15)),
        ("SELECT * FROM (t JOIN s)", ")", (1, 24)),
        ("SELECT * FROM t WHERE a IN (SELECT a FROM t JOIN s)", ")", (1, 51)),
        (f"SELECT '{'é' * 100}', * FROM t SEMI JOIN s", "s", (1, 131)),
    ],
)
def test_a_join_without_a_condition_is_no_cross_join(
    statement: str, near: str, place: tuple[int | None, int | None]
) -> None:
    problem = refusal(statement).problem

    assert problem.title == f"The statement cannot be read near {near}."
    assert problem.todo == "A JOIN needs ON … or USING (…). For every pair of rows write CROSS JOIN."
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM t, s",
        "SELECT * FROM t CROSS JOIN s",
        "SELECT * FROM t JOIN s USING (a) JOIN r ON r.a = s.a, q",
        "SELECT * FROM t JOIN (s CROSS JOIN r) ON t.a = s.a",
        "SELECT * FROM t LEFT JOIN unnest(t.list) AS u(x) ON true",
        "SELECT * FROM t WHERE a = :name AND b IN :many",
    ],
)
def test_a_join_that_says_what_it_joins_on_is_read(statement: str) -> None:
    params = {"name": "x", "many": [1, 2]} if ":" in statement else {}
    assert parse(statement, params, 65_536)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a FROM t FOR UPDATE",
        "SELECT a FROM t WHERE a BETWEEN SYMMETRIC 2 AND 1",
        "SELECT x FROM t LATERAL VIEW explode(t.list) u AS x",
        "SELECT * FROM t STRAIGHT_JOIN s",
        "SELECT * FROM t CROSS APPLY s",
        "SELECT a FROM t LIMIT 5, 10",
        "SELECT a FROM t SORT BY a",
        "SELECT a FROM t DISTRIBUTE BY a",
        'SELECT a AS "" FROM t',
    ],
)
def test_what_duckdb_does_not_read_is_refused_whatever_another_dialect_makes_of_it(statement: str) -> None:
    with pytest.raises(duckdb.ParserException):
        duckdb.extract_statements(statement)
    assert refusal(statement)


def test_half_a_character_is_refused_in_a_statement_and_in_a_parameter() -> None:
    for statement, params in (("SELECT '\ud800'", {}), ("SELECT :x", {"x": "a\udfff"})):
        with pytest.raises(QueryRefused, match="half a character"):
            parse(statement, params, 65_536)
