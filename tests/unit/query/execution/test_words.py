"""What went wrong in the combiner, in words: nothing is advised that a statement in SWAP cannot do."""

from __future__ import annotations

import pytest

from swap.errors import Invalid, LimitExceeded
from swap.query.execution.combiner import explain
from swap.settings import Limits

APPENDER = (
    "Invalid Input Error: Arrow Appender: The maximum total string size for regular string buffers is 2147483647 but"
    " the offset of 2147500000 exceeds this."
)


def test_what_duckdb_advises_is_left_out_where_swap_has_no_such_thing() -> None:
    message = (
        "Invalid Input Error: Division by zero in expression (n // 0). Use TRY(...) to return NULL for this expression,"
        " or SET error_on_division_by_zero=false to return NULL for all divisions by zero."
    )

    told = explain({"kind": "InvalidInputException", "message": message}, Limits())

    assert str(told) == (
        "Division by zero in expression (n // 0). A value met on the way stopped the query. Divide by nullif(…, 0): it is"
        " null where it would be zero, and so is the quotient."
    )


def test_a_value_that_looks_like_advice_is_still_told() -> None:
    message = "Conversion Error: Could not convert string 'SET x. USE y' to INT32"

    told = explain({"kind": "ConversionException", "message": message}, Limits())

    assert told.problem.title == "Could not convert string 'SET x. USE y' to INT32."
    assert told.problem.todo == "TRY_CAST gives null where CAST fails."


def test_rows_of_more_text_than_arrow_takes_at_once_are_a_limit() -> None:
    told = explain({"kind": "OSError", "message": APPENDER, "errno": None}, Limits())

    assert isinstance(told, LimitExceeded)
    assert "left(text, 1000)" in told.problem.todo


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Conversion Error: Could not convert string 'x' to INT32", Invalid),
        ("Out of Memory Error: failed to allocate", LimitExceeded),
        ("Out of Range Error: Overflow in multiplication", Invalid),
    ],
)
def test_an_error_that_comes_through_arrow_is_told_as_what_it_is(message: str, kind: type[Exception]) -> None:
    told = explain({"kind": "OSError", "message": message, "errno": None}, Limits())

    assert type(told) is kind
