"""Sets of columns that were read: the same set has one name, and none comes back smaller."""

from __future__ import annotations

import random

from swap.policy.model import Resource
from swap.query import lineage

NAMES = ("a", "b", "a.b", "ä", "", '"', "]")
ALL = [Resource(source, "s", table, column) for source in NAMES for table in NAMES for column in NAMES]


def test_a_set_is_named_by_what_is_in_it_however_it_comes() -> None:
    chance, named = random.Random(7), dict[bytes, lineage.Columns]()
    for _ in range(300):
        columns = chance.choices(ALL, k=chance.randrange(6))
        name = lineage.digest(columns)
        chance.shuffle(columns)
        assert lineage.digest([*columns, *columns[:2]]) == name
        assert named.setdefault(name, frozenset(columns)) == frozenset(columns), "another set has this name"
    assert len(named) > 200


def test_a_set_is_kept_as_it_was() -> None:
    columns = frozenset(ALL)
    assert lineage.decode(lineage.encode(columns)) == columns
    assert lineage.decode(lineage.encode(frozenset())) == frozenset()


def test_a_union_has_all_that_is_in_any_set() -> None:
    one, other = frozenset(ALL[:3]), frozenset(ALL[2:5])
    assert lineage.union([one, other, frozenset()]) == frozenset(ALL[:5])
    assert lineage.union([]) == frozenset()
