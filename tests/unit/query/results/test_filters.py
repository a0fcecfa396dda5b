from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.query.results import filters
from swap.query.results.filters import Filter


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array(["Main_Page", None]), "main_"),
        (pa.array(["a", None]).dictionary_encode(), "A"),
        (pa.array([1204118, None]), "1,204"),
        (pa.array([1.5, None]), "1.5"),
        (pa.array([Decimal("2.50"), None]), "2.5"),
        (pa.array([True, None]), "tru"),
        (pa.array([date(2026, 11, 22), None]), "2026-11"),
        (pa.array([datetime(2026, 11, 22, 13, tzinfo=UTC), None]), "2026-11-22 13"),
        (pa.array([time(13, 5), None]), "13:05"),
    ],
)
def test_values_are_found_as_they_are_read(column: pa.Array, text: str) -> None:
    assert filters.matches(pa.record_batch({"c": column}), Filter(text)).to_pylist() == [True, False]


@pytest.mark.parametrize("column", [pa.array([[1]]), pa.array([b"1"]), pa.array([{"a": 1}]), pa.nulls(1)])
def test_what_is_nested_or_binary_is_not_looked_into(column: Any) -> None:
    assert filters.matches(pa.record_batch({"c": column}), Filter("1")).to_pylist() == [False]
