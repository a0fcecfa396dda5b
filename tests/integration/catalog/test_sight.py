"""What the database leaves out is what `decide` closes: on catalogs and rules of all shapes, row by row."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sqlalchemy import Connection, select

import services
from swap.catalog import keys, store
from swap.catalog.service import Catalog, Wanted
from swap.catalog.sight import sight
from swap.connectors.base import Column, Dataset
from swap.db.tables import dataset
from swap.identity import Principal, Via
from swap.policy.decide import book, decide, decide_table
from swap.policy.model import Action, Resource
from swap.settings import Denial, Grant, Policy

SOURCES, SCHEMAS, TABLES = ("lake", "Wiki"), ("s", "S2", "a/b", "a"), ("t", "T2", "b/c", "a\\", "%_")
COLUMNS = ("a", "B", "c.d", "ß", "user_email", "")
GROUPS = ("x", "y", "z")


def datasets(chance: random.Random) -> list[tuple[str, Dataset]]:
    made = []
    for source, schema, table in itertools.product(SOURCES, SCHEMAS, TABLES):
        names = chance.sample(COLUMNS, chance.randint(0, len(COLUMNS)))
        columns = tuple(Column(name, pa.int64(), partition=chance.random() < 0.2) for name in names)
        made.append((source, Dataset(schema, table, columns, row_estimate=12_345, newest="2026")))
    return made


def pattern(chance: random.Random) -> str:
    parts = [chance.choice(("*", *names)) for names in (SOURCES, SCHEMAS, TABLES, [name for name in COLUMNS if name])]
    written = [chance.choice((part, part.upper(), part.lower())) for part in parts if "." not in part]
    return ".".join(written[: chance.choice((1, 2, 3, 3, 4, 4, 4))])


def policy(chance: random.Random) -> Policy:
    def some() -> tuple[str, ...]:
        return tuple(chance.sample(GROUPS, chance.randint(0, 2)))

    def patterns(most: int) -> tuple[str, ...]:
        return tuple(pattern(chance) for _ in range(chance.randint(1, most)))

    ways = (("discover",), ("read",), ("discover", "read"))
    return Policy(
        grants=tuple(
            Grant(name=f"g{n}", groups=some() or ("*",), actions=chance.choice(ways), on=patterns(4))
            for n in range(chance.randint(1, 6))
        ),
        denials=tuple(
            Denial(
                name=f"d{n}", unless_groups=some(), actions=chance.choice(ways), on=patterns(5), because="b", ask="a"
            )
            for n in range(chance.randint(0, 5))
        ),
    )


def fill(conn: Connection, made: list[tuple[str, Dataset]]) -> None:
    for source in SOURCES:
        store.put(conn, source, [each for where, each in made if where == source], datetime.now(UTC))


def judged(rules: Policy, who: Principal, source: str, table: Dataset) -> tuple[bool, bool]:
    """Tell by `decide` alone, asked column by column, whether a table exists for somebody and may be read."""
    place = Resource(source, table.schema, table.name)
    columns = [Resource(*place.parts, column.name) for column in table.columns]
    known = [column for column in columns if decide(rules, who, Action.DISCOVER, column).allowed]
    visible = decide(rules, who, Action.DISCOVER, place).allowed and bool(known)
    open_ = decide(rules, who, Action.READ, place).allowed and any(
        decide(rules, who, Action.READ, column).allowed for column in known
    )
    return visible, visible and open_


@pytest.mark.parametrize("seed", range(6))
def test_the_conditions_hold_for_exactly_the_tables_that_the_rules_open(database: services.Database, seed: int) -> None:
    chance = random.Random(seed)
    made = datasets(chance)
    with database.engine("gateway").begin() as conn:
        fill(conn, made)
        for _ in range(10):
            rules = policy(chance)
            who = Principal("paaaaaaaaa", "ann", frozenset(chance.sample(GROUPS, 1)), chance.choice(list(Via)))
            seen = sight(book(rules, who))
            where = select(dataset.c.source, dataset.c.schema, dataset.c.name)
            found = {tuple(row) for row in conn.execute(where.where(seen.visible))}
            readable = {tuple(row) for row in conn.execute(where.where(seen.visible, seen.readable))}
            verdicts = {(source, each.schema, each.name): judged(rules, who, source, each) for source, each in made}

            assert found == {name for name, (visible, _) in verdicts.items() if visible}, rules
            assert readable == {name for name, (_, open_) in verdicts.items() if open_}, rules

            catalog = Catalog(conn, rules, who)
            listed = catalog.tables(Wanted(), limit=1000).tables
            assert {tuple(each.name) for each in listed} == found
            assert {tuple(each.name) for each in listed if each.read.allowed} == readable
            assert (catalog.count(Wanted()).visible, catalog.count(Wanted()).readable) == (len(found), len(readable))
            assert {tuple(each) for each in catalog.find([each.name for each in listed])} == found


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_judged_alike_one_by_one_and_all_at_once(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        rules = policy(chance)
        who = Principal("paaaaaaaaa", "ann", frozenset(chance.sample(GROUPS, 1)), chance.choice(list(Via)))
        place = Resource(chance.choice(SOURCES), chance.choice(SCHEMAS), chance.choice((*TABLES, "")))
        for action in Action:
            table, columns = decide_table(rules, who, action, place, COLUMNS)
            one_by_one = [decide(rules, who, action, Resource(*place.parts, column)) for column in COLUMNS]

            assert table.allowed == decide(rules, who, action, place).allowed
            assert table.rule == decide(rules, who, action, place).rule
            assert [(v.allowed, v.rule) for v in columns] == [(v.allowed, v.rule) for v in one_by_one]


def test_no_two_names_are_one_path() -> None:
    parts = ("a", "b", "a/b", "a\\", "\\/b", "a.b", "", "/", "\\")
    names = list(itertools.product(parts, repeat=3))

    assert len({keys.joined(*name) for name in names}) == len(names)
    assert [keys.split(keys.joined(*name)) for name in names] == names
