from __future__ import annotations

import pytest

from swap.client.lexer import parameters, tables


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT :a, $b, :a", ["a", "b"]),
        ("SELECT a FROM t WHERE x = :country AND y IN :list AND z LIKE:p", ["country", "list", "p"]),
        ("SELECT x::date, (y)::int, 'a'::text", []),
        ("SELECT {'k':v}, {k:v}, arr[1:n], arr[a:b], arr[f(x):n]", []),
        ("SELECT ':a', \":b\", -- :c\n/* :d */ $$ :e $$, :f", ["f"]),
        ("SELECT 'it''s :x', :y", ["y"]),
        ("SELECT ts '2026-01-01 10:30:00', :: , $1", []),
        ("SELECT 'unclosed :x", []),
        (":x", ["x"]),
        ("SELECT CASE WHEN :a THEN :b ELSE :c END LIMIT :n", ["a", "b", "c", "n"]),
    ],
)
def test_parameters_are_found_where_a_value_may_stand(statement: str, names: list[str]) -> None:
    assert parameters(statement) == names


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (r"SELECT 'it\'s :x', :y", ["y"]),
        (r'SELECT "it\"s :x", :y', ["y"]),
        ("SELECT `a:b`, :y # :z", ["y"]),
        ("SELECT 1 -- :x\n, :y /* :z */", ["y"]),
    ],
)
def test_parameters_are_found_in_other_dialects(statement: str, names: list[str]) -> None:
    assert parameters(statement, "mysql") == names


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT * FROM mine", ["mine"]),
        ("SELECT * FROM lake.wmf.t JOIN mine AS m ON true LEFT JOIN other USING (x)", ["mine", "other"]),
        ("FROM mine SELECT 1", ["mine"]),
        ("WITH a AS (SELECT * FROM mine), b (x) AS (SELECT 1) SELECT * FROM a, b, third", ["mine", "third"]),
        ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", []),
        ("WITH c AS MATERIALIZED (SELECT 1) SELECT * FROM c", []),
        ("SELECT extract(year FROM d), trim(BOTH FROM s) FROM t WHERE a IS DISTINCT FROM b", ["t"]),
        ("SELECT a, b FROM t WHERE x IN (SELECT y FROM u) AND f(g, h) ORDER BY i, j", ["t", "u"]),
        ('SELECT * FROM "My Table" JOIN "a"."b"."c" ON true', ["My Table"]),
        ("SELECT * FROM range(10), unnest([1, 2])", []),
        ("SELECT * FROM (SELECT * FROM inner_one) AS x, outer_one", ["inner_one", "outer_one"]),
        ("SELECT 'FROM text' -- FROM comment\n FROM t", ["t"]),
        ("SELECT * FROM", []),
        ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", ["a", "b"]),
    ],
)
def test_tables_of_ones_own_are_names_without_a_dot(statement: str, names: list[str]) -> None:
    assert tables(statement) == names
