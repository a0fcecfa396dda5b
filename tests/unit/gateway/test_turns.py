"""How many requests of one person are under way."""

from __future__ import annotations

import contextlib

import pytest

from swap.errors import LimitExceeded
from swap.gateway.turns import Turns


def test_a_person_has_so_many_and_no_more_and_nobody_else_has_fewer() -> None:
    turns = Turns(2, "uploads")

    with turns.of("ann"), turns.of("ann"):
        with pytest.raises(LimitExceeded, match="2 uploads of yours are under way"), turns.of("ann"):
            pass
        with turns.of("bob"):
            pass


def test_a_turn_is_free_again_when_it_ends_however_it_ends() -> None:
    turns = Turns(1, "uploads")

    with contextlib.suppress(ZeroDivisionError), turns.of("ann"):
        raise ZeroDivisionError

    with turns.of("ann"):
        pass
    assert not turns._held, "nothing is kept of a person without requests"
