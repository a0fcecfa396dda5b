"""A Hive table of 20,000 partitions: what a query and a harvest ask of it, counted at the server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from conformance.subjects import SCHEMA, SOMEBODY
from conformance.subjects_hive import Hive
from reading import batches
from swap.connectors.base import Column, Comparison, Deadline, Fragment, Predicate
from swap.connectors.hive.catalog import SAMPLED, Sample

KEYS = ("year", "month", "day", "hour")
FIRST = datetime(2024, 1, 1)  # noqa: DTZ001
AT_ONCE = 250
"""How many partitions a statement adds."""


class Divided(Hive):
    """A table `hourly`, a partition for each hour with one row; all but the last one's are in one file."""

    partitioned: int

    def __init__(self, hours: int) -> None:
        super().__init__()
        self.partitioned = hours
        self.last = FIRST + timedelta(hours=hours - 1)
        place = self.root / "hourly"
        holds = place.joinpath(*(f"{key}={getattr(self.last, key)}" for key in KEYS))
        holds.mkdir(parents=True)
        pq.write_table(pa.table({"said": ["last"]}), holds / "part-0.parquet")
        shared = self.root / "shared"
        shared.mkdir()
        pq.write_table(pa.table({"said": ["else"]}), shared / "part-0.parquet")
        self.file_bytes = (shared / "part-0.parquet").stat().st_size
        keys = ", ".join(f"{key} int" for key in KEYS)
        elsewhere = f" LOCATION 'file://{shared}'"
        specs = [self._spec(FIRST + timedelta(hours=hour)) + elsewhere for hour in range(hours)]
        specs[-1] = specs[-1].removesuffix(elsewhere)
        self.run(
            f"CREATE EXTERNAL TABLE {SCHEMA}.hourly (said string) PARTITIONED BY ({keys})"
            f" STORED AS PARQUET LOCATION 'file://{place}'"
        )
        for at in range(0, hours, AT_ONCE):
            # Each in a session of its own, which has a time limit.
            self.run(f"ALTER TABLE {SCHEMA}.hourly ADD {' '.join(specs[at : at + AT_ONCE])}")

    def start(self) -> services.JavaServer:
        # Nothing of its metastore is to outlive it.
        return services.RunningHive(properties={"derby.system.durability": "test"})

    def _spec(self, hour: datetime) -> str:
        return f"PARTITION ({', '.join(f'{key}={getattr(hour, key)}' for key in KEYS)})"

    def partition_names(self) -> list[str]:
        """Return the names of all partitions, as the server lists them."""
        with self.session() as session:
            return [name for (names,) in session.table(f"SHOW PARTITIONS {SCHEMA}.hourly", 120) for name in names]

    def asked_of_metastore(self) -> Counter[str]:
        """Return what its metastore was asked about partitions so far, in the words of its audit."""
        (log,) = self.server.state.glob("tmp/*/hive.log")
        asked = (line.partition("cmd=")[2] for line in log.read_text().splitlines() if "HiveMetaStore.audit" in line)
        return Counter(said.partition(":")[0].strip() for said in asked if "partition" in said.partition(":")[0])


@pytest.fixture(scope="module", params=[pytest.param(1_500), pytest.param(20_000, marks=pytest.mark.long)])
def hive(request: pytest.FixtureRequest) -> Iterator[Divided]:
    made = Divided(request.param)
    yield made
    made.close()


@pytest.mark.timeout(1800)
def test_a_query_has_its_partition_found_by_the_server_and_lists_none(hive: Divided) -> None:
    before, said = hive.asked_of_metastore(), hive.statements()
    where = tuple(Predicate(key, Comparison.EQ, getattr(hive.last, key)) for key in KEYS)
    fragment = Fragment(SCHEMA, "hourly", (Column("said", pa.string()),), where, query_id="q1")

    reader = hive.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 120))

    assert [value for batch in batches(reader) for value in batch["said"].to_pylist()] == ["last"]
    asked = [each.partition(" ")[0] for each in hive.statements() if each not in said]
    assert sorted(asked) == ["DESCRIBE", "SELECT"]
    assert hive.asked_of_metastore() - before == {"get_partitions_spec_by_expr": 1}
    assert hive.opened(reader) == 1


@pytest.mark.timeout(1800)
def test_a_harvest_has_the_names_of_many_partitions_and_asks_few_what_they_hold(hive: Divided) -> None:
    before = hive.asked_of_metastore()

    (found,) = [each for each in hive.harvested() if each.name == "hourly"]

    assert found.partitions is not None
    assert found.partitions.count == hive.partitioned
    assert found.newest == f"{hive.last:%Y-%m-%d %H}:00"
    assert found.owner
    assert found.size_bytes == hive.partitioned * hive.file_bytes
    assert (found.row_estimate, found.rows_exact) == (None, False), "nobody has counted them"
    asked = hive.asked_of_metastore() - before
    assert not {"get_partitions_by_names", "get_partitions"} & set(asked)
    # Hive looks a few times at each that is described.
    assert SAMPLED <= asked["get_partition_with_auth"] <= 4 * SAMPLED


@pytest.mark.timeout(1800)
def test_rows_are_guessed_where_those_partitions_that_are_asked_know_theirs(hive: Divided) -> None:
    sample = Sample(f"{SCHEMA}.hourly")
    assert len(list(sample.of(hive.partition_names()))) == hive.partitioned
    for name in sample.names:
        which = name.replace("/", ", ")
        hive.run(f"ALTER TABLE {SCHEMA}.hourly PARTITION ({which}) UPDATE STATISTICS SET ('numRows' = '3')")

    (found,) = [each for piece in hive.connector.harvest() for each in piece if each.name == "hourly"]

    assert (found.row_estimate, found.rows_exact) == (hive.partitioned * 3, False)
    assert found.partitions is not None
    assert {each.rows for each in found.partitions.newest[1:]} == {24 * 3}
