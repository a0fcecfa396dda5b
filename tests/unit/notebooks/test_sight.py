"""Who may not see what comes from some columns, and what they are told of it."""

from __future__ import annotations

import pytest

from swap import content
from swap.identity import Principal, Via
from swap.notebooks import sight
from swap.notebooks.sight import UNNAMED, Hidden
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.reading import document
from swap.settings import Denial, Grant, Policy

POLICY = Policy(
    grants=(
        Grant(name="all", groups=("analysts",), on=("lake",)),
        Grant(name="known", groups=("guests",), actions=("discover",), on=("lake.wmf",)),
    ),
    denials=(
        Denial(name="city", on=("lake.*.*.city",), unless_groups=("privacy",), because="is small", ask="privacy"),
        Denial(
            name="secret",
            on=("lake.secret",),
            actions=("discover",),
            unless_groups=("privacy",),
            because="is secret",
            ask="the keepers",
        ),
        Denial(
            name="unknown",
            on=("lake.wmf.views.ip",),
            actions=("discover",),
            unless_groups=("privacy",),
            because="is unknown",
            ask="the counters",
        ),
    ),
    ask="owners",
)
VIEWS = Resource("lake", "wmf", "views", "count")
CITY = Resource("lake", "wmf", "views", "city")
IP = Resource("lake", "wmf", "views", "ip")
PASSWORD = Resource("lake", "secret", "users", "password")


def person(*groups: str, via: Via = Via.PORTAL) -> Principal:
    return Principal("p", "x", frozenset(groups), via)


@pytest.mark.parametrize(
    ("groups", "columns", "told"),
    [
        (("analysts",), {VIEWS}, None),
        ((), set(), None),
        (("analysts",), {VIEWS, CITY}, Hidden(("lake.wmf.views",), "privacy")),
        (("analysts", "privacy"), {VIEWS, CITY, IP, PASSWORD}, None),
        (("privacy",), {VIEWS}, Hidden((UNNAMED,), "owners")),
        (("analysts",), {PASSWORD}, Hidden((UNNAMED,), "owners")),
        (("analysts",), {PASSWORD, CITY}, Hidden(("lake.wmf.views", UNNAMED), "owners, privacy")),
        (("guests",), {VIEWS}, Hidden(("lake.wmf.views",), "owners")),
        (("analysts",), {IP}, Hidden(("lake.wmf.views",), "the counters")),
        (("analysts",), {Resource("lake", "wmf", "views", "")}, Hidden(("lake.wmf.views",), "owners")),
        ((), {Resource("gone", "wmf", "views", "x")}, Hidden((UNNAMED,), "owners")),
    ],
)
def test_what_somebody_may_not_read_is_hidden_and_said(
    groups: tuple[str, ...], columns: set[Resource], told: Hidden | None
) -> None:
    assert sight.judge(POLICY, person(*groups), frozenset(columns)) == told


@pytest.mark.parametrize("groups", [(), ("analysts",), ("guests",), ("privacy",), ("analysts", "privacy")])
def test_a_column_is_hidden_exactly_when_a_kept_result_of_it_would_be_closed(groups: tuple[str, ...]) -> None:
    for column in (VIEWS, CITY, IP, PASSWORD):
        verdicts = [decide(POLICY, person(*groups), action, column).allowed for action in Action]
        assert (sight.judge(POLICY, person(*groups), frozenset({column})) is None) == all(verdicts)


def test_a_power_that_reads_no_data_sees_none() -> None:
    everything = person("analysts", "privacy", via=Via.SERVER)
    assert sight.judge(POLICY, everything, frozenset({VIEWS})) is not None


def test_what_is_hidden_has_one_type_which_pages_know() -> None:
    made = sight.instead(Hidden(("lake.wmf.views", UNNAMED), "privacy"))
    assert made["data"] == {document.HIDDEN: {"datasets": ["lake.wmf.views", UNNAMED], "ask": "privacy"}}
    assert made["data"].keys() == {content.HIDDEN}
