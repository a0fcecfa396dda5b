"""The second reader: DuckDB's own parser finds what the first let through."""

from __future__ import annotations

import pytest

from swap.errors import QueryRefused
from swap.query.language.verify import verify


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM i0",
        "WITH c AS (SELECT 1) SELECT * FROM c, i0",
        "SELECT sum(a) + 1 FROM i0 GROUP BY b",
        "SELECT * FROM i0, unnest([1]) AS u(x)",
        "SELECT * FROM range(5)",
        "SELECT a -> '$.x', [1, 2][1], {'a': 1} FROM i0",
        "SELECT date_trunc('day', now()) - INTERVAL '1' DAY",
        "SELECT count(*) FROM (VALUES (1)) v",
    ],
)
def test_what_the_plan_writes_passes(text: str) -> None:
    verify(text, ["i0"], ["c"] if "WITH" in text else [])


@pytest.mark.parametrize(
    "text",
    [
        "WITH c AS (SELECT 1), d AS (SELECT * FROM c) SELECT * FROM d, c, i0",
        "SELECT * FROM (WITH c AS (SELECT 1), d AS (SELECT 2) SELECT * FROM c, d) q",
        (
            "WITH RECURSIVE c AS (SELECT 1 AS x UNION ALL (SELECT x + 1 FROM c WHERE x IN (SELECT x FROM c))) SELECT *"
            " FROM c, (WITH d AS (SELECT * FROM c) SELECT * FROM d) q"
        ),
        (
            "WITH c AS MATERIALIZED (SELECT 1) SELECT (WITH d AS (SELECT * FROM c) SELECT 1 FROM d) FROM c UNION SELECT"
            " 1 FROM c ORDER BY (SELECT 1 FROM c)"
        ),
    ],
)
def test_a_query_in_with_may_be_read_where_it_is_in_sight(text: str) -> None:
    verify(text, ["i0"], ["c", "d"])


@pytest.mark.parametrize(
    "text",
    [
        "WITH other AS (SELECT 1) SELECT 1",
        "WITH c AS (SELECT * FROM c) SELECT 1",
        "WITH c AS (SELECT * FROM d), d AS (SELECT 1) SELECT 1",
        "SELECT * FROM (WITH c AS (SELECT 1) SELECT 1) q, c",
        "WITH RECURSIVE c AS (SELECT * FROM c UNION ALL SELECT 1) SELECT 1",
        "WITH RECURSIVE c AS (SELECT 1 EXCEPT SELECT * FROM c) SELECT 1",
        "SELECT * FROM c",
        "WITH RECURSIVE c AS (SELECT 1 UNION SELECT * FROM c UNION SELECT * FROM c) SELECT 1",
        "WITH c AS (SELECT 1) SELECT * FROM (WITH c AS (SELECT 2) SELECT * FROM c) q",
        "WITH c AS (SELECT 1) SELECT * FROM main.c",
        "WITH i0 AS (SELECT 1) SELECT * FROM i0",
    ],
)
def test_a_query_in_with_that_is_not_the_plans_or_out_of_sight_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused):
        verify(text, ["i0"], ["c", "d"])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2",
        "COPY i0 TO 'x'",
        "ATTACH 'x'",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO i0 SELECT 1",
        "SET threads = 1",
        "PRAGMA version",
        "CALL x()",
        "EXPLAIN SELECT 1",
        "SELECT * FROM other",
        "SELECT * FROM main.i0",
        "SELECT * FROM memory.main.i0",
        "SELECT * FROM 'x.csv'",
        "SELECT * FROM read_csv('x')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM sqlite_master",
        "SELECT read_text('x')",
        "SELECT getenv('X')",
        "SELECT current_setting('x')",
        "SELECT (SELECT * FROM other) FROM i0",
        "WITH c AS (SELECT * FROM other) SELECT * FROM c",
        "SELECT * FROM i0 WHERE a IN (SELECT b FROM other)",
        "SELECT main.sum(a) FROM i0",
        "SELECT * FROM i0 TABLESAMPLE 10%",
        "SELECT * FROM i0 AT (VERSION => 1)",
        "SELECT a FROM i0 ORDER BY getvariable('x')",
        "SELECT list_transform([1], lambda x: getenv('X'))",
        "SELECT sum(a) FILTER (WHERE getenv('X') = '') FROM i0",
        "PIVOT i0 ON a USING sum(b)",
        "DESCRIBE i0",
        "SUMMARIZE i0",
        "SHOW TABLES",
        "SELECT query('x')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('i0')",
        "not sql",
        "",
    ],
)
def test_what_goes_beyond_the_plan_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused):
        verify(text, ["i0"], ["c"])
