"""Values as they are to be read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.query.results.format import head, sql_type, text, values


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", ""),
        (True, "true"),
        (12345, "12345"),
        (0.1, "0.1"),
        (1.0, "1.0"),
        (1e20, "1e+20"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("1.50"), "1.50"),
        (Decimal("0E-2"), "0.00"),
        (b"\x00\xff", "\\x00ff"),
        (b"a" * 65, "\\x" + "61" * 64 + "…"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02 03:04:05.000006+00:00"),
        ([1, None, "é"], '[1,null,"é"]'),
        ({"a": Decimal("1.5"), "b": [True]}, '{"a":"1.5","b":[true]}'),
        ([("k", 1)], '{"k":1}'),
        (timedelta(days=1), "1 day"),
        (timedelta(days=-1, hours=10), "-1 day 10:00:00"),
        (pa.MonthDayNano((0, 1, 50_400_000_000_000)), "1 day 14:00:00"),
        (pa.MonthDayNano((-13, 0, -500_000_000)), "-1 year -1 month -00:00:00.5"),
        (pa.MonthDayNano((0, 0, 0)), "00:00:00"),
        ([pa.MonthDayNano((3, 0, 0))], '["3 months"]'),
        ([float("nan")], '["NaN"]'),
    ],
)
def test_a_value_is_shown_as_it_is(value: Any, shown: str | None) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (pa.int8(), "tinyint"),
        (pa.int64(), "bigint"),
        (pa.float32(), "real"),
        (pa.decimal128(9, 2), "decimal(9,2)"),
        (pa.large_string(), "text"),
        (pa.binary(4), "binary"),
        (pa.date32(), "date"),
        (pa.time64("us"), "time"),
        (pa.timestamp("ns"), "timestamp"),
        (pa.timestamp("us", "UTC"), "timestamptz"),
        (pa.list_(pa.int8()), "array"),
        (pa.struct([("a", pa.int8())]), "struct"),
        (pa.map_(pa.string(), pa.int8()), "map"),
        (pa.dictionary(pa.int8(), pa.string()), "text"),
        (pa.bool_(), "boolean"),
        (pa.month_day_nano_interval(), "interval"),
    ],
)
def test_a_type_has_its_sql_name(type_: pa.DataType, name: str) -> None:
    assert sql_type(type_) == name


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *(
            (name, False)
            for name in ("page_id", "ID", "pageId", "year", "month", "day", "hour", "max(year)", "hour_of_day")
        ),
        *((name, False) for name in ("flight", "flight_number", "FlightNumber", "dep_time", "country_code", "hhmm")),
        *((name, False) for name in ("rev_user_id", "page_namespace", "year(day)", "extract(hour FROM t)", "zip")),
        *(
            (name, True)
            for name in ("views", "idea", "hours", "days", "air_time", "number", "count(page_id)", "sum(hour)")
        ),
        *(
            (name, True)
            for name in ("views_per_hour", "edits_last_month", "count_star()", "number_of_ids", "", "größe")
        ),
    ],
)
def test_thousands_are_separated_in_quantities_only(name: str, group: bool) -> None:
    assert head(pa.field(name, pa.int64())).group is group


def test_nanoseconds_are_no_obstacle() -> None:
    assert values(pa.chunked_array([pa.array([1], pa.timestamp("ns"))]))


@pytest.mark.parametrize(
    ("stored", "type_", "shown"),
    [
        (2**31 - 1, pa.date32(), "infinity"),
        (-(2**31) + 1, pa.date32(), "-infinity"),
        (2**63 - 1, pa.timestamp("us"), "infinity"),
        (-(2**63) + 1, pa.timestamp("us", "UTC"), "-infinity"),
        (3_652_059 - 719_163 + 1, pa.date32(), "10000-01-01"),
        (-719_163, pa.date32(), "0001-12-31 (BC)"),
        ((-719_163 * 86_400 + 5) * 1_000_000, pa.timestamp("us", "UTC"), "0001-12-31 (BC) 00:00:05+00:00"),
    ],
)
def test_a_moment_that_python_does_not_know_is_shown_as_duckdb_writes_it(
    stored: int, type_: pa.DataType, shown: str
) -> None:
    whole = pa.int32() if type_ == pa.date32() else pa.int64()

    assert [text(value) for value in values(pa.array([stored], whole).cast(type_))] == [shown]
