from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from swap.client.params import encode
from swap.errors import Invalid
from swap.query.language.params import decode

LOCAL = datetime(2026, 11, 22, 13, 5)  # noqa: DTZ001


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "text",
        7,
        -(2**63),
        0.1,
        Decimal("0.10"),
        Decimal("1E+3"),
        date(2026, 11, 22),
        LOCAL,
        datetime(2026, 11, 22, 13, 5, 0, 7, tzinfo=UTC),
        ["a", 1, None],
        [],
        time(13, 5),
        b"\x00\xff",
    ],
)
def test_the_gateway_reads_what_was_given(value: Any) -> None:
    again = decode("x", encode({"x": value})["x"])

    assert again == value
    assert type(again) is type(value)


def test_floats_without_a_number_have_a_form_of_their_own() -> None:
    assert encode({"x": float("-inf")}) == {"x": {"type": "float", "value": "-inf"}}
    assert np.isnan(decode("x", encode({"x": float("nan")})["x"]))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pl.Series([1, 2]), [1, 2]),
        ((1, 2), [1, 2]),
        (np.datetime64("2026-11-22T13:05"), {"type": "timestamp", "value": "2026-11-22T13:05:00"}),
        (pd.Timestamp("2026-11-22 13:05"), {"type": "timestamp", "value": "2026-11-22T13:05:00"}),
    ],
)
def test_values_of_numpy_pandas_and_polars_are_taken(value: Any, plain: Any) -> None:
    assert encode({"x": value}) == {"x": plain}


@pytest.mark.parametrize(
    "value",
    [
        time(1, 2, tzinfo=UTC),
        {"a": 1},
        {1, 2},
        object(),
        Decimal("NaN"),
        pd.DataFrame({"a": [1]}),
        [object()],
        1j,
    ],
)
def test_what_no_statement_takes_is_refused_by_name(value: Any) -> None:
    with pytest.raises(Invalid, match="The parameter day is a"):
        encode({"day": value})


@pytest.mark.parametrize(
    "value",
    [
        pd.NaT,
        pd.NA,
        np.datetime64("NaT"),
        np.array(["2026-11-22", "NaT"], "datetime64[ns]"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(pd.to_datetime(["2026-11-22", None])),
        ["a", pd.NA],
    ],
)
def test_a_value_that_is_missing_is_neither_null_nor_a_word_of_pandas(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        encode({"day": value})

    assert caught.value.problem.title == "The parameter day has no value: it is missing, or one in its list is."
    assert "day.dropna()" in caught.value.problem.todo


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2026-11-22 13:05:00.000000001"),
        np.datetime64("2026-11-22T13:05:00.000000001"),
        np.array(["2026-11-22", "2026-11-22T13:05:00.000000001"], "datetime64[ns]"),
        pd.Series([pd.Timestamp("2026-11-22 13:05:00.000000001")]),
    ],
)
def test_nanoseconds_are_never_cut(value: Any) -> None:
    with pytest.raises(Invalid, match="The parameter day has nanoseconds"):
        encode({"day": value})


def test_moments_that_end_with_the_microsecond_are_exact() -> None:
    moments = np.array(["2026-11-22", "2026-11-22T13:05:00.000001"], "datetime64[ns]")

    assert encode({"day": moments}) == {
        "day": [
            {"type": "timestamp", "value": "2026-11-22T00:00:00"},
            {"type": "timestamp", "value": "2026-11-22T13:05:00.000001"},
        ]
    }


def test_a_moment_that_python_cannot_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="out of the years 1 to 9999"):
        encode({"day": np.datetime64("10000-01-01")})


@pytest.mark.parametrize("name", ["a b", "1a", "", "ä", "a;b"])
def test_a_parameter_has_a_plain_name(name: str) -> None:
    with pytest.raises(Invalid, match="cannot be the name of a parameter"):
        encode({name: 1})
