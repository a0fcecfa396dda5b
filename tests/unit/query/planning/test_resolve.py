"""Every name gets its meaning for this person, or an error that teaches."""

from __future__ import annotations

import pytest

from swap.errors import Forbidden, QueryRefused, UnknownName
from swap.query.language.names import MAX_TABLES
from swap.query.model import Plan
from unit.query.worlds import planned

V = "lake.wmf.pageview_hourly"


def columns(plan: Plan, index: int = 0) -> list[str]:
    return [column.name for column in plan.inputs[index].columns]


def unknown(statement: str) -> UnknownName:
    with pytest.raises(UnknownName) as caught:
        planned(statement)
    return caught.value


def forbidden(statement: str) -> Forbidden:
    with pytest.raises(Forbidden) as caught:
        planned(statement)
    return caught.value


def test_a_misspelt_column_is_answered_with_the_nearest() -> None:
    problem = unknown(f"SELECT page_titel, sum(view_count)\nFROM {V} GROUP BY 1").problem

    assert problem.title == "page_titel is not a column of lake.wmf.pageview_hourly."
    assert (problem.line, problem.column) == (1, 8)
    first = problem.suggestions[0]
    assert (first.label, first.replace, first.by, first.type, first.detail) == (
        "Use page_title",
        "page_titel",
        "page_title",
        "text",
        "about page_title",
    )
    last = problem.suggestions[-1]
    assert (last.label, last.by, last.href) == ("All 14 columns", None, "/data/lake/wmf/pageview_hourly")


@pytest.mark.parametrize(
    "written", ["pageview_hourly", "wmf.pageview_hourly", "lake.wmf.pageview_hourl", "lake.vmf.pageview_hourly"]
)
def test_a_misspelt_table_is_answered_with_the_nearest(written: str) -> None:
    problem = unknown(f"SELECT 1 FROM {written}").problem

    assert problem.title == f"There is no table {written} that you may see."
    assert (problem.suggestions[0].replace, problem.suggestions[0].by) == (written, V)


def test_a_wrong_alias_is_named() -> None:
    assert (
        unknown(f"SELECT x.year, p.page_id FROM {V} v JOIN mediawiki.enwiki.page p USING (page_id)").problem.title
        == "x.year is not known here."
    )


def test_a_locked_column_names_the_rule_whom_to_ask_and_what_serves_instead() -> None:
    problem = forbidden(f"SELECT city, sum(view_count) FROM {V} GROUP BY 1").problem

    assert problem.title == "You may not read the column city of lake.wmf.pageview_hourly."
    assert (
        problem.why
        == "The rule below-country locks places smaller than a country. The rest of this statement is fine. Nothing was"
        " run."
    )
    assert (problem.rule, problem.ask, problem.suggestions[0].by, problem.column) == (
        "below-country",
        "data-privacy",
        "country_code",
        8,
    )


