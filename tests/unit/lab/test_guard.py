"""Which hub tokens are over."""

from __future__ import annotations

from swap.lab.access import State
from swap.lab.guard import Logins


def test_a_token_from_before_a_sign_out_is_over() -> None:
    logins = Logins(State())
    logins.remember("old", "ann")
    logins.end()
    assert logins.is_over("old")
    assert logins.last_answer("old") is None


def test_a_token_from_after_it_is_not() -> None:
    logins = Logins(State())
    logins.end()
    logins.remember("new", "ann")
    assert not logins.is_over("new")
    assert logins.last_answer("new") == "ann"


def test_an_old_token_stays_over_after_several_sign_outs() -> None:
    logins = Logins(State())
    logins.remember("old", "ann")
    logins.end()
    logins.remember("newer", "ann")
    logins.end()
    assert logins.is_over("old")
    assert logins.is_over("newer")


def test_a_token_never_seen_is_the_hubs_to_judge() -> None:
    assert not Logins(State()).is_over("unknown")


def test_the_token_itself_is_not_kept() -> None:
    logins = Logins(State())
    logins.remember("t0ken", "ann")
    assert "t0ken" not in repr(vars(logins))
