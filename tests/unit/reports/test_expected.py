from __future__ import annotations

from typing import Any

import pytest

import notebooks
from swap.client import checks, expect
from swap.client.checks import Rules
from swap.reports import expected
from swap.reports.expected import Expectation, Stated


def in_cells(*bundles: Any) -> dict[str, Any]:
    return notebooks.notebook(*(notebooks.code(str(at), notebooks.shown(each)) for at, each in enumerate(bundles)))


def views(value: float | None, within: float = 0.3, periods: int = 6) -> Stated:
    return Stated(Expectation("views", True, "", str(value), value), within, periods)


def before(*values: float) -> list[list[Expectation]]:
    return [[Expectation("views", True, "", "", value)] for value in values]


def test_what_cells_show_is_read_back_in_their_order() -> None:
    first = checks.outcome("rows", 3, Rules(between=(1, 5)))
    second = checks.outcome("views", 7, Rules(within=0.3, periods=3))
    document = in_cells(expect.bundle([first]), {"text/plain": "x"}, expect.bundle([second]))
    assert expected.stated(document) == (
        Stated(Expectation("rows", True, "from 1 to 5", "3", 3.0), None, 6),
        Stated(Expectation("views", True, "", "7", 7.0), 0.3, 3),
    )


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {"expectations": "x"},
        {"expectations": [None, 1, {"name": 5}, {"name": " "}, {"holds": True}]},
    ],
)
def test_what_is_none_is_left_out(said: Any) -> None:
    assert expected.stated(in_cells({expect.EXPECTATIONS: said})) == ()
    assert expected.stated(said) == ()


def test_what_a_notebook_says_is_cut_and_only_true_holds() -> None:
    wild = {
        "name": "x" * 9_000,
        "holds": 1,
        "found": "\0\ud800",
        "expected": {},
        "value": True,
        "within": 1e999,
        "periods": 10**9,
    }
    (made,) = expected.stated(in_cells({expect.EXPECTATIONS: {"expectations": [wild]}}))
    assert made == Stated(
        Expectation("x" * checks.NAME_LENGTH, False, "", r"\x00\ud800", None), None, checks.MOST_PERIODS
    )


def test_one_too_many_fails() -> None:
    many = [{"name": str(each), "holds": True} for each in range(expected.MOST + 9)]
    found = expected.stated(in_cells({expect.EXPECTATIONS: {"expectations": many}}))
    assert len(found) == expected.MOST + 1
    assert [each.expectation.holds for each in found[-2:]] == [True, False]


def test_a_value_is_compared_with_the_median_of_earlier_periods_and_their_spread_is_told() -> None:
    (made,) = expected.judged([views(1_450)], before(900, 1_000, 1_100, 950, 1_050, 1_000, 9))
    assert made.holds is False
    assert made.expected == "within 30 % of the median of the last 6 periods, 1,000 (from 900 to 1,100)"
    assert made.found == "1450, 45 % more"
    assert expected.judged([views(1_300)], before(900, 1_000, 1_100))[0].holds is True
    assert expected.judged([views(699)], before(900, 1_000, 1_100))[0].holds is False


def test_with_too_few_earlier_periods_nothing_is_compared() -> None:
    (made,) = expected.judged([views(1)], before(900, 1_000))
    assert (made.holds, made.found) == (True, "1, 2 earlier, too few to compare")
    assert expected.judged([views(1, periods=1)], before(900))[0].holds is False, "one was wanted, and one is there"


def test_what_failed_already_stays_so_and_no_number_is_no_comparison() -> None:
    failed = Stated(Expectation("views", False, "1,200 or more", "1,000", 1_000.0), 0.3, 6)
    (made,) = expected.judged([failed], before(1_000, 1_000, 1_000))
    assert (made.holds, made.expected.partition(";")[0]) == (False, "1,200 or more")
    assert expected.judged([views(None)], before(1, 1, 1))[0].holds is False


def test_around_nothing_only_nothing_is_within() -> None:
    assert [expected.judged([views(value)], before(0, 0, 0))[0].holds for value in (0, 0.1)] == [True, False]


def test_what_is_kept_is_read_back() -> None:
    made = (Expectation("views", False, "5 or more", "3", 3.0), Expectation("rows", True, "", ""))
    assert expected.read(expected.kept(made)) == made
    assert expected.kept(()) is None
    assert expected.read(None) == ()
