from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import swap
from swap.client import checks, expect
from swap.client.checks import Outcome, Rules
from swap.errors import Invalid

ROWS = {"wiki": ["de", "en", "en"], "views": [10, 20, None], "day": [date(2026, 1, 1)] * 3}
TABLE = pa.table(ROWS)


def of(subject: Any, **rules: Any) -> Outcome:
    return checks.outcome("it", subject, Rules(**rules))


@pytest.mark.parametrize("true", [True, np.bool_(True), pa.scalar(True)])
def test_a_condition_holds_or_does_not(true: Any) -> None:
    assert of(true) == Outcome("it", True, "true", "true")
    assert of(False) == Outcome("it", False, "true", "false")


@pytest.mark.parametrize("five", [5, 5.0, np.int32(5), np.float64(5), Decimal(5), pa.scalar(5)])
def test_a_number_is_between_two_others_with_both_ends(five: Any) -> None:
    assert of(five, between=(5, 5)) == Outcome("it", True, "from 5 to 5", "5", 5.0)
    assert of(five, between=(None, 4)).holds is False
    assert of(five, between=(5.5, None)).expected == "5.5 or more"


@pytest.mark.parametrize(
    ("none", "found"),
    [(None, "nothing"), (pd.NA, "nothing"), (10**400, "inf"), (float("nan"), "nan"), (float("inf"), "inf")],
)
def test_what_is_no_number_fails_and_is_no_value_to_compare(none: Any, found: str) -> None:
    made = of(none, between=(0, None), within=0.3)
    assert (made.holds, made.found, made.value) == (False, found, None)
    assert json.dumps(expect.bundle([made])[expect.EXPECTATIONS], allow_nan=False)


@pytest.mark.parametrize(
    "table", [TABLE, pd.DataFrame(ROWS), pl.DataFrame(ROWS), pl.LazyFrame(ROWS), *TABLE.to_batches()]
)
def test_a_table_of_any_library_is_looked_through(table: Any) -> None:
    assert of(table) == Outcome("it", True, "1 or more rows", "3 rows")
    assert of(table, rows=3).holds is True
    assert of(table, rows=(4, None)) == Outcome("it", False, "4 or more rows", "3 rows")
    assert of(table, not_null=["wiki", "views"]).found == "nulls: 1 in views"
    assert of(table, unique="wiki").found == "1 row too many"
    assert of(table, unique=["wiki", "views"]).holds is True
    assert of(table, ranges={"views": (0, 15)}).found == "views from 10 to 20, 1 row outside"
    assert of(table, ranges={"views": (0, None)}, rows=3).holds is True


@pytest.mark.parametrize("library", [pd.Series, pl.Series, lambda values: pa.table({"it": values})])
def test_a_column_of_conditions_holds_in_each_row(library: Callable[[list[bool | None]], Any]) -> None:
    assert of(library([True, True])) == Outcome("it", True, "true in each row", "true in 2 rows")
    assert of(library([True, False, None])) == Outcome("it", False, "true in each row", "not true in 2 rows")
    assert of(library([True, False]), rows=2).holds is True


def test_dates_have_ranges_too() -> None:
    assert of(TABLE, ranges={"day": (date(2026, 1, 1), date(2026, 1, 31))}).holds is True
    assert of(TABLE, ranges={"day": (date(2026, 1, 2), None)}).expected == "day 2026-01-02 or more"


def test_what_is_compared_with_earlier_periods_brings_its_value() -> None:
    assert of(7, within=0.3) == Outcome("it", True, "", "7", 7.0, 0.3)
    assert of(TABLE, within=0.1, periods=3) == Outcome("it", True, "", "3 rows", 3.0, 0.1, 3)
    both = of(TABLE, unique="day", within=0.1)
    assert (both.holds, both.found, both.value) == (False, "2 rows too many; 3 rows", 3.0)


@pytest.mark.parametrize(
    ("subject", "rules", "said"),
    [
        (5, {}, "between or within"),
        (5, {"rows": 3}, "about a table"),
        (True, {"between": (0, 1)}, "true or false"),
        (TABLE, {"between": (0, 1)}, "about a number"),
        (TABLE, {"unique": "nothing"}, "no column nothing"),
        (TABLE, {"ranges": {"wiki": (0, 1)}}, "cannot be compared"),
        (TABLE, {"rows": (None, None)}, "the least and the most"),
        (5, {"between": 5}, "the least and the most"),
        (5, {"within": 0}, "30 %"),
        (5, {"within": 0.3, "periods": 0}, "from 1 to 24"),
        ("text", {}, "A str is no condition"),
    ],
)
def test_what_cannot_be_expected_is_refused_in_words(subject: Any, rules: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        of(subject, **rules)


def test_a_cell_shows_one_table_with_clear_signs_and_no_markup_of_a_name() -> None:
    bundle = expect.bundle([of(5, between=(6, None)), checks.outcome("<b>x", TABLE, Rules()), of(5, within=0.3)])
    assert bundle["text/plain"].startswith(
        "1 of 3 expectations failed\n✗ FAILED it: found 5; expected 6 or more\n✓ <b>x"
    )
    assert bundle["text/plain"].endswith("· it: found 5; expected within 30 % of the median of the last 6 periods")
    assert "<b>✗ FAILED it</b>: found 5" in bundle["text/html"]
    assert "<b>✓ &lt;b&gt;x</b>" in bundle["text/html"]
    said = bundle[expect.EXPECTATIONS]["expectations"]
    assert [each["holds"] for each in said] == [False, True, True]


def test_outside_a_notebook_a_line_is_printed_and_nothing_raised(capsys: pytest.CaptureFixture[str]) -> None:
    swap.expect("views", 5, between=(6, 7))
    assert capsys.readouterr().out == "✗ FAILED views: found 5; expected from 6 to 7\n"
