from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from swap.demo import canonical, describe, hive_tables, lake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    parts = {
        "canonical_data.countries": lambda: iter([(".", canonical.countries())]),
        "wmf.editors_daily": lambda: iter(
            [(f"month=2026-{month}", canonical.editors_daily().slice(0, 3)) for month in (10, 9)]
        ),
    }
    lake.make(tmp_path, tables=parts)
    return tmp_path


def test_a_table_is_external_over_the_files_that_are_there(root: Path) -> None:
    made = list(hive_tables.statements(root, "canonical_data.countries"))
    assert f"STORED AS PARQUET LOCATION 'file://{root}/canonical_data/countries'" in made[1]
    assert made[1].startswith(
        "CREATE EXTERNAL TABLE `canonical_data`.`countries` (`name` string COMMENT 'English name'"
    )
    assert not any("PARTITION" in statement for statement in made)


def test_partitions_are_columns_of_their_own_and_are_added_in_order(root: Path) -> None:
    made = list(hive_tables.statements(root, "wmf.editors_daily"))
    assert "PARTITIONED BY (`month` string COMMENT 'Month: 2026-10')" in made[1]
    assert made[3].endswith("ADD PARTITION (`month`='2026-10') PARTITION (`month`='2026-9')")


def test_a_sensitive_column_says_so_and_the_owner_is_named(root: Path) -> None:
    made = list(hive_tables.statements(root, "wmf.editors_daily"))
    assert "`country_code` string COMMENT 'ISO country of the edits [sensitivity: location]'" in made[1]
    assert f"SET OWNER ROLE `{describe.LAKE['wmf.editors_daily'].owner}`" in made[2]


def test_the_version_is_said_last_so_that_a_half_made_table_is_made_again(root: Path) -> None:
    made = list(hive_tables.statements(root, "wmf.editors_daily"))
    assert made[0].startswith("DROP TABLE IF EXISTS")
    assert hive_tables.PROPERTY in made[-1]
    assert not any(hive_tables.PROPERTY in statement for statement in made[:-1])


def test_a_lake_that_moved_is_another_version(tmp_path: Path) -> None:
    assert hive_tables.version(tmp_path / "here") != hive_tables.version(tmp_path / "there")


def test_the_rows_of_each_partition_are_counted(root: Path) -> None:
    assert "ANALYZE TABLE `wmf`.`editors_daily` PARTITION (`month`) COMPUTE STATISTICS" in list(
        hive_tables.statements(root, "wmf.editors_daily")
    )


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (pa.decimal128(38, 18), "decimal(38,18)"),
        (pa.timestamp("us"), "timestamp"),
        (pa.list_(pa.string()), "array<string>"),
        (pa.map_(pa.string(), pa.struct([("a", pa.int64())])), "map<string,struct<`a`:bigint>>"),
    ],
)
def test_a_type_is_written_as_hive_writes_it(type_: pa.DataType, text: str) -> None:
    assert hive_tables.hive_type(type_) == text
