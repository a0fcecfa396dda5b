"""The partitions that a time filter can match: never one too few."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from swap.connectors.base import Comparison, Fragment, Predicate
from swap.connectors.hive import types
from swap.connectors.hive.partition_time import PartitionedTime, condition

KEYS = ("year", "month", "day", "hour")
WHOLE = {key: types.parse("int") for key in KEYS}
TEXT = WHOLE | {"dt": types.parse("string")}
RULE = PartitionedTime("event.*", "dt", KEYS)


def asked(*predicates: Predicate, table: str = "navigation", rule: PartitionedTime = RULE) -> str:
    return condition(Fragment("event", table, (), predicates), TEXT, [rule])


def test_a_day_is_compared_key_after_key() -> None:
    found = asked(Predicate("dt", Comparison.GE, "2026-11-22"), Predicate("dt", Comparison.LT, "2026-11-23"))

    assert found == (
        "(`year` > 2026 OR (`year` = 2026 AND (`month` > 11 OR (`month` = 11 AND (`day` > 22 OR (`day` = 22 AND"
        " `hour` >= 0)))))) AND"
        " (`year` < 2026 OR (`year` = 2026 AND (`month` < 11 OR (`month` = 11 AND (`day` < 22 OR (`day` = 22 AND"
        " `hour` <= 23))))))"
    )


@pytest.mark.parametrize(
    "found",
    [
        asked(Predicate("ts", Comparison.GE, "2026-11-22")),
        asked(Predicate("dt", Comparison.NE, "2026-11-22")),
        asked(Predicate("dt", Comparison.NOT_NULL)),
        asked(Predicate("dt", Comparison.GE, "yesterday")),
        asked(Predicate("dt", Comparison.GE, "2026-13-01")),
        asked(Predicate("dt", Comparison.IN, ("2026-11-22", "yesterday"))),
        asked(Predicate("dt", Comparison.IN, ())),
        asked(Predicate("dt", Comparison.LE, "9999-12-31")),
        asked(Predicate("dt", Comparison.GE, "2026"), rule=PartitionedTime("wmf.*", "dt", KEYS)),
        asked(Predicate("dt", Comparison.GE, "2026"), rule=PartitionedTime("event.*", "dt", ("year", "week"))),
        asked(Predicate("dt", Comparison.GE, "2026"), rule=PartitionedTime("event.*", "dt", ("dt",))),
    ],
)
def test_nothing_is_said_of_partitions_where_nothing_follows(found: str) -> None:
    assert found == ""


def test_the_first_pattern_that_fits_counts() -> None:
    rules = [PartitionedTime("event.nav*", "dt", ("year",)), RULE]
    fragment = Fragment("event", "navigation", (), (Predicate("dt", Comparison.GE, "2026-11-22"),))

    assert condition(fragment, TEXT, rules) == "`year` >= 2026"


def _value(chance: random.Random, moment: datetime, kind: str) -> Any:
    if kind == "text":
        text = chance.choice(
            ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d", "%Y-%m", "%Y", "%Y-%m-%dT%H", "%Y%m%d"]
        )
        return moment.strftime(text)
    return moment if kind == "timestamptz" else moment.replace(tzinfo=None)


def _predicate(chance: random.Random, moments: list[datetime], kind: str) -> Predicate:
    comparison = chance.choice([each for each in Comparison if "null" not in each])
    near = chance.choice(moments) + timedelta(seconds=chance.choice([0, 0, 1, -1, 3600, -3600, 86400]))
    value = _value(chance, chance.choice([near, near.replace(minute=0, second=0, microsecond=0)]), kind)
    return Predicate(
        "dt",
        comparison,
        (value, _value(chance, chance.choice(moments), kind)) if comparison is Comparison.IN else value,
    )


TYPES = {"text": pa.string(), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC")}
HIVE = {"text": "string", "timestamp": "timestamp", "timestamptz": "timestamp with local time zone"}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(6))
def test_every_row_that_passes_is_in_a_partition_that_is_kept(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    slack = chance.choice([0, 0, 1, 5])
    keys = KEYS[: chance.randint(1, 4)]
    rule = PartitionedTime("*", "dt", keys, slack)
    moments = [
        datetime(2025, 12, 31, 22, tzinfo=UTC)
        + timedelta(seconds=chance.randint(0, 5 * 86400), microseconds=chance.choice([0, 1, 999999]))
        for _ in range(40)
    ] + [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)]
    stands = [moment + timedelta(hours=chance.randint(0, slack)) for moment in moments]
    dt = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") if kind == "text" else moment for moment in moments]
    rows = pa.table({"dt": pa.array(dt, TYPES[kind])} | {key: [getattr(each, key) for each in stands] for key in KEYS})
    columns = WHOLE | {"dt": types.parse(HIVE[kind])}
    kept = left_out = 0
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.register("rows", rows)
        for _ in range(60):
            predicates = tuple(_predicate(chance, moments, kind) for _ in range(chance.randint(1, 2)))
            said = condition(Fragment("s", "t", (), predicates), columns, [rule]).replace("`", '"') or "TRUE"
            filters, values = [], []
            for each in predicates:
                found = each.value if isinstance(each.value, tuple) else (each.value,)
                filters.append(f"dt {each.comparison} ({', '.join('?' * len(found))})")
                values += found
            passing = " AND ".join(filters)
            one = duck.execute(f"SELECT count(*) FROM rows WHERE {passing}", values).fetchone()
            other = duck.execute(f"SELECT count(*) FROM rows WHERE {passing} AND {said}", values).fetchone()
            assert one == other, (predicates, said)
            kept += one[0]
            left_out += duck.execute(f"SELECT count(*) FROM rows WHERE NOT ({said})").fetchone()[0]
    assert kept
    # All these rows are of two years, and their partitions may be.
    assert left_out or keys == ("year",)
