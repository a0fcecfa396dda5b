"""One account for a query: the smallest that is enough."""

from __future__ import annotations

import pytest

from swap.connectors.accounts import Account, smallest
from swap.connectors.base import OnBehalf
from swap.errors import Forbidden

PAGE, USER, SECRET = ("enwiki", "page"), ("enwiki", "user"), ("enwiki", "secret")
PUBLIC = Account("public", "everybody", frozenset({PAGE}))
WIDER = Account("wider", "analysts", frozenset({PAGE, USER}))
PRIVATE = Account("private", "data-privacy", frozenset({PAGE, SECRET}))
ALL = Account("all", "admins", frozenset({PAGE, USER, SECRET}))


def chosen(groups: set[str], *tables: tuple[str, str]) -> str:
    on_behalf = OnBehalf("paaaaaaaaa", "ann", frozenset(groups), frozenset(tables))
    return smallest((ALL, WIDER, PRIVATE, PUBLIC), on_behalf, "mediawiki").name


def test_the_smallest_account_that_is_enough_is_used() -> None:
    groups = {"everybody", "analysts", "data-privacy", "admins"}

    assert chosen(groups, PAGE) == "public"
    assert chosen(groups, PAGE, USER) == "wider"
    assert chosen(groups, SECRET) == "private"
    assert chosen(groups, USER, SECRET) == "all"


def test_two_accounts_never_add_up() -> None:
    with pytest.raises(Forbidden, match=r"reads all of mediawiki\.enwiki\.secret, mediawiki\.enwiki\.user\."):
        chosen({"analysts", "data-privacy"}, USER, SECRET)


def test_an_account_of_a_group_that_is_not_theirs_is_not_used() -> None:
    with pytest.raises(Forbidden):
        chosen({"everybody"}, USER)
    with pytest.raises(Forbidden):
        chosen(set(), PAGE)


def test_of_two_accounts_alike_it_is_always_the_same() -> None:
    twins = [Account(name, "everybody", frozenset({PAGE})) for name in ("b", "a")]
    on_behalf = OnBehalf("paaaaaaaaa", "ann", frozenset({"everybody"}), frozenset({PAGE}))

    assert {smallest(each, on_behalf, "s").name for each in (twins, twins[::-1])} == {"a"}
