"""What is written is what was read: each listed function means the same before and after."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp

from swap.errors import QueryRefused
from swap.query.language.parse import parse
from swap.query.language.verify import verify
from swap.query.planning.resolve import resolve
from swap.query.planning.rewrite import regenerate, rewrite
from unit.query.reference import answer, connected
from unit.query.worlds import OWN

ROWS = """CREATE TABLE t AS SELECT * FROM (VALUES
    (1, 'Ab,c', DATE '2026-02-28', TIMESTAMP '2026-02-28 13:14:15.123456', 1.5::DOUBLE, 2.25::DECIMAL(9, 2), TRUE, [3, 1, 2], {'x': 1, 'y': 'q'}, '{"x": [1, {"y": 2}]}'),
    (2, '  d''e\\ ', DATE '2024-12-31', TIMESTAMP '1999-12-31 23:59:59', -0.5, -1.00, FALSE, [], {'x': NULL, 'y': ''}, '{}'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) v(n, s, d, ts, f, m, b, l, st, j)"""

SCALARS = """
n + 1|n - -1|n * 2 + 3|n / 2|n // 2|n % 2|n ** 2|n ^ 2|-n|n << 2|n & 1|n \\| 4|~n|xor(n, 3)|abs(-n)|round(m, 1)|ceil(f)|floor(f)|trunc(f)|sqrt(abs(f))|cbrt(f)|ln(n)|log(n)|log10(n)|log2(n)
log(2, n)|exp(f)|pow(n, 3)|mod(n, 2)|greatest(n, 5)|least(n, 1)|sign(f)|pi()|degrees(f)|radians(f)|sin(f)|atan2(f, n)|factorial(n)|gcd(n, 4)|lcm(n, 4)|isnan(f)|isinf(f)|bit_count(n)|even(f)
s \\|\\| 'x'|upper(s)|lower(s)|length(s)|len(s)|strlen(s)|trim(s)|ltrim(s)|rtrim(s, ' ')|trim(BOTH 'A' FROM s)|replace(s, 'b', 'x')|reverse(s)|left(s, 2)|right(s, 2)|lpad(s, 9, '*')|rpad(s, 9, '*')
substring(s, 2, 2)|substr(s, 2)|substring(s FROM 2 FOR 1)|position('b' IN s)|strpos(s, 'b')|instr(s, 'b')|contains(s, 'b')|starts_with(s, 'A')|s ^@ 'A'|ends_with(s, 'c')|prefix(s, 'A')|concat(s, n)
concat_ws('-', s, n)|split_part(s, ',', 2)|string_split(s, ',')|str_split(s, ',')|repeat(s, 2)|ascii(s)|unicode(s)|ord(s)|chr(64 + n)|md5(s)|sha256(s)|to_base64(encode(s))|hex(s)|unhex('ff')|translate(s, 'b', 'x')
regexp_matches(s, '[a-z]')|s ~ '[a-z]+'|s !~ 'x'|regexp_replace(s, '[a-z]', '_', 'g')|regexp_replace(s, '[a-z]', '_')|regexp_extract(s, '([A-Z])(.)', 2)|regexp_extract_all(s, '[a-z]')|regexp_full_match(s, '.*')
s LIKE 'A%'|s NOT LIKE 'A%'|s ILIKE 'a%'|s LIKE 'A!%' ESCAPE '!'|s GLOB 'A*'|s SIMILAR TO 'A.*'|levenshtein(s, 'abc')|jaro_winkler_similarity(s, 'abc')|format('{}-{}', s, n)|printf('%d-%s', n, s)|strip_accents(s)
url_encode(s)|string_split_regex(s, ',')|regexp_split_to_array(s, ',')|nfc_normalize(s)|hash(s)|s COLLATE NOCASE = 'AB,C'|s < 'B'|'a''b\\c'|'é😀'
year(d)|month(d)|day(d)|hour(ts)|minute(ts)|second(ts)|quarter(d)|week(d)|weekofyear(d)|dayofweek(d)|isodow(d)|dayofyear(d)|dayofmonth(d)|yearweek(d)|isoyear(d)|decade(d)|century(d)|era(d)|microsecond(ts)|millisecond(ts)
extract(year FROM d)|extract(epoch FROM ts)|date_part('month', d)|date_part(['year', 'month'], d)|date_trunc('month', ts)|date_trunc('week', d)|date_trunc('hour', ts)|date_diff('day', d, DATE '2026-03-01')
datediff('month', d, DATE '2026-03-01')|date_sub('month', d, DATE '2026-03-01')|d + 5|d - 5|d - DATE '2026-01-01'|d + INTERVAL 1 MONTH|ts - INTERVAL '2 days 3 hours'|ts + to_days(n)|ts + INTERVAL (n) HOUR|date_add(d, INTERVAL 1 DAY)
last_day(d)|monthname(d)|dayname(d)|make_date(2026, 2, n)|make_timestamp(2026, 2, 1, 3, 4, 5.5)|make_time(1, 2, 3.5)|strftime(ts, '%Y-%m-%d %H')|strptime('2026-01-02', '%Y-%m-%d')|try_strptime(s, '%Y')|epoch(ts)|epoch_ms(ts)
to_timestamp(n)|time_bucket(INTERVAL 1 HOUR, ts)|age(ts, TIMESTAMP '2000-01-01')|ts AT TIME ZONE 'Europe/Berlin'|ts::DATE|d::TIMESTAMP|julian(d)|to_months(n)|to_hours(n)|ts::TIME|epoch_us(ts)|d BETWEEN '2025-01-01' AND '2026-12-31'
n::VARCHAR|s::VARCHAR|TRY_CAST(s AS INT)|CAST(f AS INTEGER)|n::DECIMAL(10, 2)|n::DOUBLE|b::INT|CAST(n AS BIGINT)|n::HUGEINT|l::VARCHAR|typeof(n)|f::REAL
coalesce(n, 0)|ifnull(n, 0)|nullif(n, 1)|if(n > 1, 'a', 'b')|CASE WHEN n > 1 THEN 'a' WHEN n = 1 THEN 'c' ELSE 'b' END|CASE n WHEN 1 THEN 'a' END|n IS NULL|n IS NOT NULL|b IS TRUE|b IS NOT FALSE|n IS DISTINCT FROM 1|n IS NOT DISTINCT FROM NULL
n IN (1, 3)|n NOT IN (1, 3)|n BETWEEN 1 AND 2|NOT (b AND n > 1 OR n IS NULL)|NOT b|n = ANY ([1, 2])|(n, s) = (1, 'Ab,c')|EXISTS (SELECT 1 WHERE n = 1)|(SELECT max(n) FROM t)|n IN (SELECT n FROM t WHERE n > 1)|n > ALL (SELECT 0)
l[1]|l[-1]|l[1:2]|l[n]|l[n + 1]|[n, 2][1]|list_value(n, 2)|list_contains(l, 1)|list_sort(l)|list_reverse(l)|list_transform(l, lambda x: x + n)|list_transform(l, lambda x: x * 2)|list_filter(l, lambda x: x > 1)|list_reduce([1, 2, 3], lambda x, y: x + y)
list_aggregate(l, 'sum')|list_sum(l)|list_avg(l)|list_max(l)|list_min(l)|list_concat(l, [9])|list_append(l, 9)|list_prepend(9, l)|list_distinct(l)|list_unique(l)|list_position(l, 1)|array_to_string(l, '-')|len(l)|array_length(l)|flatten([l, l])
range(3)|range(1, 3)|generate_series(1, 3)|list_zip(l, l)|l @> [1]|[1] <@ l|l && [1]|list_has_any(l, [1])|list_slice(l, 1, 2)|list_resize(l, 2)|array_slice(l, 1, 2)|list_extract(l, 1)|list_intersect(l, [1])|array_has(l, 1)|unnest(l)
st.x|t.st.y|st['x']|struct_extract(st, 'x')|{'a': n, 'b': {'c': s}}|{'a': n}.a|struct_pack(a := n)|row(n, s)|map {'a': n}|map {'a': n}['a']|map_keys(map {'a': n})|map_values(map([1], [n]))|map_from_entries([(1, n)])|cardinality(map {'a': n})|struct_insert(st, z := 1)
j->'x'|j->>'x'|j->'$.x[0]'|j->>'$.x[1].y'|json_extract(j, '$.x')|json_extract_string(j, '$.x')|json_extract(j, '$.x') = '[1]'|(j->>'x') = '1'|json_array_length(j, '$.x')|json_type(j)|json_keys(j)|json_valid(s)|to_json(st)|json_object('a', n)|json_array(n, s)
j->'x'->0|j->>'x' IS NULL|NOT j->>'x' = 'a'|n + 1 = 2 AND s > 'a' OR NOT b|-n ** 2|(n + 1) * 2|n + 1 * 2|n - (1 - 2)|2 ** n ** 2|n // 2 * 2|1 - n - 1|n / 2 / 2|NOT n = 1|- (n + 1)|n::VARCHAR \\|\\| 'x'|a.x FROM (SELECT st AS a FROM t) z
"""

STATEMENTS = [
    (
        "SELECT count(*), count(n), count(DISTINCT n), sum(n), avg(m), min(s), max(d), median(n), mode(n), stddev(n),"
        " var_pop(n), first(n ORDER BY n), last(n ORDER BY n), any_value(s) FROM t"
    ),
    (
        "SELECT string_agg(s, '-' ORDER BY s DESC), listagg(s, ','), group_concat(s, '|'), list(n ORDER BY n),"
        " array_agg(n ORDER BY n DESC NULLS LAST), histogram(n) FROM t"
    ),
    (
        "SELECT arg_max(s, n), arg_min(s, n), max_by(s, n), bool_and(b), bool_or(b), bit_or(n), count_if(b),"
        " product(n), quantile_cont(n, 0.5), quantile_disc(n, [0.25, 0.75]), max(n, 2), kurtosis(f), corr(n, f),"
        " regr_slope(n, f) FROM t"
    ),
    (
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n), percentile_disc(0.5) WITHIN GROUP (ORDER BY n DESC),"
        " approx_count_distinct(n), approx_quantile(n, 0.5), favg(f), fsum(f), geomean(n), entropy(n), mad(n) FROM t"
    ),
    "SELECT count(*) FILTER (WHERE n > 1), sum(n) FILTER (WHERE b) FROM t",
    "SELECT b, sum(n) FROM t GROUP BY b HAVING sum(n) > 0 ORDER BY b NULLS FIRST",
    "SELECT b, d, grouping(b), sum(n) FROM t GROUP BY ROLLUP (b, d) ORDER BY ALL",
    "SELECT b, d, sum(n) FROM t GROUP BY CUBE (b, d) ORDER BY ALL",
    "SELECT b, sum(n) FROM t GROUP BY GROUPING SETS ((b), ()) ORDER BY ALL",
    (
        "SELECT n, row_number() OVER (ORDER BY n), rank() OVER w, dense_rank() OVER w, lag(n, 1, 0) OVER w, lead(n)"
        " OVER w, ntile(2) OVER w, first_value(n) OVER w, last_value(n) OVER w, nth_value(n, 1) OVER w, cume_dist()"
        " OVER w, percent_rank() OVER w FROM t WINDOW w AS (ORDER BY n)"
    ),
    (
        "SELECT n, sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), sum(n) OVER (PARTITION BY b ORDER"
        " BY n RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), first_value(n IGNORE"
        " NULLS) OVER (ORDER BY n) FROM t ORDER BY n"
    ),
    "SELECT n FROM t QUALIFY row_number() OVER (ORDER BY n DESC NULLS LAST) = 1",
    "SELECT DISTINCT b FROM t ORDER BY b",
    "SELECT DISTINCT ON (b) b, n FROM t ORDER BY b, n",
    "SELECT n FROM t ORDER BY n DESC NULLS FIRST LIMIT 2 OFFSET 1",
    "SELECT * EXCLUDE (l, st, j) REPLACE (n + 1 AS n) FROM t ORDER BY n",
    "SELECT t.* FROM t ORDER BY n",
    "SELECT t FROM t ORDER BY t.n",
    "SELECT a.n, c.n FROM t a LEFT JOIN t c ON a.n = c.n + 1 ORDER BY ALL",
    "SELECT a.n FROM t a SEMI JOIN t c USING (n) ORDER BY 1",
    "SELECT a.n FROM t a ANTI JOIN t c ON a.n = c.n AND c.n > 1 ORDER BY 1",
    "SELECT n FROM t a FULL JOIN t c USING (n) ORDER BY ALL",
    "SELECT a.n, c.n FROM t a CROSS JOIN t c ORDER BY ALL",
    "SELECT a.n, c.n FROM t a ASOF JOIN t c ON a.n >= c.n ORDER BY ALL",
    "SELECT n, x FROM t, unnest(l) AS u(x) ORDER BY ALL",
    "SELECT n, x FROM t, LATERAL (SELECT t.n + 1 AS x) z ORDER BY ALL",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(x, y)",
    "WITH c(x) AS (SELECT n FROM t) SELECT sum(x) FROM c",
    "WITH c AS MATERIALIZED (SELECT n FROM t) SELECT sum(n) FROM c",
    "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 4) SELECT * FROM r",
    "SELECT n FROM t UNION SELECT 9 ORDER BY 1",
    "SELECT n FROM t EXCEPT SELECT 1 ORDER BY 1",
    "SELECT n FROM t INTERSECT ALL SELECT 1",
    "SELECT n, s FROM t UNION ALL BY NAME SELECT 'z' AS s, 5 AS n ORDER BY ALL",
    "SELECT n FROM t WHERE n = (SELECT max(n) FROM t) OR n IS NULL ORDER BY n",
    "SELECT (SELECT sum(n) FROM t c WHERE c.n <= t.n) FROM t ORDER BY 1",
    'SELECT "n" AS "N x", n AS "select" FROM t ORDER BY 1',
    "FROM t SELECT n ORDER BY n",
    "SELECT n FROM (SELECT n FROM t ORDER BY n LIMIT 1)",
    "SELECT 1 AS x, 1.5 AS y, 1e3 AS z, 0.5 AS w, 100000000000000000000 AS v, 0.1 + 0.2 AS u",
    "SELECT sum(DISTINCT n), count(DISTINCT (n, b)) FROM t",
    "SELECT n FROM t WHERE n IN (1) AND NOT n IN (2) AND n NOT BETWEEN 5 AND 6",
]


@pytest.fixture(scope="module")
def rows() -> duckdb.DuckDBPyConnection:
    return connected(ROWS)


def expressions() -> list[str]:
    return [
        part.replace("\0", "|") for line in SCALARS.strip().split("\n") for part in line.replace("\\|", "\0").split("|")
    ]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_means_the_same_when_written_again(rows: duckdb.DuckDBPyConnection, expression: str) -> None:
    statement = f"SELECT {expression} AS x FROM t ORDER BY n" if " FROM (" not in expression else f"SELECT {expression}"

    again = regenerate(parse(statement, {}, 65_536))

    assert None is not answer(rows, again) == answer(rows, statement)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_means_the_same_when_written_again(rows: duckdb.DuckDBPyConnection, statement: str) -> None:
    again = regenerate(parse(statement, {}, 65_536))

    assert None is not answer(rows, again) == answer(rows, statement)
    if "sum" not in statement and "_by" not in statement and "agg" not in statement:
        assert [name.casefold() for name in rows.sql(again).columns] == [
            name.casefold() for name in rows.sql(statement).columns
        ]


def test_the_old_arrow_of_lambdas_is_written_the_new_way(rows: duckdb.DuckDBPyConnection) -> None:
    again = regenerate(parse("SELECT list_transform([1, 2], x -> x + 1) AS x", {}, 65_536))

    assert rows.sql(again).fetchall() == [([2, 3],)]


def tree_with(arg: str, value: exp.Expr | list[exp.Expr]) -> exp.Query:
    """A tree that says something else than its text will: as a mistake of the writer's would make it."""
    tree = parse("SELECT 1 AS x", {}, 65_536)
    tree.set(arg, value)
    return tree


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(tree_with("unwritten", exp.Literal.string("secret")), id="a value is lost"),
        pytest.param(tree_with("unwritten", exp.to_identifier("secret")), id="a name is lost"),
        pytest.param(tree_with("expressions", [exp.Var(this="x FROM secret")]), id="a table is gained"),
    ],
)
def test_what_is_not_written_as_it_was_read_is_refused(tree: exp.Query) -> None:
    with pytest.raises(QueryRefused, match="cannot write this statement again"):
        regenerate(tree)


def test_a_table_that_nobody_resolved_is_refused() -> None:
    text = "SELECT m.a FROM mine m JOIN mine n USING (a)"
    resolved = resolve(parse(text, {}, 65_536), text, {}, lambda _written, _limit: (), OWN)
    resolved.references.pop()

    with pytest.raises(QueryRefused, match="A table cannot stand there"):
        rewrite(resolved, ["swap_input_0"], [])


@pytest.mark.parametrize(
    "text",
    [*(f"SELECT {expression} AS x FROM t" for expression in expressions() if " FROM (" not in expression), *STATEMENTS],
)
def test_the_second_reader_lets_ordinary_sql_through(text: str) -> None:
    verify(regenerate(parse(text, {}, 65_536)), ["t"], ["c", "r"])


@pytest.mark.parametrize("text", ["SELECT count(*) FROM t -- mine", "SELECT count(*) FROM t /* mine */ WHERE a > 1"])
def test_a_comment_after_a_table_is_no_part_of_it(text: str) -> None:
    assert "mine" not in regenerate(parse(text, {}, 65_536))
