"""What only Spark does: values within values, its two kinds of time, its collations."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from conformance.subjects import SCHEMA, SOMEBODY
from conformance.subjects_spark import Spark
from reading import batches
from swap.connectors.base import Comparison, Deadline, Predicate
from swap.connectors.hive.connector import HiveConnector
from swap.errors import SourceFailed

NESTED: dict[str, tuple[pa.DataType, list[Any]]] = {
    "times": (pa.list_(pa.timestamp("us", "UTC")), [[datetime(1, 1, 1, 0, 0, 0, 123456, UTC), None], [], None]),
    "plain_times": (pa.list_(pa.timestamp("us")), [[datetime.fromisoformat("1582-10-10T23:59:59.999999"), None], [], None]),
    "dates": (pa.list_(pa.date32()), [[date(1, 1, 1), date(9999, 12, 31)], [None], None]),
    "bytes": (pa.struct([("b", pa.binary())]), [{"b": b"\0\xff"}, {"b": None}, None]),
    "floats": (pa.list_(pa.float64()), [[float("nan"), float("inf"), float("-inf"), -0.0, 5e-324], [0.1, None], None]),
    "reals": (pa.list_(pa.float32()), [[1e-45, float("nan")], [None], None]),
    "amounts": (
        pa.list_(pa.decimal128(38, 18)),
        [[Decimal("-12345678901234567890.123456789012345678")], [Decimal("0E-18"), Decimal("1E-18")], None],
    ),
    "texts": (pa.list_(pa.string()), [['ä"\\\n\u0001', "", "null", None], ["日本語", "a,b", "{}"], None]),
    "by_number": (pa.map_(pa.int64(), pa.string()), [[(2**53 + 1, "x"), (-1, None)], [], None]),
    "by_time": (pa.map_(pa.timestamp("us", "UTC"), pa.int32()), [[(datetime(1969, 12, 31, 23, 59, 59, 1, UTC), 1)], [], None]),
    "by_bytes": (pa.map_(pa.binary(), pa.bool_()), [[(b"\0\xff", True), (b"", None)], [], None]),
    "by_text": (pa.map_(pa.string(), pa.decimal128(9, 2)), [[("", Decimal("1.10")), ("ä", None)], [], None]),
}  # fmt: skip


@pytest.fixture(scope="module")
def nested(spark: Spark) -> pa.Table:
    """Publish a column for each kind of value within values."""
    rows = pa.table({name: pa.array(values, type_) for name, (type_, values) in NESTED.items()})
    spark.publish("nested", rows)
    return rows


def test_values_within_values_come_back_exactly(spark: Spark, nested: pa.Table) -> None:
    found, _ = spark.read(spark.fragment("nested"))

    assert found.schema.equals(nested.schema)
    for name in nested.column_names:
        assert repr(found[name].to_pylist()) == repr(nested[name].to_pylist()), name


def test_maps_deep_within_come_back_exactly_and_names_may_differ_in_case(spark: Spark) -> None:
    spark.run(
        f"CREATE OR REPLACE VIEW {SCHEMA}.deep AS SELECT named_struct('B', CAST(NULL AS INT), 'a',"
        " array(map(DATE '2026-03-01', map(1L, X'78')), NULL)) AS value, 1 AS id"
    )

    found, _ = spark.read(spark.fragment("deep", "value"))

    assert found["value"].to_pylist() == [{"B": None, "a": [[(date(2026, 3, 1), [(1, b"x")])], None]}]


def test_a_moment_and_a_time_without_a_zone_are_two_types(spark: Spark) -> None:
    spark.run(
        f"CREATE OR REPLACE VIEW {SCHEMA}.times AS SELECT TIMESTAMP_LTZ '2026-03-29 02:30:00 Europe/Berlin' AS moment,"
        " TIMESTAMP_NTZ '2026-03-29 02:30:00' AS time"
    )

    found, _ = spark.read(spark.fragment("times"))

    assert found.schema.field("moment").type == pa.timestamp("us", "UTC")
    assert found.schema.field("time").type == pa.timestamp("us")
    assert found.to_pylist() == [
        {"moment": datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "time": datetime.fromisoformat("2026-03-29T02:30:00")}
    ]


def test_padding_is_no_part_of_a_char_and_a_varchar_has_none(spark: Spark) -> None:
    spark.run(
        f"DROP TABLE IF EXISTS {SCHEMA}.padded",
        f"CREATE TABLE {SCHEMA}.padded (c CHAR(5), v VARCHAR(5)) USING parquet",
        f"INSERT INTO {SCHEMA}.padded VALUES ('a', 'a '), ('', '')",
    )

    found, _ = spark.read(spark.fragment("padded"))
    padded, plain = spark.columns("padded", "c", "v")

    assert sorted(found.to_pylist(), key=str) == [{"c": "", "v": ""}, {"c": "a", "v": "a "}]
    assert not spark.connector.capabilities.accepts(padded, Comparison.EQ, "a")
    assert spark.connector.capabilities.accepts(plain, Comparison.EQ, "a")


def test_a_time_beyond_the_year_9999_is_an_error_that_names_column_and_row(spark: Spark) -> None:
    spark.run(f"CREATE OR REPLACE VIEW {SCHEMA}.late AS SELECT array(DATE '+10000-01-01') AS days")

    with pytest.raises(SourceFailed, match=r"days of conformance\.late .* row 1 of the\s+answer"):
        spark.read(spark.fragment("late", "days"))


def test_a_sites_settings_cannot_move_the_end_of_a_text(spark: Spark) -> None:
    text = "x\\' OR 1 = 1 OR value = '"
    spark.publish("quoted", pa.table({"id": pa.array([1, 2], pa.int32()), "value": [text, "other"]}))
    source = spark.connector._source.model_copy(
        update={
            "session": {"spark.sql.parser.escapedStringLiterals": "true", "spark.sql.session.timeZone": "Asia/Tokyo"}
        }
    )
    connector = HiveConnector(spark.name, source)
    try:
        fragment = spark.fragment("quoted", where=[Predicate("value", Comparison.EQ, text)])
        found = list(batches(connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60))))
    finally:
        connector.close()

    assert [value for batch in found for value in batch["id"].to_pylist()] == [1]
