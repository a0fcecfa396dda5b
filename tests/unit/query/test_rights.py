"""What a plan reads, held against the policy: every column of every table, and the right to read it."""

from __future__ import annotations

import pytest

from swap.errors import Forbidden
from swap.identity import Principal, Via
from swap.policy.model import Resource
from swap.query import rights
from swap.settings import Denial, Grant, Policy
from unit.query.worlds import planned

JOINED = """SELECT v.page_title, v.year, p.page_len
    FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING (page_id) JOIN mine ON v.page_title = mine.b"""
READS = {
    "lake.wmf.pageview_hourly.page_title",
    "lake.wmf.pageview_hourly.page_id",
    "lake.wmf.pageview_hourly.year",
    "mediawiki.enwiki.page.page_id",
    "mediawiki.enwiki.page.page_len",
}
ANN = Principal("pann", "ann", frozenset({"analysts"}), Via.KERNEL)
OPEN = Grant(name="analysts-read", groups=("analysts",), on=("lake", "mediawiki"))


def test_a_plan_reads_every_column_that_it_fetches() -> None:
    assert {str(column) for column in planned(JOINED).reads} == READS


def test_who_may_read_all_of_them_passes() -> None:
    rights.demand(Policy(grants=(OPEN,)), ANN, planned(JOINED).reads)


@pytest.mark.parametrize("closed", sorted(READS))
def test_a_single_closed_column_closes_it(closed: str) -> None:
    policy = Policy(grants=(OPEN,), denials=(Denial(name="lock", on=(closed,), because="closes it", ask="owner"),))

    with pytest.raises(Forbidden) as raised:
        rights.demand(policy, ANN, planned(JOINED).reads)

    assert raised.value.problem.rule == "lock"


def test_who_may_only_know_of_them_may_not_read_them() -> None:
    known = Grant(name="all-discover", groups=("*",), actions=("discover",), on=("lake", "mediawiki"))

    with pytest.raises(Forbidden):
        rights.demand(Policy(grants=(known,)), ANN, planned(JOINED).reads)


def test_who_may_not_know_of_one_of_them_any_more_may_not_have_it() -> None:
    """Rights to read and to know may come from different groups; policy.md: what one may not know of one may not read."""
    read = Grant(name="read", groups=("analysts",), actions=("read",), on=("lake", "mediawiki"))
    with pytest.raises(Forbidden):
        rights.demand(Policy(grants=(read,)), ANN, planned(JOINED).reads)


def test_what_is_kept_of_them_is_what_they_were() -> None:
    columns = (Resource("lake", "wmf", "t", "a.b"), Resource("lake", "wmf", "t", "c"))

    assert rights.decode(rights.encode(columns)) == columns
