"""What the hub tells of a start, written and read again."""

from __future__ import annotations

import json

import pytest

from swap.launch import start
from swap.launch.start import Begun, Failure, Step


@pytest.mark.parametrize(
    "begun",
    [Begun(Step.HOME, 0.0), Begun(Step.ANSWER, 1.25, 4711), Begun(Step.TURN, 3.5, ahead=29)],
    ids=str,
)
def test_a_step_is_read_as_it_was_told(begun: Begun) -> None:
    assert start.begun(json.loads(json.dumps(start.step_event(begun)))) == begun


def test_a_failure_is_read_as_it_was_told() -> None:
    failure = Failure("The disk is full. Make room.", "line 1\nline 2")
    event = {"failed": True, "html_message": start.failure_data(failure)}
    assert start.failure(json.loads(json.dumps(event))) == failure


def test_progress_grows_and_is_never_full_before_the_server_is_ready() -> None:
    assert [Begun(step, 0.0).progress for step in Step] == [0, 20, 40, 60, 80]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"progress": 0, "message": "Server requested"},
        {"step": "home"},
        {"step": {"step": "home"}},
        {"step": {"step": "a step of a later hub", "seconds": 0, "pid": None}},
        {"step": {"step": "home", "seconds": "soon", "pid": None}},
    ],
    ids=str,
)
def test_what_is_no_step_known_here_is_none(event: dict) -> None:
    assert start.begun(event) is None


@pytest.mark.parametrize("event", [{}, {"html_message": "<b>words</b>"}, {"html_message": {"why": "x"}}], ids=str)
def test_a_failure_in_jupyterhubs_own_words_is_none(event: dict) -> None:
    assert start.failure(event) is None
