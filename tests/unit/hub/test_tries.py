"""Who can hold up whom at the door."""

from __future__ import annotations

import pytest

from swap import settings
from swap.hub.tries import Tries, Try

ALLOWED = settings.Tries()
TRIES, TRIES_OF_A_CLIENT = ALLOWED.per_name, ALLOWED.per_address

HERE = "127.0.0.1"


def stranger(name, client=HERE):
    return Try(name, client)


def test_wrong_tries_for_one_name_hold_up_strangers_under_that_name_only():
    tries = Tries(ALLOWED)
    for _ in range(TRIES):
        assert tries.admit(stranger("ann"), 0) == 0

    assert tries.admit(stranger("ann", "192.0.2.1"), 0) > 0, "wherever they come from"
    assert tries.admit(stranger("bertrand"), 0) == 0


def test_no_stranger_holds_up_a_browser_in_which_the_person_signed_in_before():
    """Everybody comes from one address through tunnels, and the person's name is known to all."""
    tries = Tries(ALLOWED)
    for number in range(1000):
        tries.admit(stranger("ann"), 1000)
        tries.admit(stranger(f"nobody-{number}"), 1000)
    assert tries.admit(stranger("ann"), 1000) > 0
    assert tries.admit(stranger("cleo"), 1000) > 0, "the address is paused, too"

    assert tries.admit(Try("ann", HERE, "browser"), 1000) == 0


def test_a_known_browser_guesses_no_faster_than_a_stranger():
    tries = Tries(ALLOWED)
    thief = Try("ann", HERE, "browser")

    assert sum(tries.admit(thief, 0) == 0 for _ in range(100)) == TRIES
    assert tries.admit(Try("ann", HERE, "another"), 0) == 0, "and holds up no other browser"
    assert tries.admit(stranger("ann"), 0) == 0


def test_an_address_that_was_paused_is_let_through_again_as_its_tries_are_forgotten():
    tries = Tries(ALLOWED)
    for number in range(TRIES_OF_A_CLIENT):
        assert tries.admit(stranger(f"nobody-{number}"), number) == 0

    assert tries.admit(stranger("bertrand"), TRIES_OF_A_CLIENT) > 0
    assert tries.admit(stranger("bertrand", "192.0.2.1"), TRIES_OF_A_CLIENT) == 0
    assert tries.admit(stranger("bertrand"), ALLOWED.minutes * 60) == 0
    assert tries.admit(stranger("cleo"), ALLOWED.minutes * 60) > 0


def test_tries_under_a_paused_name_use_up_nothing_of_the_address():
    tries = Tries(ALLOWED)
    for _ in range(1000):
        tries.admit(stranger("ann"), 0)

    assert tries.admit(stranger("bertrand"), 0) == 0


def test_tries_from_a_paused_address_use_up_nothing_of_the_name():
    tries = Tries(ALLOWED)
    for number in range(TRIES_OF_A_CLIENT):
        tries.admit(stranger(f"nobody-{number}"), 0)
    for _ in range(TRIES):
        assert tries.admit(stranger("ann"), 0) > 0

    assert tries.admit(stranger("ann", "192.0.2.1"), 0) == 0


def test_what_a_person_got_wrong_before_is_forgotten_when_they_get_it_right():
    tries = Tries(ALLOWED)
    for one in (stranger("ann"), Try("ann", HERE, "browser")):
        for _ in range(TRIES):
            assert tries.admit(one, 0) == 0
        tries.was_right(one)

        assert tries.admit(one, 0) == 0


def test_a_right_try_does_not_excuse_the_wrong_ones_from_the_same_address():
    tries = Tries(ALLOWED)
    own = stranger("own")
    for number in range(TRIES_OF_A_CLIENT):
        assert tries.admit(own, 0) == 0
        tries.was_right(own)
        assert tries.admit(stranger(f"nobody-{number}"), 0) == 0

    assert tries.admit(own, 0) > 0


def test_a_try_that_nobody_looked_at_does_not_count():
    tries = Tries(ALLOWED)
    for one in (stranger("ann"), Try("ann", HERE, "browser")):
        for _ in range(100):
            assert tries.admit(one, 0) == 0
            tries.was_neither(one)


def test_the_try_before_a_pause_can_be_told():
    tries = Tries(ALLOWED)
    for one in (stranger("ann"), Try("ann", HERE, "browser")):
        for _ in range(TRIES):
            assert not tries.is_last(one, 0)
            tries.admit(one, 0)
        assert tries.is_last(one, 0)


@pytest.mark.parametrize("names", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_names_and_addresses_without_end_do_not_fill_the_memory(names):
    tries = Tries(ALLOWED, capacity=100)
    for number in range(names):
        tries.admit(Try(f"name-{number}", f"address-{number}"), 0)
        tries.admit(Try("ann", HERE, f"browser-{number}"), 0)

    assert len(tries) <= 100
