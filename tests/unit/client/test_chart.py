from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.client import altair, chart
from swap.errors import Invalid, UnknownName

VIEWS = pa.table(
    {
        "country": ["India", "US", "India", "DE", None],
        "hour": pa.array([1, 2, 3, 4, 5], pa.int32()),
        "views": pa.array([10, 40, 20, 5, 1], pa.int64()),
        "day": [date(2026, 11, 22)] * 5,
        "at": pa.array([datetime(2026, 11, 22, 13, tzinfo=UTC)] * 5, pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal("1.50")] * 5, pa.decimal128(5, 2)),
        "a.b[c]": ["x"] * 5,
    }
)


def spec(
    kind: str = "bar",
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    top: int | None = None,
    table: pa.Table = VIEWS,
) -> dict[str, Any]:
    made: dict[str, Any] = chart.draw(table, kind, x=x, y=y, color=color, top=top, name="pages").to_dict()
    made["rows"] = next(iter(made.pop("datasets").values()))
    return made


def test_rows_that_agree_are_added_up_and_the_axis_says_so() -> None:
    made = spec(x="views", y="country")

    assert made["rows"] == [
        {"country": "India", "views": 30},
        {"country": "US", "views": 40},
        {"country": "DE", "views": 5},
        {"country": None, "views": 1},
    ]
    assert made["encoding"]["x"]["title"] == "sum of views"
    assert made["encoding"]["y"]["sort"] == "-x"


def test_rows_of_their_own_are_drawn_as_they_are() -> None:
    made = spec("line", x="hour", y="views")

    assert made["encoding"]["y"]["title"] == "views"
    assert made["encoding"]["x"]["type"] == "quantitative"
    assert [row["views"] for row in made["rows"]] == [10, 40, 20, 5, 1]


def test_top_keeps_the_largest_and_says_of_how_many() -> None:
    made = spec(x="views", y="country", top=2)

    assert {row["country"] for row in made["rows"]} == {"India", "US"}
    assert made["title"] == {"text": "views by country", "subtitle": "top 2 of 4, from pages"}


def test_bars_along_a_number_stand_in_its_order() -> None:
    assert spec(x="hour", y="views")["encoding"]["x"]["type"] == "ordinal"


@pytest.mark.parametrize(
    ("given", "axes"),
    [
        ({}, ("country", "hour")),
        ({"x": "views"}, ("views", "country")),
        ({"y": "views"}, ("country", "views")),
        ({"x": "country"}, ("country", "hour")),
    ],
)
def test_columns_that_are_not_named_are_chosen(given: dict[str, str], axes: tuple[str, str]) -> None:
    made = spec(**given)

    assert (made["encoding"]["x"]["field"], made["encoding"]["y"]["field"]) == axes


def test_moments_and_days_are_drawn_with_the_digits_they_have() -> None:
    made = spec("point", x="at", y="views", color="day")

    assert made["rows"][0] == {"at": "2026-11-22T13:00:00", "day": "2026-11-22T00:00:00", "views": 10}
    assert made["encoding"]["x"]["title"] == "at (UTC)"
    assert made["encoding"]["x"]["type"] == "temporal"


def test_a_decimal_is_a_number_and_a_strange_name_a_name() -> None:
    made = spec(x="price", y="a.b[c]")

    assert made["rows"] == [{"a.b[c]": "x", "price": 7.5}]
    assert made["encoding"]["y"]["field"] == "a\\.b\\[c\\]"


def test_too_many_points_are_refused_before_they_are_stored() -> None:
    with pytest.raises(Invalid, match=r"6,000 points are too many for one chart; the limit is 5,000\."):
        spec("line", x="n", y="v", table=pa.table({"n": range(6000), "v": range(6000)}))


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(UnknownName) as unknown:
        spec(x="view", y="country")

    assert unknown.value.problem.suggestions[0].by == "views"


@pytest.mark.parametrize("given", [{"kind": "pie"}, {"x": "country", "y": "day"}, {"top": 0}])
def test_a_chart_that_cannot_be_drawn_says_why(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        spec(**given)


def test_a_bar_chart_is_readable_as_text() -> None:
    drawn = chart.draw(VIEWS, "bar", x="views", y="country", color=None, top=3, name="pages").to_dict()

    assert (
        altair.render(drawn)[0]["text/plain"]
        == """\
Chart (bar): views by country, top 3 of 4, from pages
US     ████████████████████████████████████████ 40
India  ██████████████████████████████ 30
DE     █████ 5"""
    )


def test_what_a_chart_says_about_its_embedding_is_dropped() -> None:
    bundle, _ = altair.render({"mark": "point", "usermeta": {"embedOptions": {"loader": "x"}}})

    assert bundle == {altair.MIME: {"mark": "point"}, "text/plain": "Chart (point)"}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"mark": "bar"},
        {"mark": "bar", "encoding": {"x": {}, "y": {}}, "datasets": {"d": [1]}},
        {"layer": []},
        {
            "mark": {"type": "bar"},
            "encoding": {"x": {"field": "a"}, "y": {"field": "b"}},
            "datasets": {"d": [{"a": "x", "b": "y"}]},
        },
    ],
)
def test_any_chart_has_a_text(spec: dict[str, Any]) -> None:
    assert altair.described(spec).startswith("Chart")