def test_a_locked_table_names_the_rule() -> None:
    assert forbidden("SELECT 1 FROM mediawiki.enwiki.revision").problem.rule == "below-country"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT {c} FROM {v}",
        "SELECT v.{c} FROM {v} v",
        "SELECT 1 FROM {v} WHERE {c} = 'x'",
        "SELECT 1 FROM {v} WHERE EXISTS (SELECT 1 WHERE {c} = 'x')",
        "SELECT count(*) FROM {v} GROUP BY {c}",
        "SELECT count(*) FROM {v} HAVING max({c}) > 'a'",
        "SELECT year FROM {v} ORDER BY {c}",
        "SELECT year FROM {v} QUALIFY row_number() OVER (PARTITION BY {c} ORDER BY year) = 1",
        "SELECT sum(year) OVER w FROM {v} WINDOW w AS (ORDER BY {c})",
        "SELECT DISTINCT ON ({c}) year FROM {v}",
        "SELECT 1 FROM {v} v JOIN mediawiki.enwiki.page p ON v.{c} = p.page_title",
        "SELECT count(*) FILTER (WHERE {c} = 'x') FROM {v}",
        "SELECT CASE WHEN {c} = 'x' THEN 1 END FROM {v}",
        "SELECT year FROM {v} v, LATERAL (SELECT v.{c}) l",
        "SELECT (SELECT max(page_len) FROM mediawiki.enwiki.page WHERE page_title = {c}) FROM {v}",
        "SELECT x FROM (SELECT {c} AS x FROM {v}) s",
        "WITH s AS (SELECT {c} FROM {v}) SELECT 1 FROM s",
        "SELECT 1 AS a UNION ALL SELECT length({c}) FROM {v}",
        "SELECT list_transform([1], x -> {c}) FROM {v}",
        "SELECT lake.wmf.pageview_hourly.{c} FROM {v}",
        "SELECT wmf.pageview_hourly.{c} FROM {v}",
        'SELECT "{c}" FROM {v}',
        "SELECT CITY FROM {v}",
        "SELECT year FROM {v} LIMIT (SELECT length(max({c})) FROM {v})",
        "SELECT * REPLACE (lower({c}) AS year) FROM {v}",
        "SELECT year FROM {v} GROUP BY GROUPING SETS ((year), ({c}))",
        "SELECT * FROM {v} a JOIN {v} b USING ({c})",
        "SELECT unnest([{c}]) FROM {v}",
        "SELECT {{'a': {c}}} FROM {v}",
        "SELECT 1 FROM {v} ORDER BY (SELECT {c})",
        "SELECT 1 FROM mediawiki.enwiki.page WHERE page_title IN (SELECT {c} FROM {v})",
        "VALUES_ONLY",
    ],
)
def test_a_locked_column_is_found_wherever_it_stands(statement: str) -> None:
    if statement == "VALUES_ONLY":
        statement = "SELECT 1 FROM {v} v, (VALUES (v.{c})) x(a)"
    assert forbidden(statement.format(c="city", v=V)).problem.rule == "below-country"


def test_several_locked_columns_are_told_together() -> None:
    assert "the column city" in forbidden(f"SELECT city FROM {V} WHERE city = 'x'").problem.title


def test_a_star_opens_to_the_readable_columns_and_says_what_it_left_out() -> None:
    plan = planned(f"SELECT * FROM {V}")

    assert "city" not in columns(plan)
    assert len(columns(plan)) == 13
    assert plan.notices == ("SELECT * left out city: the rule below-country locks it.",)


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT pageview_hourly FROM {V}",
        f"SELECT v FROM {V} v",
        f"SELECT v.* FROM {V} v",
        f"SELECT count(v) FROM {V} v",
        f"SELECT * EXCLUDE (city, year) FROM {V}",
        f"SELECT to_json(v) FROM {V} v",
    ],
)
def test_a_whole_row_holds_only_readable_columns(statement: str) -> None:
    plan = planned(statement)

    assert "city" not in columns(plan)
    assert plan.notices


def test_counting_rows_fetches_one_narrow_column() -> None:
    assert columns(planned(f"SELECT count(*) FROM {V}")) == ["flag"]


def test_only_what_is_used_is_fetched_of_each_table() -> None:
    plan = planned(f"SELECT v.year, p.page_len FROM {V} v JOIN mediawiki.enwiki.page p USING (page_id)")

    assert (columns(plan, 0), columns(plan, 1)) == (["page_id", "year"], ["page_id", "page_len"])


@pytest.mark.parametrize(
    ("statement", "own"),
    [
        ("WITH mine AS (SELECT * FROM mine) SELECT * FROM mine", 1),
        ("SELECT * FROM (WITH mine AS (SELECT 1 AS x) SELECT * FROM mine) a, mine", 1),
        ("WITH a AS (SELECT * FROM mine), mine AS (SELECT 1 AS x) SELECT * FROM a", 1),
        ("WITH mine AS (SELECT 1 AS x) SELECT * FROM mine", 0),
        ("WITH MINE AS (SELECT 1 AS x) SELECT * FROM mine", 0),
    ],
)
def test_a_cte_may_be_called_like_a_table(statement: str, own: int) -> None:
    assert len(planned(statement).inputs) == own


