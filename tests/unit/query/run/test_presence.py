"""Who waits for a query's answer, told by the lines they hold."""

from __future__ import annotations

from swap.query.run.presence import GONE_SECONDS, Presence


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_program_that_has_just_asked_is_there_before_it_holds_a_line() -> None:
    clock = Clock()
    presence = Presence(clock)
    assert presence.gone({"a": clock.now}) == set()

    clock.now += GONE_SECONDS

    assert presence.gone({"a": 1_000.0}) == {"a"}
    assert presence.gone({"a": 1_000.1}) == set()


def test_a_program_with_a_line_is_there_however_long_it_is_silent() -> None:
    clock = Clock()
    presence = Presence(clock)
    with presence.of("a"), presence.of("b"):
        with presence.of("a"):
            pass
        clock.now += 10 * GONE_SECONDS
        assert presence.gone({"a": 1_000.0, "b": 1_000.0, "c": 1_000.0}) == {"c"}


def test_a_line_that_is_opened_anew_in_time_was_never_gone() -> None:
    clock = Clock()
    presence = Presence(clock)
    with presence.of("a"):
        clock.now += 500
    clock.now += GONE_SECONDS - 1
    assert presence.gone({"a": 1_000.0}) == set()
    with presence.of("a"):
        clock.now += 500
    assert presence.gone({"a": 1_000.0}) == set()
    clock.now += GONE_SECONDS
    assert presence.gone({"a": 1_000.0}) == {"a"}


def test_nothing_is_kept_of_programs_that_wait_for_nothing() -> None:
    presence = Presence(Clock())
    for number in range(100):
        with presence.of(f"kernel {number}"):
            pass

    presence.gone({})

    assert presence._lost == presence._lines == {}
