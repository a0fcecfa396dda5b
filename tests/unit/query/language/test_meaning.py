"""What SWAP runs is what DuckDB reads: whatever is written, the rows are the same, or it is refused."""

from __future__ import annotations

import random
from collections import Counter

import duckdb
import pytest

from seeds import seeds
from swap.errors import QueryRefused
from swap.query.language import parse as parsing
from swap.query.language.meaning import difference, meaning
from swap.query.language.parse import parse
from swap.query.language.verify import verify
from swap.query.planning.rewrite import regenerate
from unit.query.reference import answer, connected

ROWS = """
    CREATE TABLE t AS SELECT * FROM (VALUES
    (1, 'Ab,c', DATE '2026-02-28', 1.5::DOUBLE, 2.25::DECIMAL(9, 2), TRUE, [3, 1, 2], {'x': 1}, '{"x": [1, {"y": 2}]}'),
    (2, ' d', DATE '2024-12-31', -0.5, -1.00, FALSE, [], {'x': NULL}, '{}'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) v(n, s, d, f, m, b, l, st, j);
    CREATE TABLE o AS SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (3, 'c')) v(n, z)
"""
BINARY = [
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "^",
    "&",
    "|",
    "<<",
    ">>",
    "||",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "==",
    "!=",
    "AND",
    "OR",
    "LIKE",
    "ILIKE",
    "GLOB",
    "~",
    "!~",
    "~~",
    "!~~",
    "~~*",
    "!~~*",
    "~~~",
    "^@",
    "->",
    "->>",
    "@>",
    "<@",
    "&&",
]
WORDS = ["IS DISTINCT FROM", "IS NOT DISTINCT FROM", "NOT LIKE", "NOT ILIKE", "SIMILAR TO", "NOT SIMILAR TO"]
BEFORE = ["-", "NOT ", "~", "+", "@"]
AFTER = [
    *("::INT", "::VARCHAR", "::DOUBLE", "::BOOLEAN", "[1]", "[1:2]", "[-1]", "[:2]", "[1:]", "[:-1]", ".x", "!"),
    *(" IS NULL", " IS NOT NULL", " ISNULL", " NOTNULL", " IS TRUE", " IS NOT FALSE"),
    *(" COLLATE NOCASE", " AT TIME ZONE 'UTC'"),
]
ATOMS = [
    *("n", "s", "d", "f", "m", "b", "l", "st", "j", "t.n", "1", "2", "-1", "1.5", "1e2", "1_000", "0x1F"),
    *("'a'", "'1'", "'x'", "''", "NULL", "TRUE", "[1, 2]", "{'x': 1}", "(1, 'a')", "map {'a': 1}", "E'a\\nb'"),
    *("DATE '2026-01-01'", "INTERVAL 1 DAY", "INTERVAL (n) DAY", "INTERVAL '2 days 3 hours'", "CURRENT_DATE"),
    *(
        "abs(n)",
        "mod(n, 2)",
        "n + 1",
        "list_sum(l)",
        "if(b, 1, 2)",
        "len(s)",
        "coalesce(n, 0)",
        "l[n]",
        "extract(year FROM d)",
    ),
]


def expression(chance: random.Random, depth: int) -> str:
    part = lambda less=1: expression(chance, max(0, depth - less))  # noqa: E731
    kind = chance.random()
    if depth == 0 or kind < 0.2:
        return chance.choice(ATOMS)
    if kind < 0.5:
        return f"{part()} {chance.choice(BINARY)} {part()}"
    if kind < 0.56:
        return f"{part()} {chance.choice(WORDS)} {part()}"
    if kind < 0.62:
        return f"{part()} {chance.choice(['', 'NOT '])}IN ({part(2)}, {part(2)})"
    if kind < 0.66:
        return f"{part()} {chance.choice(['', 'NOT '])}BETWEEN {part()} AND {part()}"
    if kind < 0.76:
        return chance.choice(BEFORE) + part()
    if kind < 0.88:
        return part() + chance.choice(AFTER)
    if kind < 0.94:
        return f"({part()})"
    return f"CASE WHEN {part()} THEN {part()} ELSE {part()} END"


def source(chance: random.Random, alias: str) -> str:
    return chance.choice(
        [
            f"t {alias}",
            f"o {alias}",
            f"(SELECT * FROM o) {alias}",
            f"(VALUES (1, 'q'), (2, 'r')) {alias}(n, z)",
            f"(t {alias} CROSS JOIN o {alias}2)",
        ]
    )


def tables(chance: random.Random) -> str:
    text = source(chance, "a")
    for alias in "cd"[: chance.randint(0, 2)]:
        kind = chance.choice(
            ["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT OUTER JOIN", "SEMI JOIN", "ANTI JOIN", "ASOF JOIN"]
        )
        link = chance.choice([f"ON a.n = {alias}.n", "USING (n)", f"ON a.n >= {alias}.n", "", "ON true"])
        text += chance.choice(
            [
                f" {kind} {source(chance, alias)} {link}",
                f", {source(chance, alias)}",
                f" CROSS JOIN {source(chance, alias)}",
                f", LATERAL (SELECT a.n + 1 AS n) {alias}",
                f", unnest([a.n, 7]) {alias}(n)",
                f" NATURAL JOIN {source(chance, alias)}",
            ]
        )
    return text


