from __future__ import annotations

import itertools
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.client import altair, chart
from swap.client.axes import suggested
from swap.errors import Invalid, SwapError, UnknownName
from swap.query.results.format import head

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


def heads(table: pa.Table) -> list[dict[str, Any]]:
    return [asdict(head(field)) for field in table.schema]


def spec(
    kind: str | None = "bar",
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    top: int | None = None,
    table: pa.Table = VIEWS,
) -> dict[str, Any]:
    drawn = chart.draw(table, heads(table), kind, x=x, y=y, color=color, top=top, name="pages")
    made: dict[str, Any] = drawn.to_dict()
    sets = made.pop("datasets")
    made["rows"] = sets[made["data"]["name"]]
    if "layer" in made:
        made["ends"] = made["layer"][1]["data"]["values"]
    return made


def test_rows_that_agree_are_added_up_and_the_axis_says_so() -> None:
    made = spec(x="views", y="country")

    assert made["rows"] == [
        {"country": "US", "views": 40},
        {"country": "India", "views": 30},
        {"country": "DE", "views": 5},
        {"country": None, "views": 1},
    ]
    assert made["encoding"]["x"]["title"] == "sum of views"
    assert made["encoding"]["y"]["sort"] is None


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
        ({}, ("views", "country")),
        ({"x": "views"}, ("views", "country")),
        ({"y": "views"}, ("country", "views")),
        ({"x": "country"}, ("country", "views")),
        ({"y": "country"}, ("views", "country")),
        ({"kind": "line"}, ("country", "views")),
        ({"kind": "line", "x": "hour"}, ("hour", "views")),
        ({"kind": "point", "x": "views"}, ("views", "price")),
        ({"x": "views", "y": "hour"}, ("views", "hour")),
        ({"kind": "area", "color": "country"}, ("day", "views")),
    ],
)
def test_columns_that_are_not_named_are_chosen(given: dict[str, Any], axes: tuple[str, str]) -> None:
    made = spec(**given)

    assert (made["encoding"]["x"]["field"], made["encoding"]["y"]["field"]) == axes
    assert made["encoding"]["x" if axes[0] in {"views", "price"} else "y"]["type"] == "quantitative"


def test_moments_and_days_are_drawn_with_the_digits_they_have() -> None:
    made = spec("point", x="at", y="views", color="day")

    assert made["rows"][0] == {"at": "2026-11-22T13:00:00", "day": "2026-11-22", "views": 10}
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


@pytest.mark.parametrize(
    "given", [{"kind": "pie"}, {"x": "country", "y": "day"}, {"top": 0}, {"top": 501}, {"top": "3"}, {"x": 1}]
)
def test_a_chart_that_cannot_be_drawn_says_why(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        spec(**given)


def test_a_bar_chart_is_readable_as_text() -> None:
    drawn = chart.draw(VIEWS, heads(VIEWS), "bar", x="views", y="country", color=None, top=3, name="pages").to_dict()

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


def test_years_hours_and_ids_are_not_measured_unless_they_are_named() -> None:
    table = pa.table({"year": [2025, 2026], "page_id": [7, 8], "hour": [1, 2], "edits": [5, 9]})

    assert suggested(heads(table)) == {"kind": "bar", "x": "year", "y": "edits"}
    assert suggested(heads(table.drop_columns("edits"))) is None
    with pytest.raises(Invalid, match="No column of this result is a quantity"):
        spec(None, table=table.drop_columns("edits"))
    assert spec("bar", x="page_id", y="year", table=table)["encoding"]["y"]["field"] == "year"


def test_what_runs_along_moments_is_a_line_and_quantities_alone_are_points() -> None:
    days = pa.table({"n": [1, 2], "day": [date(2026, 11, 1), date(2026, 11, 2)]})

    assert suggested(heads(days)) == {"kind": "line", "x": "day", "y": "n"}
    assert spec(None, table=days)["mark"]["type"] == "line"
    assert spec(None, table=pa.table({"a": [1, 2], "b": [3, 4]}))["mark"]["type"] == "point"


def test_a_year_on_an_axis_has_no_separators_and_no_way_down_to_zero() -> None:
    made = spec("line", x="year", y="edits", table=pa.table({"year": [2025, 2026], "edits": [5000, 9000]}))

    assert made["encoding"]["x"]["axis"] == {"format": "d", "tickMinStep": 1}
    assert made["encoding"]["x"]["scale"] == {"zero": False}
    assert [tip.get("format") for tip in made["encoding"]["tooltip"]] == [None, ","]


def test_of_four_thousand_bars_the_fifty_largest_are_drawn_and_the_chart_says_so() -> None:
    many = pa.table({"page": [f"p{n}" for n in range(4044)], "views": range(4044)})

    made = spec(None, table=many)

    assert [row["page"] for row in made["rows"][:2]] == ["p4043", "p4042"]
    assert len(made["rows"]) == 50
    assert made["title"]["subtitle"] == "top 50 of 4,044, from pages"
    assert len(spec(None, top=300, table=many)["rows"]) == 300


@pytest.mark.parametrize("kind", ["line", "area", "point"])
def test_no_kind_of_chart_grows_with_thousands_of_names_down_its_side(kind: str) -> None:
    many = pa.table({"page": [f"p{n}" for n in range(4044)], "views": range(4044)})

    assert len({row["page"] for row in spec(kind, x="views", y="page", table=many)["rows"]}) == 50


def carriers(count: int) -> pa.Table:
    rows = [(date(2026, 11, day), f"c{n:02}", n * 10 + day) for day in (1, 2) for n in range(count)]
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(("day", "carrier", "flights"))})


