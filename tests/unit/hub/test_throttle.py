from __future__ import annotations

import pytest

from swap.hub.throttle import Throttle


def test_five_wrong_tries_are_admitted_and_the_sixth_waits_until_the_first_is_forgotten():
    throttle = Throttle(5, 300)

    assert [throttle.admit("ann", now) for now in range(5)] == [0.0] * 5
    assert throttle.admit("ann", 5) == pytest.approx(295)
    assert throttle.admit("ann", 299.5) == pytest.approx(0.5)
    assert throttle.admit("ann", 300) == 0
    assert throttle.admit("ann", 300) == pytest.approx(1)


def test_within_no_stretch_of_that_length_are_there_more():
    throttle = Throttle(5, 300)
    admitted = [now for now in range(3000) if throttle.admit("ann", now) == 0]

    assert max(sum(begin <= now < begin + 300 for now in admitted) for begin in range(3000)) == 5


def test_tries_that_have_to_wait_do_not_prolong_it():
    throttle = Throttle(5, 60)
    for _ in range(5):
        throttle.admit("ann", 0)

    for now in range(1, 60):
        assert throttle.admit("ann", now) > 0
    assert throttle.admit("ann", 60) == 0


def test_success_forgets_the_wrong_tries_before_it():
    throttle = Throttle(5, 60)
    for _ in range(4):
        throttle.admit("ann", 0)
    throttle.succeeded("ann")

    assert [throttle.admit("ann", 1) for _ in range(5)] == [0.0] * 5


def test_tries_at_the_same_moment_are_all_counted_before_any_is_answered():
    throttle = Throttle(5, 60)

    assert sum(throttle.admit("ann", 0.123) == 0 for _ in range(100)) == 5


def test_one_name_does_not_pause_another():
    throttle = Throttle(5, 60)
    for _ in range(6):
        throttle.admit("ann", 0)

    assert throttle.admit("bertrand", 0) == 0


@pytest.mark.parametrize("names", [100_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_names_without_end_neither_fill_the_memory_nor_free_one_that_is_paused(names):
    throttle = Throttle(5, 60, capacity=100)
    for _ in range(5):
        throttle.admit("ann", 0)
    for number in range(names):
        throttle.admit(f"name-{number}", 0)

    assert len(throttle) <= 100
    assert throttle.admit("ann", 0) > 0


def test_the_last_admitted_try_can_be_told():
    throttle = Throttle(2, 60)
    throttle.admit("ann", 0)
    assert not throttle.is_last("ann", 0)
    throttle.admit("ann", 0)
    assert throttle.is_last("ann", 0)
    assert not throttle.is_last("ann", 60)


def test_a_forgiven_try_does_not_count_and_excuses_no_other():
    throttle = Throttle(2, 60)
    for _ in range(10):
        throttle.admit("127.0.0.1", 0)
        throttle.forgive("127.0.0.1")
    throttle.admit("127.0.0.1", 0)
    throttle.admit("127.0.0.1", 0)

    assert throttle.admit("127.0.0.1", 0) > 0


def test_forgiving_one_try_leaves_the_wrong_ones_before_it():
    throttle = Throttle(3, 60)
    for _ in range(3):
        throttle.admit("127.0.0.1", 0)
    throttle.forgive("127.0.0.1")

    assert throttle.admit("127.0.0.1", 0) == 0
    assert throttle.admit("127.0.0.1", 0) > 0
