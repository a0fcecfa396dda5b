"""Who may do what with a notebook: every case that decides it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from swap.errors import Invalid
from swap.identity import Principal, Via
from swap.notebooks.shares import Kind, Role, Share, role, until

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANN = Principal("paaaaaaaaa", "ann", frozenset({"analysts", "readers"}), Via.PORTAL)
OWNER = "pbbbbbbbbb"


def told(*shares: Share, person: Principal = ANN) -> Role | None:
    return role(person, OWNER, shares, NOW)


def test_a_notebook_is_private_by_default() -> None:
    assert told() is None
    assert role(ANN, ANN.id, (), NOW) is Role.OWN


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (Share(Kind.PERSON, ANN.id, Role.VIEW), Role.VIEW),
        (Share(Kind.PERSON, OWNER, Role.MANAGE), None),
        (Share(Kind.PERSON, "", Role.MANAGE), None),
        (Share(Kind.PERSON, "analysts", Role.MANAGE), None),
        (Share(Kind.GROUP, "analysts", Role.VIEW), Role.VIEW),
        (Share(Kind.GROUP, "Analysts", Role.VIEW), None),
        (Share(Kind.GROUP, ANN.id, Role.VIEW), None),
        (Share(Kind.GROUP, "", Role.VIEW), None),
        (Share(Kind.EVERYONE, "", Role.VIEW), Role.VIEW),
    ],
)
def test_a_share_reaches_whom_it_names(share: Share, expected: Role | None) -> None:
    assert told(share) is expected


def test_a_share_ends_at_its_moment() -> None:
    later = Share(Kind.EVERYONE, "", Role.VIEW, NOW + timedelta(microseconds=1))
    assert told(later) is Role.VIEW
    assert told(Share(Kind.EVERYONE, "", Role.VIEW, NOW)) is None


def test_of_several_shares_the_highest_counts_and_one_that_ended_does_not() -> None:
    ended = Share(Kind.PERSON, ANN.id, Role.MANAGE, NOW)
    assert told(Share(Kind.EVERYONE, "", Role.VIEW), Share(Kind.GROUP, "readers", Role.EDIT)) is Role.EDIT
    assert told(Share(Kind.EVERYONE, "", Role.VIEW), ended) is Role.VIEW


def test_whoever_is_offered_a_notebook_may_manage_it_and_does_not_own_it() -> None:
    assert told(Share(Kind.PERSON, ANN.id, Role.OWN)) is Role.MANAGE


def test_a_role_includes_those_before_it() -> None:
    roles = list(Role)
    for place, one in enumerate(roles):
        assert [one.includes(other) for other in roles] == [at <= place for at in range(len(roles))]


@pytest.mark.parametrize(
    "text", ["2026-05-03", "yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "2026-05-04T10:00"]
)
def test_a_day_that_is_over_or_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        until(text, ZoneInfo("UTC"), NOW)


def test_the_last_day_counts_in_full_in_the_zone_of_the_site() -> None:
    assert until("2026-05-04", ZoneInfo("America/New_York"), NOW) == datetime(2026, 5, 5, 4, tzinfo=UTC)
    assert until(" ", ZoneInfo("UTC"), NOW) is None