def test_of_more_than_ten_series_the_ten_largest_are_drawn_and_the_chart_says_so() -> None:
    made = spec("bar", x="day", y="flights", color="carrier", table=carriers(16))

    assert {row["carrier"] for row in made["rows"]} == {f"c{n:02}" for n in range(6, 16)}
    assert made["title"]["subtitle"] == "the 10 largest carrier of 16, from pages"


def test_lines_are_solid_dashed_and_dotted_and_named_at_their_ends() -> None:
    made = spec("line", x="day", y="flights", color="carrier", table=carriers(3))

    assert made["layer"][0]["encoding"]["strokeDash"]["scale"] == {
        "domain": ["c02", "c01", "c00"],
        "range": [[1, 0], [6, 3], [2, 3]],
    }
    assert made["encoding"]["color"]["legend"] is None
    assert made["ends"] == [
        {"day": "2026-11-02T00:00:00", "flights": place, "carrier": name}
        for name, place in (("c02", 22), ("c01", 12), ("c00", 2))
    ]


def test_names_at_the_ends_of_lines_do_not_lie_on_one_another() -> None:
    near = pa.table({"hour": [1, 2] * 3, "who": ["a", "a", "b", "b", "c", "c"], "n": [1000, 1, 0, 2, 5, 3]})

    ends = sorted(row["n"] for row in spec("line", x="hour", y="n", color="who", table=near)["ends"])

    assert ends[0] >= 0
    assert all(after - before >= 1000 * 15 / 300 for before, after in itertools.pairwise(ends))


def test_points_of_series_differ_in_colour_and_shape() -> None:
    made = spec("point", x="views", y="price", color="country")

    assert made["encoding"]["color"]["sort"] == made["encoding"]["shape"]["sort"] == ["India", "US", "DE", "null"]


@pytest.mark.parametrize(
    ("moments", "ends"),
    [
        ([date(2026, 1, 1), date(2026, 2, 1)], ["2026-01-28T21:36:00", "2026-02-26T04:48:00"]),
        ([date(2025, 1, 1), date(2026, 1, 1)], ["2025-11-25T12:00:00", "2026-11-25T12:00:00"]),
        ([date(2026, 11, 2), date(2026, 11, 9)], ["2026-11-08T07:12:00", "2026-11-15T07:12:00"]),
        ([datetime(2026, 11, 2, 13), datetime(2026, 11, 2, 14)], ["2026-11-02T13:54:00", "2026-11-02T14:54:00"]),  # noqa: DTZ001
        ([date(2026, 11, 2), None], ["2026-11-02T21:36:00", None]),
    ],
)
def test_bars_of_months_are_as_wide_as_months(moments: list[Any], ends: list[str | None]) -> None:
    made = spec("bar", x="t", y="n", table=pa.table({"t": moments, "n": range(1, 3)}))

    assert made["encoding"]["x2"]["field"] == "t until"
    assert [row["t until"] for row in made["rows"]] == ends
    assert [(row["n from"], row["n to"]) for row in made["rows"]] == [(0, 1), (0, 2)]


