"""Partitions that a filter on a time rules out, at Hive and at Spark, and what a query asks them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from conformance.subjects import SCHEMA, SOMEBODY, Subject
from conformance.subjects_hive import Thrift
from reading import batches as batches_of
from swap.connectors.base import Comparison, Deadline, Predicate, Reader
from swap.connectors.hive.connector import HiveConnector
from swap.settings import HiveSource, PartitionedTime

pytestmark = pytest.mark.sources(lambda kind: issubclass(kind, Thrift))
HOURS = 60


@pytest.fixture(scope="session")
def lake(subject: Subject) -> Thrift:
    """Publish 60 hours of events over the end of a month, a row every twenty minutes, a partition for each hour."""
    assert isinstance(subject, Thrift)
    moments = [datetime(2026, 11, 29) + timedelta(minutes=20 * row) for row in range(3 * HOURS)]  # noqa: DTZ001
    columns: dict[str, pa.Array] = {
        "id": pa.array(range(len(moments)), pa.int32()),
        "dt": pa.array([moment.isoformat() + "Z" for moment in moments]),
    }
    keys = ("year", "month", "day", "hour")
    columns |= {key: pa.array([getattr(moment, key) for moment in moments], pa.int32()) for key in keys}
    subject.publish("events", pa.table(columns), keys)
    return subject


@pytest.fixture
def told(lake: Thrift) -> HiveConnector:
    """Return a connector that knows how the time and the partitions agree."""
    source: HiveSource = lake.connector._source
    made = HiveConnector(
        lake.name, source.model_copy(update={"partitioned_time": {f"{SCHEMA}.ev*": PartitionedTime()}})
    )
    yield made
    made.close()


def _read(lake: Thrift, connector: HiveConnector, *where: Predicate) -> tuple[list[int], Reader]:
    reader = connector.read(lake.fragment("events", "id", where=where), SOMEBODY, Deadline(time.monotonic() + 60))
    ids = [value for batch in batches_of(reader) for value in batch["id"].to_pylist()]
    return sorted(ids), reader


@pytest.mark.repeats(lambda kind: kind.kind == "spark")  # that it opens no other partitions is shown below
@pytest.mark.parametrize(
    ("first", "last", "partitions"),
    [
        ("2026-11-30T22", "2026-12-01T01:30:00Z", 4),
        ("2026-11-30", "2026-12-01", 24),
        ("2026-12-01T11:40:00Z", "2027", 1),
        ("2026-12-05", "2026-12-06", 0),
    ],
)
def test_a_filter_on_the_time_opens_the_partitions_of_its_hours(
    lake: Thrift, told: HiveConnector, first: str, last: str, partitions: int
) -> None:
    where = (Predicate("dt", Comparison.GE, first), Predicate("dt", Comparison.LT, last))

    plain, all_of_it = _read(lake, lake.connector, *where)
    pruned, few = _read(lake, told, *where)

    assert pruned == plain
    assert lake.opened(all_of_it) == HOURS
    assert lake.opened(few) == partitions


def test_partitions_that_are_named_are_the_only_ones_opened(lake: Thrift) -> None:
    where = [Predicate(key, Comparison.EQ, value) for key, value in (("year", 2026), ("month", 12), ("day", 1))]

    ids, reader = _read(lake, lake.connector, *where, Predicate("hour", Comparison.GE, 10))

    assert ids == list(range(3 * 58, 3 * 60))
    assert lake.opened(reader) == 2


def test_a_query_asks_for_no_list_of_partitions(lake: Thrift) -> None:
    _read(lake, lake.connector, Predicate("hour", Comparison.EQ, 3))
    before = lake.statements()

    _read(lake, lake.connector, Predicate("hour", Comparison.EQ, 4))

    asked = [said for said in lake.statements() if said not in before]
    assert [said.partition(" ")[0] for said in asked if "SHOW" in said or "PARTITION" in said.upper()] == []
    assert any("`hour` = 4" in said for said in asked)