def query(chance: random.Random) -> str:
    """Return a statement of clauses and set operations; most of them DuckDB runs."""
    one = lambda: (  # noqa: E731
        f"SELECT {chance.choice(['', 'DISTINCT '])}a.n FROM {tables(chance)}"
        f"{chance.choice(['', ' WHERE a.n > 0', ' WHERE a.n IN (SELECT n FROM o)', ' GROUP BY a.n HAVING count(*) > 1'])}"
    )
    text = one()
    for _ in range(chance.randint(0, 2)):
        operation = chance.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"])
        text = chance.choice([f"{text} {operation} {one()}", f"{one()} {operation} ({text})"])
    return (
        text
        + " ORDER BY 1"
        + chance.choice(["", " DESC", " NULLS FIRST"])
        + chance.choice(["", " LIMIT 2", " OFFSET 1"])
    )


@pytest.fixture(scope="module")
def rows() -> duckdb.DuckDBPyConnection:
    return connected(ROWS)


def written_again(text: str) -> str:
    again = regenerate(parse(text, {}, 65_536))
    verify(again, ["t", "o"])
    return again


@pytest.mark.parametrize("seed", seeds(5, 12))
def test_whatever_is_written_means_what_it_means_to_duckdb_or_is_refused(
    rows: duckdb.DuckDBPyConnection, seed: int
) -> None:
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(150):
        text = (
            query(chance)
            if number % 3 == 0
            else f"SELECT {expression(chance, chance.randint(1, 3))} AS x FROM t ORDER BY n"
        )
        expected = answer(rows, text)
        try:
            again = written_again(text)
        except QueryRefused:
            seen["refused" if expected is None else "held back"] += 1
            continue
        assert answer(rows, again) == expected, f"{text}\n{again}"
        seen["refused" if expected is None else "same"] += 1
    assert seen["same"] > 50
    assert seen["held back"] < seen["same"] / 3  # NATURAL JOIN, `+x`, arrows without brackets


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT j -> 'x' = '1' FROM t", (1, 8)),
        ("SELECT n,\n  j -> 'x' || 'y' FROM t", (2, 3)),
        ("SELECT 'é', j->'x' AND b FROM t", (1, 13)),
        ("SELECT +s FROM t", (1, 8)),
    ],
)
def test_what_duckdb_reads_otherwise_is_refused_where_it_begins(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(QueryRefused, match="another meaning") as caught:
        parse(text, {}, 65_536)

    assert (caught.value.problem.line, caught.value.problem.column) == place


def test_without_the_comparison_other_rows_would_come(
    rows: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "SELECT (j -> 'x' = '1') IS NULL AS x FROM t ORDER BY n"
    monkeypatch.setattr(parsing, "difference", lambda *_: (False, None))

    assert answer(rows, written_again(text)) != answer(rows, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT n IS NOT NULL FROM t", "SELECT NOT n IS NULL FROM t"),
        ("SELECT a FROM t, s", "SELECT a FROM t CROSS JOIN s"),
        ("SELECT CAST(a AS VARCHAR)", "SELECT CAST(a AS TEXT)"),
        ("SELECT j -> 'x'", "SELECT j -> '$.x'"),
        ("SELECT CURRENT_DATE", "SELECT current_date"),
    ],
)
def test_two_spellings_of_one_thing_are_one_meaning(one: str, other: str) -> None:
    assert difference(meaning(one), meaning(other)) == (False, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a AS b", "SELECT a AS c"),
        ("SELECT 'a'", "SELECT 'A'"),
        ("SELECT a FROM t", "SELECT a FROM s"),
        ("SELECT a FROM t LEFT JOIN s USING (a)", "SELECT a FROM t JOIN s USING (a)"),
        ("SELECT 1.50", "SELECT 1.5"),
        ("SELECT a ORDER BY a", "SELECT a ORDER BY a DESC"),
        ("SELECT a LIMIT 1", "SELECT a LIMIT 2"),
        ("SELECT sum(a) FILTER (WHERE b)", "SELECT sum(a)"),
        ("SELECT CAST(a AS DECIMAL(9, 2))", "SELECT CAST(a AS DECIMAL(9, 3))"),
    ],
)
def test_two_meanings_are_told_apart(one: str, other: str) -> None:
    assert difference(meaning(one), meaning(other))[0]


@pytest.mark.parametrize(
    "call",
    [
        "max(j -> '$.x')",
        "count(j -> 'x')",
        "coalesce(j -> 'x', '1')",
        "list_value(j -> 'x')",
        "list(j -> 'x' ORDER BY n)",
    ],
)
def test_an_arrow_in_a_call_is_a_place_in_json(rows: duckdb.DuckDBPyConnection, call: str) -> None:
    text = f"SELECT {call} AS x FROM t"
    again = written_again(text)

    assert "LAMBDA" not in again
    assert None is not answer(rows, again) == answer(rows, text)


def test_an_arrow_and_a_lambda_are_two_things() -> None:
    assert difference(meaning("SELECT max(b -> 'a')"), meaning("SELECT max(lambda b: 'a')"))[0]
    assert not difference(
        meaning("SELECT list_filter(l, x -> x > 1)"), meaning("SELECT list_filter(l, lambda x: x > 1)")
    )[0]
