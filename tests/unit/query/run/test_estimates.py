"""What is expected of a run: only what follows from what is known, and nothing when it takes longer."""

from __future__ import annotations

import pytest

from swap.query.run.estimates import fetched_by, rest
from swap.query.run.stages import Stage
from swap.query.run.state import Span, StageState

USUAL = {
    "run:lake": Span(0, 10),
    "fetch:lake": Span(10, 14),
    "run:wiki": Span(0, 2),
    "fetch:wiki": Span(2, 3),
    "combine": Span(14, 16),
}


def steps(**at: tuple[StageState, float | None, float | None]) -> list[Stage]:
    return [
        Stage("rights", "", "done", 0, 0.1),
        *(
            Stage(key.replace("_", ":"), "", *at.get(key, ("todo", None, None)))
            for key in ("run_lake", "fetch_lake", "run_wiki", "fetch_wiki", "combine")
        ),
    ]


def test_everything_that_is_to_come_lies_where_it_lay_last_time() -> None:
    expected = rest(steps(run_lake=("active", 1, None), run_wiki=("active", 1, None)), 2, 1, USUAL, {})

    assert expected.spans == {
        "run:lake": Span(1, 11),
        "fetch:lake": Span(11, 15),
        "run:wiki": Span(1, 3),
        "fetch:wiki": Span(3, 4),
        "combine": Span(15, 17),
    }
    assert expected.end == 17


def test_what_ends_early_or_late_moves_what_follows_it() -> None:
    early = rest(
        steps(
            run_lake=("done", 1, 5), fetch_lake=("active", 5, None), run_wiki=("done", 1, 3), fetch_wiki=("done", 3, 4)
        ),
        6,
        1,
        USUAL,
        {},
    )
    late = rest(
        steps(
            run_lake=("done", 1, 21),
            fetch_lake=("active", 21, None),
            run_wiki=("done", 1, 3),
            fetch_wiki=("done", 3, 4),
        ),
        22,
        1,
        USUAL,
        {},
    )

    assert (early.spans["fetch:lake"], early.spans["combine"], early.end) == (Span(5, 9), Span(9, 11), 11)
    assert (late.spans["fetch:lake"], late.spans["combine"], late.end) == (Span(21, 25), Span(25, 27), 27)


def test_what_is_over_its_time_promises_nothing() -> None:
    expected = rest(
        steps(run_lake=("active", 1, None), run_wiki=("done", 1, 3), fetch_wiki=("done", 3, 4)), 13, 1, USUAL, {}
    )

    assert "run:lake" not in expected.spans
    assert expected.spans["fetch:lake"] == Span(13, 17), "it still takes as long as it usually does, once it begins"
    assert expected.end is None


def test_nothing_known_is_nothing_expected() -> None:
    expected = rest(steps(run_lake=("active", 1, None)), 2, 1, {}, {})

    assert (expected.spans, expected.end) == ({}, None)


def test_a_rate_of_its_own_says_more_than_last_time_but_not_what_comes_after() -> None:
    fetching = steps(
        run_lake=("done", 0, 1), fetch_lake=("active", 1, None), run_wiki=("done", 0, 1), fetch_wiki=("done", 1, 2)
    )

    alone = rest(fetching, 3, 0, {}, {"fetch:lake": 9.0})
    both = rest(fetching, 3, 0, USUAL, {"fetch:lake": 9.0})

    assert (alone.spans, alone.end) == ({"fetch:lake": Span(1, 9)}, None)
    assert (both.spans["fetch:lake"], both.spans["combine"], both.end) == (Span(1, 9), Span(9, 11), 11)


def test_before_it_has_its_places_nobody_says_when_it_ends() -> None:
    expected = rest(steps(), 5, None, USUAL, {})

    assert expected.spans["run:lake"] == Span(5, 15)
    assert expected.end is None


def test_a_step_that_did_not_happen_last_time_is_not_waited_for() -> None:
    usual = {key: span for key, span in USUAL.items() if "wiki" not in key}

    assert rest(steps(run_lake=("active", 1, None)), 2, 1, usual, {}).end == 17


@pytest.mark.parametrize(
    ("now", "rows", "total", "end"),
    [(4, 100, 400, 13.0), (4, 0, 400, None), (4, 400, 400, None), (1.2, 100, 400, None)],
)
def test_a_rate_needs_rows_time_and_an_estimate_that_holds(
    now: float, rows: int, total: int, end: float | None
) -> None:
    assert fetched_by(1, now, rows, total) == end