@pytest.mark.parametrize(
    "statement",
    [
        "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret",
        "SELECT * FROM (WITH secret AS (SELECT 1 x) SELECT * FROM secret) a, secret",
        "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    ],
)
def test_a_cte_does_not_hide_a_table_that_is_meant(statement: str) -> None:
    assert unknown(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE n AS (SELECT 1 AS x INTERSECT SELECT x FROM n) SELECT * FROM n",
        "WITH RECURSIVE n AS (SELECT 1 AS x EXCEPT SELECT x FROM n) SELECT * FROM n",
        "WITH RECURSIVE n AS (SELECT x FROM n UNION SELECT 1 AS x) SELECT * FROM n",
        "WITH RECURSIVE n AS (SELECT 1 AS x UNION SELECT x FROM n UNION SELECT x FROM n) SELECT * FROM n",
    ],
)
def test_only_what_the_last_union_adds_sees_the_rows_so_far(statement: str) -> None:
    """Elsewhere DuckDB would take the name for another table's."""
    assert unknown(statement)


@pytest.mark.parametrize(
    "written", ['"lake.wmf".pageview_hourly', 'lake."wmf.pageview_hourly"', '"lake.wmf.pageview_hourly"']
)
def test_a_name_with_a_dot_in_it_is_not_split(written: str) -> None:
    assert unknown(f"SELECT 1 FROM {written}")


def test_a_cte_named_like_a_source_table_hides_nothing() -> None:
    plan = planned(f"WITH pageview_hourly AS (SELECT 1 AS x) SELECT x, year FROM pageview_hourly, {V} AS v")

    assert [item.source for item in plan.inputs] == ["lake"]


@pytest.mark.parametrize("name", ["swap_input_0", "Swap_Input_0"])
def test_inputs_never_carry_a_name_that_the_statement_uses(name: str) -> None:
    plan = planned(f"WITH {name} AS (SELECT 1 AS x) SELECT x, year FROM {name}, {V}")

    assert plan.inputs[0].name.casefold() != "swap_input_0"


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT event.ip FROM {V}",
        f"SELECT v.event.ip FROM {V} v",
        f"SELECT wmf.pageview_hourly.event.ip FROM {V}",
        f"SELECT lake.wmf.pageview_hourly.event.ip FROM {V}",
    ],
)
def test_a_field_of_a_struct_is_a_use_of_its_column(statement: str) -> None:
    assert columns(planned(statement)) == ["event"]


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT year + 1 AS y FROM {V} WHERE y > 5 ORDER BY y",
        f"SELECT year AS y, count(*) AS n FROM {V} GROUP BY ALL ORDER BY ALL",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r",
        "SELECT u.x FROM mine, unnest([1, 2]) AS u(x)",
        "SELECT list_transform([1, 2], x -> x + a) FROM mine",
        f"SELECT * FROM mine JOIN (SELECT page_id AS a FROM {V}) s USING (a)",
        "SELECT col0 FROM (VALUES (1), (2))",
        "SELECT v.x FROM (VALUES (1)) AS v(x)",
        "SELECT a FROM mine UNION SELECT page_id FROM mediawiki.enwiki.page ORDER BY a",
        "SELECT (SELECT max(a) FROM mine m WHERE m.b = p.page_title) FROM mediawiki.enwiki.page p",
        "SELECT * FROM (mine JOIN mediawiki.enwiki.page ON a = page_id)",
        "SELECT a AS b, b AS c FROM mine ORDER BY b, c",
        "SELECT m.a FROM mine m SEMI JOIN mediawiki.enwiki.page p ON p.page_id = m.a",
        "SELECT 1 AS x",
        'SELECT "count_star()" FROM (SELECT count(*) FROM mine)',
        f"SELECT page_title, rank() OVER (PARTITION BY year ORDER BY view_count DESC) r FROM {V} QUALIFY r < 3",
        "FROM mine SELECT a",
        "FROM mine",
        "SELECT struct_pack(x := a).x FROM mine",
        "SELECT a FROM mine WHERE a = ANY (SELECT page_id FROM mediawiki.enwiki.page)",
    ],
)
def test_ordinary_sql_resolves(statement: str) -> None:
    assert planned(statement).sql


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nope FROM mine",
        "SELECT m.nope FROM mine m",
        "SELECT a FROM mine GROUP BY nope",
        "SELECT a FROM mine ORDER BY nope",
        "SELECT * FROM mine JOIN mediawiki.enwiki.page USING (a)",
        "SELECT * EXCLUDE (nope) FROM mine",
        "SELECT nope.* FROM mine",
        "SELECT a FROM mine WHERE EXISTS (SELECT 1 FROM mediawiki.enwiki.page WHERE nope = 1)",
    ],
)
def test_a_column_that_is_not_there_is_refused(statement: str) -> None:
    assert unknown(statement)


