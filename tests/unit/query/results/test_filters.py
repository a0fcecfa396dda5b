from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.query.results import filters
from swap.query.results import format as shown
from swap.query.results.filters import Filter

INFINITE_DAY, INFINITE_MOMENT = 2**31 - 1, 2**63 - 1
FLOATS = [
    1.0,
    -0.0,
    0.1,
    1204118.25,
    1e-4,
    1e-5,
    9.9e-5,
    1e15,
    9_999_999_999.5,
    1e10,
    123456789012345.6,
    1e16,
    1e20,
    5e-324,
    1.7e308,
]
FLOATS += [-each for each in FLOATS] + [float("inf"), float("-inf"), float("nan"), 2.0**53, 1 / 3, 100.0]
DAYS = [0, -1, 20_779, 2_932_896, 2_932_897, -719_162, -719_163, INFINITE_DAY, -INFINITE_DAY, 10_237_829]
MOMENTS = [0, -1, 1, 500_000, 1_795_000_000_000_000, 253_402_300_799_999_999, 253_402_300_800_000_000]
MOMENTS += [-62_135_596_800_000_000, -62_135_596_800_000_001, INFINITE_MOMENT, -INFINITE_MOMENT]
SECONDS = [0, -1, 1_795_000_000, 253_402_300_799, 253_402_300_800, -62_135_596_800, -62_135_596_801]
CLOCK = [0, 500_000, 47_100_000_000, 86_399_999_999]

COLUMNS = [
    pa.array(["Main_Page", "", None]),
    pa.array(["Main_Page", "", None], pa.large_string()),
    pa.array(["a", "b", "a", None]).dictionary_encode(),
    pa.array([0.5, 1.0, 0.5, None]).dictionary_encode(),
    pa.array([True, False, None]),
    *(pa.array([0, 100, None], kind) for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32())),
    *(pa.array([0, 1204118, None], kind) for kind in (pa.uint32(), pa.int64(), pa.uint64())),
    pa.array([*FLOATS, None], pa.float64()),
    pa.array([*FLOATS[:10], None], pa.float32()),
    pa.array([1.0, 0.1, None]).cast(pa.float16()),
    *(
        pa.array([Decimal(0), Decimal(1).scaleb(-scale), Decimal("-12.5") if scale else Decimal(-12), None], kind)
        for kind, scale in ((pa.decimal128(38, s), s) for s in (0, 2, 6, 7, 18))
    ),
    pa.array([Decimal("1.50"), None], pa.decimal256(50, 10)),
    pa.array([Decimal("1.2E+3"), None]).cast(pa.decimal128(10, -2)),
    pa.array([*DAYS, None], pa.date32()),
    pa.array([date(2026, 11, 22), None], pa.date64()),
    *(pa.array([*MOMENTS, None], pa.timestamp("us", zone)) for zone in (None, "UTC", "Europe/Berlin")),
    pa.array([*SECONDS, None], pa.timestamp("s")),
    pa.array([each * 1000 + 7 for each in SECONDS], pa.timestamp("ms", "UTC")),
    pa.array([0, -1, 1_795_000_000_000_000_123, None], pa.timestamp("ns")),
    pa.array([0, 47_100, None], pa.time32("s")),
    pa.array([0, 47_100_250, None], pa.time32("ms")),
    pa.array([*CLOCK, None], pa.time64("us")),
    pa.array([each * 1000 + 1 for each in CLOCK], pa.time64("ns")),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))
def test_a_text_is_looked_for_in_what_the_cell_shows(column: pa.Array) -> None:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    assert filters.texts(plain).to_pylist() == [shown.text(value) for value in shown.values(plain)]
    for place, value in enumerate(shown.values(plain)):
        text = shown.text(value)
        if text is not None:
            assert filters.matches(pa.record_batch({"c": column}), Filter(text)).to_pylist()[place], text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array(["Main_Page", None]), "main_"),
        (pa.array(["a", None]).dictionary_encode(), "A"),
        (pa.array([1204118, None]), "1,204"),
        (pa.array([1204118.5, None]), "204,118.5"),
        (pa.array([1.0, None]), "1.0"),
        (pa.array([1e-5, None]), "1E-05"),
        (pa.array([Decimal("2.50"), None]), "2.5"),
        (pa.array([True, None]), "tru"),
        (pa.array([date(2026, 11, 22), None]), "2026-11"),
        (pa.array([INFINITE_DAY, None], pa.date32()), "infinity"),
        (pa.array([datetime(2026, 11, 22, 13, tzinfo=UTC), None]), "2026-11-22 13:00:00+00"),
        (pa.array([time(13, 5), None]), "13:05"),
        (pa.array(["1,5", None]), "1,"),
    ],
)
def test_values_are_found_as_they_are_read(column: pa.Array, text: str) -> None:
    assert filters.matches(pa.record_batch({"c": column}), Filter(text)).to_pylist() == [True, False]


@pytest.mark.parametrize("text", [",", ",,", " , "])
@pytest.mark.parametrize("column", [pa.array([12]), pa.array([1.5]), pa.array([Decimal("1.5")])])
def test_a_comma_alone_is_in_no_number(column: pa.Array, text: str) -> None:
    assert filters.matches(pa.record_batch({"c": column}), Filter(text)).to_pylist() == [False]


@pytest.mark.parametrize("column", [pa.array([[1]]), pa.array([b"1"]), pa.array([{"a": 1}]), pa.nulls(1)])
def test_what_is_nested_or_binary_is_not_looked_into(column: Any) -> None:
    assert filters.matches(pa.record_batch({"c": column}), Filter("1")).to_pylist() == [False]