def test_bars_of_series_along_moments_stand_on_one_another_and_hang_below() -> None:
    table = pa.table({"t": [date(2026, 11, 2)] * 4, "who": ["a", "b", "c", "d"], "n": [1, -2, 3, -4]})

    rows = {row["who"]: row for row in spec("bar", x="t", y="n", color="who", table=table)["rows"]}

    assert {who: (row["n from"], row["n to"]) for who, row in rows.items()} == {
        "a": (3, 4),
        "b": (0, -2),
        "c": (0, 3),
        "d": (-2, -6),
    }


@pytest.mark.parametrize(
    ("names", "angle"), [([f"{n:02}" for n in range(24)], 0), ([f"a rather long name {n}" for n in range(20)], -40)]
)
def test_short_labels_lie_level_and_long_ones_lean(names: list[str], angle: int) -> None:
    made = spec("bar", x="name", y="n", table=pa.table({"name": names, "n": range(len(names))}))

    assert made["encoding"]["x"]["axis"]["labelAngle"] == angle


def test_text_that_is_a_date_keeps_its_order() -> None:
    made = spec(None, table=pa.table({"month": ["2026-02", "2026-03", "2026-01"], "n": [1, 3, 2]}))

    assert [row["month"] for row in made["rows"]] == ["2026-01", "2026-02", "2026-03"]


def test_a_sum_that_no_integer_holds_is_still_right() -> None:
    made = spec(None, table=pa.table({"a": ["x", "x"], "n": pa.array([2**63 - 1] * 2, pa.int64())}))

    assert made["rows"][0]["n"] == pytest.approx(2.0**64)


def test_moments_that_no_calendar_holds_are_counted_and_not_drawn() -> None:
    far = pa.table({"t": pa.array([2**31 - 1, 20000], pa.int32()).cast(pa.date32()), "n": [1, 2]})

    made = spec("line", x="t", y="n", table=far)

    assert made["rows"][0]["t"] is None
    assert made["title"]["subtitle"] == "1 row without a moment between the years 1 and 9999, from pages"


EVERY = pa.Table.from_arrays(
    [
        pa.array(["a", "b", None]),
        pa.array(["a", "b", "b"]).dictionary_encode(),
        pa.array(["a", "b", None], pa.string_view()),
        pa.array([1, 2, None], pa.int64()),
        pa.array([2**63, 2**64 - 1, None], pa.uint64()),
        pa.array([float("nan"), float("inf"), None]),
        pa.array([Decimal(1), Decimal(10) ** 37, None], pa.decimal128(38, 0)),
        pa.array([True, None, False]),
        pa.array([1, 2, 3], pa.int16()),
        pa.array([-(2**31), 2**31 - 1, None], pa.int32()).cast(pa.date32()),
        pa.array([-(2**63), 2**63 - 1, None], pa.int64()).cast(pa.timestamp("s", "UTC")),
        pa.array([1, 2**62, None], pa.int64()).cast(pa.timestamp("ns")),
        pa.array([time(1), time(2), None]),
        pa.array([timedelta(1), None, None]),
        pa.array([(1, 2, 3), None, None], pa.month_day_nano_interval()),
        pa.array([b"x", None, b""]),
        pa.array([[1], [], None]),
        pa.array([{"a": 1}, None, None]),
        pa.array([[("k", 1)], None, None], pa.map_(pa.string(), pa.int64())),
        pa.nulls(3),
        pa.array(["x", "y", "z"]),
        pa.array([1, 2, 3]),
    ],
    names=[*map("column {}".format, range(20)), "twice", "twice"],
)


# Without rows every kind is drawn alike.
@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        *((kind, 3) for kind in (None, "bar", "line", "area", "point")),
        (None, 0),
        *(pytest.param(kind, 0, marks=pytest.mark.long) for kind in ("bar", "line", "area", "point")),
    ],
)
def test_no_column_of_any_type_ends_in_a_foreign_exception(kind: str | None, rows: int) -> None:
    names: list[str | None] = [None, *EVERY.column_names]
    asked = [(x, y, None) for x in names for y in (None, "column 3", "column 0", "column 9")]
    asked += [
        (x, y, color) for x, y in (("column 0", "column 3"), ("column 3", "column 5"), (None, None)) for color in names
    ]
    drawn = 0
    for x, y, color in asked:
        try:
            spec(kind, x=x, y=y, color=color, table=EVERY.slice(0, rows))
        except SwapError:
            continue
        drawn += 1
    assert drawn > 50
