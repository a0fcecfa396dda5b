"""Predicates as Arrow expressions: where Arrow and DuckDB would differ, DuckDB is right."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import Comparison, Predicate
from swap.connectors.filters import expression


def kept(type_: pa.DataType, values: list[Any], comparison: Comparison, value: Any) -> list[int]:
    """Return which of the values pass."""
    table = pa.table({"id": pa.array(range(len(values)), pa.int32()), "x": pa.array(values, type_)})
    return list(table.filter(expression([Predicate("x", comparison, value)], {"x": type_}))["id"].to_pylist())


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_both_zeros_are_in_a_list_that_holds_one(type_: pa.DataType, zero: float) -> None:
    assert kept(type_, [0.0, -0.0, 1.5, 2.5, None], Comparison.IN, (zero, 1.5)) == [0, 1, 2]


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()])
@pytest.mark.parametrize(
    ("comparison", "passes"),
    [
        (Comparison.EQ, [0]),
        (Comparison.NE, [1, 2]),
        (Comparison.LT, []),
        (Comparison.LE, [0]),
        (Comparison.GT, [1, 2]),
        (Comparison.GE, [0, 1, 2]),
    ],
)
def test_nan_is_above_every_number(type_: pa.DataType, comparison: Comparison, passes: list[int]) -> None:
    assert kept(type_, [1.5, 2.5, math.nan, None], comparison, 1.5) == passes


@pytest.mark.parametrize(
    ("type_", "value"), [(pa.int16(), 1), (pa.float64(), 1.5), (pa.string(), "a"), (pa.string(), None)]
)
def test_nothing_is_in_an_empty_list(type_: pa.DataType, value: Any) -> None:
    assert kept(type_, [value], Comparison.IN, ()) == []
