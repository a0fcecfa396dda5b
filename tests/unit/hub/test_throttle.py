from __future__ import annotations

from swap.hub.throttle import Throttle


def test_five_wrong_tries_are_admitted_and_the_sixth_waits():
    throttle = Throttle(5, 300)

    assert [throttle.admit("ann", now) for now in range(5)] == [0.0] * 5
    assert throttle.admit("ann", 5) == 299


def test_tries_during_a_pause_do_not_prolong_it():
    throttle = Throttle(5, 300)
    for now in range(5):
        throttle.admit("ann", now)

    for now in range(5, 304):
        assert throttle.admit("ann", now) > 0
    assert throttle.admit("ann", 304) == 0


def test_after_a_pause_five_tries_are_admitted_again():
    throttle = Throttle(5, 300)
    for now in range(5):
        throttle.admit("ann", now)

    assert [throttle.admit("ann", 304 + now) for now in range(5)] == [0.0] * 5
    assert throttle.admit("ann", 309) > 0


def test_success_forgets_the_wrong_tries_before_it():
    throttle = Throttle(5, 300)
    for now in range(4):
        throttle.admit("ann", now)
    throttle.succeeded("ann")

    assert [throttle.admit("ann", now) for now in range(5)] == [0.0] * 5


def test_tries_at_the_same_moment_are_all_counted_before_any_is_answered():
    throttle = Throttle(5, 300)

    assert sum(throttle.admit("ann", 0) == 0 for _ in range(100)) == 5


def test_one_name_does_not_pause_another():
    throttle = Throttle(5, 300)
    for _ in range(6):
        throttle.admit("ann", 0)

    assert throttle.admit("bertrand", 0) == 0


def test_a_million_names_do_not_fill_the_memory():
    throttle = Throttle(5, 300, capacity=100)
    for number in range(10_000):
        throttle.admit(f"name-{number}", 0)

    assert len(throttle) == 100


def test_the_last_admitted_try_can_be_told():
    throttle = Throttle(2, 300)
    throttle.admit("ann", 0)
    assert not throttle.is_last("ann")
    throttle.admit("ann", 0)
    assert throttle.is_last("ann")


def test_a_forgiven_try_does_not_count_and_excuses_no_other():
    throttle = Throttle(2, 300)
    for _ in range(10):
        throttle.admit("127.0.0.1", 0)
        throttle.forgive("127.0.0.1")
    throttle.admit("127.0.0.1", 0)
    throttle.admit("127.0.0.1", 0)

    assert throttle.admit("127.0.0.1", 0) > 0


def test_forgiving_one_try_leaves_the_wrong_ones_before_it():
    throttle = Throttle(3, 300)
    for _ in range(3):
        throttle.admit("127.0.0.1", 0)
    throttle.forgive("127.0.0.1")

    assert throttle.admit("127.0.0.1", 0) == 0
    assert throttle.admit("127.0.0.1", 0) > 0


def test_the_name_that_was_tried_longest_ago_is_forgotten_first():
    throttle = Throttle(2, 300, capacity=2)
    for name in ("ann", "bertrand", "ann", "cleo", "cleo"):
        throttle.admit(name, 0)

    assert throttle.admit("ann", 0) > 0
    assert throttle.admit("cleo", 0) > 0
