from __future__ import annotations

import copy
import pickle

import pytest

from swap.errors import CATEGORIES, Problem, Suggestion, SwapError, UnknownName, from_json, to_json


@pytest.mark.parametrize("kind", CATEGORIES.values(), ids=CATEGORIES.keys())
def test_an_error_survives_the_way_to_the_notebook(kind: type[SwapError]) -> None:
    problem = Problem(
        "What", "why", "todo", (Suggestion("Use a", "b", "a"),), 3, 4, "rule", "ask", "lake", {"setting": "limits.rows"}
    )

    again = from_json(to_json(kind(problem)))

    assert type(again) is kind
    assert again.problem == problem


def test_fields_and_categories_of_a_newer_gateway_do_no_harm() -> None:
    error = from_json(
        {"category": "brand-new", "title": "New", "colour": "red", "suggestions": [{"label": "x", "shade": 1}, "odd"]}
    )

    assert type(error) is SwapError
    assert error.problem == Problem("New", suggestions=(Suggestion("x"),))


@pytest.mark.parametrize("answer", [None, "Bad gateway", {"title": 3}, []])
def test_an_answer_of_somebody_else_is_an_error_too(answer: object) -> None:
    assert "502" in str(from_json(answer, 502))


def test_ipython_shows_the_message_and_no_traceback() -> None:
    assert UnknownName(Problem("a is no column.", todo="Use b."))._render_traceback_() == ["a is no column.", "Use b."]


def test_what_whoever_runs_swap_is_told_survives_copying_and_is_not_sent() -> None:
    error = UnknownName("a is no column.")
    error.details = "The database at 10.0.0.1"

    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), again.problem, again.details) == (UnknownName, error.problem, error.details)
    assert "10.0.0.1" not in str(to_json(error))
    assert pickle.loads(pickle.dumps(UnknownName("x"))).details == ""