@pytest.mark.parametrize(
    "statement",
    ["SELECT x FROM mine AS m(x)", "SELECT * FROM (mine JOIN mediawiki.enwiki.page ON a = page_id) AS j", "SELECT *"],
)
def test_forms_that_would_depend_on_hidden_columns_are_refused(statement: str) -> None:
    with pytest.raises(QueryRefused):
        planned(statement)


def test_a_statement_names_so_many_tables_and_no_more() -> None:
    assert len(planned(" UNION ALL ".join(["SELECT a FROM mine"] * MAX_TABLES)).inputs) == MAX_TABLES

    with pytest.raises(QueryRefused, match=f"more than {MAX_TABLES} tables"):
        planned(" UNION ALL ".join(["SELECT a FROM mine"] * (MAX_TABLES + 1)))


def test_a_thousand_unions_resolve() -> None:
    assert planned(" UNION ALL ".join(["SELECT 1 AS x"] * 900)).sql


def test_a_star_behind_a_struct_opens_its_fields_and_reads_that_column() -> None:
    (item,) = planned("SELECT event.* FROM lake.wmf.pageview_hourly").inputs
    assert item.fragment is not None
    assert "event" in {column.name for column in item.fragment.columns}
    assert "city" not in {column.name for column in item.fragment.columns}


def test_a_star_behind_a_locked_column_is_refused_as_the_column_is() -> None:
    with pytest.raises(Forbidden, match="city"):
        planned("SELECT city.* FROM lake.wmf.pageview_hourly")


@pytest.mark.parametrize(
    "text",
    [
        """SELECT d.day, view_count FROM generate_series(DATE '2026-01-01', DATE '2026-02-01', INTERVAL 1 DAY) AS d(day)
        LEFT JOIN lake.wmf.pageview_hourly p ON p.day = d.day""",
        "SELECT r.x FROM lake.wmf.pageview_hourly p, range(p.view_count) AS r(x)",
        "SELECT range FROM range(3)",
        "SELECT x FROM lake.wmf.pageview_hourly p, LATERAL range(p.view_count) AS r(x)",
    ],
)
def test_rows_may_be_made_from_numbers_and_days(text: str) -> None:
    made = planned(text)
    assert len(made.inputs) == text.count("lake.")
    assert "city" not in made.sql


def test_a_function_in_from_is_no_way_round_a_lock() -> None:
    with pytest.raises(Forbidden, match="city"):
        planned("SELECT x FROM lake.wmf.pageview_hourly p, range(length(p.city)) AS r(x)")
