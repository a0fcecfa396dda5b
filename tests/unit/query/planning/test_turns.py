"""Who plans a statement when: two of one person, four in all, and nobody waits behind another's many."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from swap.query.planning.turns import Planning

SOON = 5.0
"""Seconds within which what can happen does."""


class Planner:
    """Somebody's statement: it waits for its place in a thread, and keeps it until it is let go."""

    def __init__(self, planning: Planning, person_id: str) -> None:
        self.has_place = threading.Event()
        self.may_go = threading.Event()
        self._planning, self._person_id = planning, person_id
        self._thread = threading.Thread(target=self._plan, daemon=True)
        self._thread.start()

    def _plan(self) -> None:
        with self._planning.place(self._person_id):
            self.has_place.set()
            self.may_go.wait(SOON)

    def end(self) -> None:
        self.may_go.set()
        self._thread.join(SOON)
        assert not self._thread.is_alive()


@contextmanager
def planners(planning: Planning, *people: str) -> Iterator[list[Planner]]:
    made: list[Planner] = []
    try:
        for person_id in people:
            made.append(Planner(planning, person_id))
            made[-1].has_place.wait(0.1)  # so that they come in this order
        yield made
    finally:
        # All may go before any is waited for: the last to have come has its place only after the others.
        for each in made:
            each.may_go.set()
        for each in made:
            each.end()


def test_a_persons_third_waits_and_keeps_no_place_from_another() -> None:
    with planners(Planning(), "ann", "ann", "ann", "ann", "bob", "bob") as (first, _, third, fourth, *bobs):
        assert all(each.has_place.wait(SOON) for each in bobs)
        assert not third.has_place.is_set()

        first.end()

        assert third.has_place.wait(SOON)
        assert not fourth.has_place.is_set()


def test_no_more_than_four_plan_at_a_time() -> None:
    with planners(Planning(), "ann", "ann", "bob", "bob", "chidi") as made:
        assert all(each.has_place.wait(SOON) for each in made[:4])
        assert not made[-1].has_place.is_set()

        made[0].end()

        assert made[-1].has_place.wait(SOON)


def test_whoever_plans_least_goes_before_those_who_came_earlier() -> None:
    with planners(Planning(), "ann", "ann", "bob", "bob", "ann", "bob", "chidi") as made:
        made[0].end()

        assert made[-1].has_place.wait(SOON)
        assert not made[4].has_place.is_set()


def test_a_place_is_free_again_after_an_error() -> None:
    planning = Planning(places=1)
    with pytest.raises(ValueError, match="broken"), planning.place("ann"):
        raise ValueError("broken")

    with planning.place("ann"):
        pass
