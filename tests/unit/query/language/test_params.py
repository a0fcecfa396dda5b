"""Values of parameters: of known forms, and not so many or so deep that writing them takes long."""

from __future__ import annotations

from typing import Any

import pytest

from swap.errors import Invalid, LimitExceeded
from swap.query.language.params import MAX_CHARACTERS, MAX_LISTS, MAX_VALUES, decode, decoded
from swap.query.model import Statement


def of(**params: Any) -> Statement:
    return decoded(Statement("SELECT 1", params))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_lists_lie_in_one_another_so_deep_and_no_deeper() -> None:
    assert of(a=nested(MAX_LISTS)).params == {"a": nested(MAX_LISTS)}

    with pytest.raises(Invalid, match="nested too deeply"):
        of(a=nested(MAX_LISTS + 1))


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        ("x" * MAX_CHARACTERS, "x" * (MAX_CHARACTERS + 1)),
        (["x" * (MAX_CHARACTERS // 2 - 20)] * 2, ["x" * (MAX_CHARACTERS // 2 + 1)] * 2),
        ([None] * (MAX_VALUES - 1), [None] * MAX_VALUES),
        ([[]] * (MAX_VALUES - 1), [[]] * MAX_VALUES),
    ],
)
def test_values_and_characters_are_counted_over_all(fits: Any, too_much: Any) -> None:
    assert of(a=fits)

    with pytest.raises(LimitExceeded, match="more than 10,000 values or 500,000 characters"):
        of(a=too_much)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "date", "value": "2026-01-01", "more": "x"},
        {"type": "date"},
        {"type": "date", "value": 20260101},
        {"type": "date", "value": "yesterday"},
        {"type": "eval", "value": "1"},
        {"type": "decimal", "value": "1,5"},
        {},
    ],
)
def test_a_form_that_is_not_known_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="The value of the parameter a cannot be read"):
        decode("a", value)


@pytest.mark.parametrize(
    "names", [{"params": {"x" * 201: 1}}, {"tables": {"x" * 201: "u1"}}, {"tables": {"t": "u" * 201}}]
)
def test_a_name_that_is_too_long_is_refused_and_not_repeated(names: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as raised:
        decoded(Statement("SELECT 1", **names))

    assert "more than 200 characters" in str(raised.value)
    assert "xxx" not in str(raised.value)


def test_so_many_tables_are_brought_along_and_no_more() -> None:
    assert decoded(Statement("SELECT 1", tables={f"t{number}": "u1" for number in range(64)}))

    with pytest.raises(LimitExceeded, match="more than 64 tables"):
        decoded(Statement("SELECT 1", tables={f"t{number}": "u1" for number in range(65)}))
