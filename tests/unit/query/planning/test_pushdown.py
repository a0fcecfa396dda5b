"""What a source may filter by: what is certainly the same, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from swap.connectors.base import Capabilities, Order
from unit.query.worlds import planned, pushed

V = "lake.wmf.pageview_hourly"
P = "mediawiki.enwiki.page"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("year = 2026", ["year = 2026"]),
        ("2026 <= year", ["year >= 2026"]),
        ("year BETWEEN 2025 AND 2026", ["year <= 2026", "year >= 2025"]),
        ("country_code IN ('DE', 'FR')", ["country_code in ('DE', 'FR')"]),
        ("country_code IS NULL", ["country_code is null None"]),
        ("country_code IS NOT NULL", ["country_code is not null None"]),
        ("NOT country_code IS NULL", ["country_code is not null None"]),
        ("flag", ["flag = True"]),
        ("NOT flag", ["flag = False"]),
        ("day = '2026-11-22'", [f"day = {date(2026, 11, 22)!r}"]),
        ("day >= DATE '2026-11-22'", [f"day >= {date(2026, 11, 22)!r}"]),
        ("ts < '2026-11-22'", [f"ts < {datetime(2026, 11, 22)!r}"]),  # noqa: DTZ001
        (
            "ts < TIMESTAMP '2026-11-22 10:00:00.5'",
            [f"ts < {datetime(2026, 11, 22, 10, 0, 0, 500000)!r}"],  # noqa: DTZ001
        ),
        ("zoned < TIMESTAMPTZ '2026-11-22 10:00:00+00:00'", [f"zoned < {datetime(2026, 11, 22, 10, tzinfo=UTC)!r}"]),
        ("zoned < TIMESTAMPTZ '2026-11-22 10:00:00+02:00'", [f"zoned < {datetime(2026, 11, 22, 8, tzinfo=UTC)!r}"]),
        ("price = 1.25", [f"price = {Decimal('1.25')!r}"]),
        ("price = CAST('-1.25' AS DECIMAL(9, 2))", [f"price = {Decimal('-1.25')!r}"]),
        ("price = CAST('1.250' AS DECIMAL)", [f"price = {Decimal('1.250')!r}"]),
        ("price > 1", [f"price > {Decimal(1)!r}"]),
        ("ratio > 0.5", ["ratio > 0.5"]),
        ("(year = 2026 AND (view_count > -5))", ["view_count > -5", "year = 2026"]),
        ("page_title <> 'x'", ["page_title <> 'x'"]),
        ("lake.wmf.pageview_hourly.year = 1", ["year = 1"]),
    ],
)
def test_a_comparison_with_a_value_is_pushed_down(condition: str, expected: list[str]) -> None:
    assert pushed(f"SELECT page_id FROM {V} WHERE {condition}") == expected


@pytest.mark.parametrize(
    "condition",
    [
        "year = 2026 OR view_count = 1",
        "year + 1 = 2027",
        "year = view_count",
        "year = '2026'",
        "year = 2026.5",
        "page_title = 5",
        "page_title LIKE 'a%'",
        "country_code NOT IN ('DE')",
        "country_code IN ('DE', NULL)",
        "year = NULL",
        "NOT year = 2026",
        "lower(country_code) = 'de'",
        "day = 'yesterday'",
        "day = '2026-1-2'",
        "ts = '2026-11-22T10:00'",
        "zoned = '2026-11-22'",
        # In UTC it is in a year that Python does not have.
        "zoned > TIMESTAMPTZ '0001-01-01 00:00:00+14:00'",
        "zoned < TIMESTAMPTZ '9999-12-31 23:59:59-14:00'",
        "year = 99999999999",
        "year = 2147483648",
        "ts = DATE '2026-11-22 10:00:00'",
        "year = (SELECT max(year) FROM lake.wmf.pageview_hourly)",
        "year = random()",
        "ratio = 0.1234567890123456789",
        "day = TIMESTAMP '2026-11-22 00:00:00'",
        "year IN (SELECT 2026)",
        # A cast that rounds, or that DuckDB refuses.
        "price = CAST('3.5' AS DECIMAL(3, 0))",
        "price IN (CAST('3.6' AS DECIMAL(2)), 1.25)",
        "price = CAST('1.2504' AS DECIMAL)",
        "price < CAST('123456789012' AS DECIMAL(9, 2))",
        "price < CAST('٤' AS DECIMAL(9, 2))",
        "price < CAST('NaN' AS DECIMAL(9, 2))",
        "price < CAST('1e3' AS DECIMAL(9, 2))",
        "day = '٢٠٢٦-١١-٢٢'",
        "event IS NOT DISTINCT FROM NULL",
        "TRY_CAST(page_title AS INT) = 1",
        "page_title = 'a' COLLATE NOCASE",
        "year NOT BETWEEN 1 AND 2",
        "price = 1.255",
        "event.ip = 'x'",
    ],
)
def test_what_is_not_certainly_the_same_stays_in_the_combiner(condition: str) -> None:
    assert pushed(f"SELECT page_id FROM {V} WHERE {condition}") == []


def test_nothing_is_pushed_to_a_source_that_does_not_say_it_can() -> None:
    plan = planned(f"SELECT page_id FROM {V} WHERE year = 2026", capabilities={"lake": Capabilities(frozenset())})

    assert plan.inputs[0].fragment is not None
    assert plan.inputs[0].fragment.predicates == ()


@pytest.mark.parametrize(
    ("join", "left", "right"),
    [
        ("JOIN {p} ON v.page_id = p.page_id AND v.year = 1 AND p.page_len = 2", ["year = 1"], ["page_len = 2"]),
        ("LEFT JOIN {p} ON v.page_id = p.page_id AND v.year = 1 AND p.page_len = 2", [], ["page_len = 2"]),
        ("RIGHT JOIN {p} ON v.page_id = p.page_id AND v.year = 1 AND p.page_len = 2", ["year = 1"], []),
        ("FULL JOIN {p} ON v.page_id = p.page_id AND v.year = 1 AND p.page_len = 2", [], []),
        ("JOIN {p} USING (page_id) WHERE v.year = 1 AND p.page_len = 2", ["year = 1"], ["page_len = 2"]),
        ("LEFT JOIN {p} USING (page_id) WHERE v.year = 1 AND p.page_len = 2", ["year = 1"], []),
        ("RIGHT JOIN {p} USING (page_id) WHERE v.year = 1 AND p.page_len = 2", [], ["page_len = 2"]),
        ("FULL JOIN {p} USING (page_id) WHERE v.year = 1 AND p.page_len = 2", [], []),
        (", {p} WHERE v.year = 1 AND p.page_len = 2", ["year = 1"], ["page_len = 2"]),
        ("ANTI JOIN {p} ON v.page_id = p.page_id AND v.year = 1 AND p.page_len = 2", [], ["page_len = 2"]),
        ("SEMI JOIN {p} ON v.page_id = p.page_id WHERE v.year = 1", ["year = 1"], []),
        ("ASOF JOIN {p} ON v.page_id >= p.page_id WHERE v.year = 1 AND p.page_len = 2", ["year = 1"], []),
    ],
)
def test_an_outer_join_keeps_comparisons_of_its_open_side_above_it(
    join: str, left: list[str], right: list[str]
) -> None:
    statement = f"SELECT v.year FROM {V} v " + join.format(p=f"{P} p")

    assert (pushed(statement, 0), pushed(statement, 1)) == (left, right)


def test_a_sub_query_pushes_its_own_and_not_its_neighbours() -> None:
    statement = (
        f"SELECT 1 FROM {V} v WHERE v.year = 1 AND EXISTS (SELECT 1 FROM {P} p WHERE p.page_len = 2 AND v.view_count"
        " = 3)"
    )

    assert (pushed(statement, 0), pushed(statement, 1)) == (["year = 1"], ["page_len = 2"])


def test_two_uses_of_a_table_are_filtered_apart() -> None:
    statement = f"SELECT a.year FROM {V} a JOIN {V} b USING (page_id) WHERE a.year = 1 AND b.year = 2"

    assert (pushed(statement, 0), pushed(statement, 1)) == (["year = 1"], ["year = 2"])


@pytest.mark.parametrize(
    ("statement", "limit"),
    [
        ("SELECT year FROM {v} LIMIT 5", 5),
        ("SELECT * FROM {v} LIMIT 5 OFFSET 3", 8),
        ("SELECT year + 1 AS y FROM {v} WHERE year = 2026 LIMIT 5", 5),
        ("SELECT year FROM {v} WHERE page_title LIKE 'a%' LIMIT 5", None),
        ("SELECT year FROM {v} ORDER BY year LIMIT 5 OFFSET 2", 7),
        ("SELECT year FROM {v} ORDER BY raw LIMIT 5", None),
        ("SELECT DISTINCT year FROM {v} ORDER BY year LIMIT 5", None),
        ("SELECT year FROM {v} WHERE year BETWEEN 1 AND 2 LIMIT 5", 5),
        ("SELECT year FROM {v} WHERE year BETWEEN 1 AND page_id LIMIT 5", None),
        ("SELECT DISTINCT year FROM {v} LIMIT 5", None),
        ("SELECT count(*) FROM {v} LIMIT 5", None),
        ("SELECT favg(year) FROM {v} LIMIT 5", None),
        ("SELECT year FROM {v} GROUP BY year LIMIT 5", None),
        ("SELECT sum(year) OVER () FROM {v} LIMIT 5", None),
        ("SELECT unnest([1, 2]) FROM {v} LIMIT 5", None),
        ("SELECT year FROM {v} LIMIT 50 PERCENT", None),
        ("SELECT year FROM {v} LIMIT (SELECT 5)", None),
        ("SELECT year FROM {v} UNION ALL SELECT year FROM {v} LIMIT 5", None),
        ("SELECT year FROM {v} WHERE year = 1 OR year = 2 LIMIT 5", None),
        ("SELECT a.year FROM {v} a, {v} b LIMIT 5", None),
        ("SELECT year FROM (SELECT year FROM {v}) LIMIT 5", None),
        ("SELECT year FROM {v}, unnest([1]) u(x) LIMIT 5", None),
        ("SELECT year FROM {v} QUALIFY row_number() OVER () = 1 LIMIT 5", None),
        ("SELECT (SELECT 1) FROM {v} LIMIT 5", None),
        ("SELECT year FROM {v} HAVING count(*) > 1 LIMIT 5", None),
    ],
)
def test_a_limit_goes_to_the_source_only_when_few_rows_are_certainly_enough(statement: str, limit: int | None) -> None:
    fragment = planned(statement.format(v=V)).inputs[0].fragment

    assert fragment is not None
    assert fragment.limit == limit


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("year", [Order("year")]),
        ("v.year DESC", [Order("year", descending=True)]),
        ("year DESC NULLS FIRST, ts", [Order("year", descending=True, nulls_first=True), Order("ts")]),
        ("shown, country_code", [Order("page_id"), Order("country_code")]),
        ("country_code NULLS FIRST", [Order("country_code", nulls_first=True)]),
        # What the source may not sort by: then it may not limit either.
        ("year + 1", []),
        ("country_code COLLATE NOCASE", []),
        ("1", []),
        ("ALL", []),
        ("event", []),
        ("raw", []),
        ("twice", []),
        ("year, random()", []),
    ],
)
def test_an_order_goes_with_its_limit_where_the_source_sorts_alike(order: str, expected: list[Order]) -> None:
    statement = f"SELECT *, page_id AS shown, year AS twice, page_id AS twice FROM {V} v ORDER BY {order} LIMIT 5"
    fragment = planned(statement).inputs[0].fragment

    assert fragment is not None
    assert list(fragment.order) == expected
    assert fragment.limit == (5 if expected else None)


def test_an_order_without_a_limit_is_the_combiners() -> None:
    fragment = planned(f"SELECT year FROM {V} ORDER BY year").inputs[0].fragment

    assert fragment is not None
    assert fragment.order == ()


def test_a_source_that_sorts_otherwise_limits_nothing_that_is_sorted() -> None:
    able = Capabilities(frozenset())
    fragment = planned(f"SELECT year FROM {V} ORDER BY year LIMIT 5", capabilities={"lake": able}).inputs[0].fragment

    assert fragment is not None
    assert (fragment.limit, fragment.order) == (None, ())


@pytest.mark.parametrize(
    ("statement", "streamed"),
    [
        ("SELECT year FROM {v}", True),
        ("SELECT year, sum(view_count) FROM {v} GROUP BY 1 ORDER BY 2", True),
        ("SELECT a.year FROM {v} a JOIN {v} b USING (page_id)", False),
        ("WITH c AS (SELECT year FROM {v}) SELECT * FROM c a, c b", False),
        ("SELECT year FROM {v} WHERE year = (SELECT 1)", False),
        ("SELECT rank() OVER () FROM {v}", False),
        ("SELECT year FROM {v} AS v WHERE EXISTS (SELECT 1 WHERE v.year = 1)", False),
    ],
)
def test_a_one_shot_input_is_never_scanned_twice(statement: str, streamed: bool) -> None:
    assert planned(statement.format(v=V)).streamed is streamed


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        ("SELECT page_len FROM {p}", True),
        ("SELECT max(page_len) FROM {p}", True),
        ("SELECT page_len FROM {p} ORDER BY 1 LIMIT 3", True),
        ("SELECT page_len FROM {p} WHERE page_len + 1 = 2", True),
        ("SELECT page_len FROM {p} LIMIT 3", False),
        ("SELECT page_len FROM {p} WHERE page_len = 2", False),
        ("WITH a AS (SELECT page_len FROM {p}) SELECT * FROM a LIMIT 3", False),
        ("SELECT 1 AS n WHERE EXISTS (SELECT page_len FROM {p})", False),
        ("SELECT max(page_len) FROM {p} LIMIT 1", False),
    ],
)
def test_how_many_rows_come_is_known_only_of_whole_tables(statement: str, known: bool) -> None:
    assert planned(statement.format(p=P)).rows_of("mediawiki") == (7000 if known else None)


def test_of_a_source_asked_twice_both_must_be_known() -> None:
    assert planned(f"SELECT a.page_len FROM {P} a JOIN {P} b USING (page_id)").rows_of("mediawiki") == 14_000
    assert (
        planned(f"SELECT a.page_len FROM {P} a JOIN {P} b USING (page_id) WHERE b.page_len = 2").rows_of("mediawiki")
        is None
    )
    assert (
        planned(f"SELECT a.page_len FROM {P} a JOIN mediawiki.dewiki.page b USING (page_id)").rows_of("mediawiki")
        is None
    ), "dewiki is not counted"
