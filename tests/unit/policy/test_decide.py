"""Who may do what: default deny, one denial wins, every verdict has a reason."""

from __future__ import annotations

import pytest

from swap.identity import Principal, Via
from swap.policy.decide import RULES, decide, instead_of
from swap.policy.model import Action, Resource
from swap.policy.patterns import Lookup
from swap.policy.patterns import read as read_pattern
from swap.settings import Denial, Grant, Policy

CITY = Resource("lake", "wmf", "pageview_hourly", "city")
TABLE = Resource("lake", "wmf", "pageview_hourly")
POLICY = Policy(
    grants=(
        Grant(name="analysts-read", groups=("analysts",), on=("lake.wmf",)),
        Grant(name="all-discover", groups=("*",), actions=("discover",), on=("lake",)),
        Grant(name="one-column", groups=("counters",), on=("lake.wmf.pageview_hourly.view_count",)),
    ),
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.*.city",),
            unless_groups=("data-privacy",),
            because="locks places smaller than a country",
            ask="data-privacy",
            instead={"city": "country_code"},
        ),
        Denial(
            name="hidden",
            on=("lake.private",),
            actions=("discover",),
            because="keeps these tables to itself",
            ask="data-privacy",
        ),
    ),
    ask="data-platform",
)


def person(*groups: str, via: Via = Via.KERNEL) -> Principal:
    return Principal("paaaaaaaaa", "ann", frozenset(groups), via)


def read(resource: Resource, *groups: str) -> bool:
    return decide(POLICY, person(*groups), Action.READ, resource).allowed


def discover(resource: Resource, *groups: str) -> bool:
    return decide(POLICY, person(*groups), Action.DISCOVER, resource).allowed


def test_what_no_rule_opens_is_closed_and_says_whom_to_ask() -> None:
    verdict = decide(POLICY, person(), Action.READ, TABLE)

    assert (verdict.allowed, verdict.rule, verdict.ask) == (False, "default", "data-platform")


def test_a_grant_opens_what_lies_below_it_to_its_groups_only() -> None:
    assert read(TABLE, "analysts")
    assert read(Resource("lake", "wmf", "pageview_hourly", "view_count"), "analysts")
    assert not read(TABLE, "readers")
    assert not read(Resource("lake", "event", "edits"), "analysts")


def test_discover_is_apart_from_read() -> None:
    assert discover(Resource("lake", "event", "edits"))
    assert not read(Resource("lake", "event", "edits"))


def test_one_denial_outweighs_every_permission() -> None:
    verdict = decide(POLICY, person("analysts"), Action.READ, CITY)

    assert (verdict.allowed, verdict.rule, verdict.because, verdict.ask) == (
        False,
        "below-country",
        "locks places smaller than a country",
        "data-privacy",
    )
    assert discover(CITY, "analysts")


def test_a_denial_outweighs_a_permission_that_was_found_before_it() -> None:
    assert not decide(POLICY, person("analysts"), Action.READ, CITY, tuple(reversed(RULES))).allowed


def test_a_denial_does_not_bind_the_groups_it_names_but_grants_them_nothing() -> None:
    assert read(CITY, "analysts", "data-privacy")
    assert not read(CITY, "data-privacy")


def test_what_may_not_be_discovered_may_not_be_read() -> None:
    assert not discover(Resource("lake", "private", "secret"), "analysts")
    assert decide(POLICY, person("analysts"), Action.READ, Resource("lake", "private", "secret")).rule == "hidden"


def test_a_grant_of_one_column_opens_that_column_and_its_table_and_nothing_else() -> None:
    assert read(TABLE, "counters")
    assert read(Resource("lake", "wmf", "pageview_hourly", "view_count"), "counters")
    assert not read(Resource("lake", "wmf", "pageview_hourly", "page_title"), "counters")


def test_a_denial_of_a_column_leaves_its_table_open() -> None:
    assert read(TABLE, "analysts")


@pytest.mark.parametrize("column", ["CITY", "City", "cITY"])
def test_names_compare_without_case(column: str) -> None:
    assert not read(Resource("lake", "wmf", "pageview_hourly", column), "analysts")


def test_a_star_stands_for_one_whole_name() -> None:
    policy = Policy(grants=(Grant(name="g", groups=("*",), on=("lake.*.pages",)),))

    assert decide(policy, person(), Action.READ, Resource("lake", "a", "pages")).allowed
    assert not decide(policy, person(), Action.READ, Resource("lake", "a", "pages_deleted")).allowed
    assert not decide(policy, person(), Action.READ, Resource("mediawiki", "a", "pages")).allowed


def test_a_column_with_a_dot_in_its_name_gains_no_parts() -> None:
    policy = Policy(grants=(Grant(name="g", groups=("*",), on=("lake.s.t.a",)),))

    assert not decide(policy, person(), Action.READ, Resource("lake", "s", "t", "a.b")).allowed


@pytest.mark.parametrize(
    "resource",
    [
        Resource("lake", "s", "t", ""),
        Resource("lake", "s", ""),
        Resource("lake", ""),
        Resource("lake", "s", "", "a"),
        Resource(""),
    ],
)
@pytest.mark.parametrize(
    "on", ["lake", "lake.s", "lake.s.t", "lake.s.t.a", "lake.*", "lake.*.*", "lake.s.t.*", "*.*.*.*"]
)
def test_a_thing_without_a_name_is_closed_whatever_is_granted(resource: Resource, on: str) -> None:
    """An empty name is not a part that is left out: a column called "" is not its table."""
    policy = Policy(grants=(Grant(name="g", groups=("*",), on=(on,)),))

    assert [decide(policy, person(), action, resource).allowed for action in Action] == [False, False]


def test_a_pattern_takes_an_empty_name_for_a_name() -> None:
    lookup: Lookup[bool] = Lookup()
    lookup.add(read_pattern("lake.s.t.a"), says=True)
    assert lookup.meeting(["lake", "s", "t", ""]) is None
    lookup.add(read_pattern("lake.s.t.*"), says=True)
    assert lookup.covering(["lake", "s", "t", ""])


def test_a_servers_credential_reads_nothing() -> None:
    verdict = decide(POLICY, person("analysts", via=Via.SERVER), Action.READ, TABLE)

    assert (verdict.allowed, verdict.rule) == (False, "powers")


@pytest.mark.parametrize("switched_off", [rule.__module__.rpartition(".")[2] for rule in RULES])
def test_each_rule_is_needed(switched_off: str) -> None:
    """With a rule taken away some verdict changes: none is there for show."""
    rules = tuple(rule for rule in RULES if not rule.__module__.endswith(switched_off))
    cases = [(person("analysts", via=via), resource) for via in (Via.KERNEL, Via.SERVER) for resource in (CITY, TABLE)]

    assert any(
        decide(POLICY, who, Action.READ, what).allowed != decide(POLICY, who, Action.READ, what, rules).allowed
        for who, what in cases
    )


def test_a_locked_column_may_have_a_stand_in() -> None:
    assert instead_of(POLICY, "below-country", "city") == "country_code"
    assert instead_of(POLICY, "below-country", "subdivision") is None
