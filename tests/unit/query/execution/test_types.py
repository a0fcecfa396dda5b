"""Every type that DuckDB has comes out of a combiner exactly, or cannot be named in a statement."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from swap.errors import QueryRefused
from swap.query.execution import combiner_child
from swap.query.language.parse import parse

LARGEST = 2**128 - 1
LOCAL = datetime(2026, 11, 28, 10, 0, 0, 7)  # noqa: DTZ001 — a timestamp without a zone is the point
EXACT: dict[str, tuple[str, pa.DataType, Any]] = {
    "ARRAY": ("[1, 2]::INTEGER[2]", pa.list_(pa.int32(), 2), [1, 2]),
    "BIGINT": ("(-9223372036854775808)::BIGINT", pa.int64(), -(2**63)),
    "BIT": ("'0101'::BIT", pa.string(), "0101"),
    "BLOB": ("'\\x00\\xff'::BLOB", pa.binary(), b"\x00\xff"),
    "BOOLEAN": ("true", pa.bool_(), True),
    "DATE": ("DATE '2026-11-28'", pa.date32(), date(2026, 11, 28)),
    "DECIMAL": ("'0.10'::DECIMAL(38, 2)", pa.decimal128(38, 2), Decimal("0.10")),
    "DOUBLE": ("0.1::DOUBLE", pa.float64(), 0.1),
    "FLOAT": ("0.5::FLOAT", pa.float32(), 0.5),
    "HUGEINT": ("(-9223372036854775808)::HUGEINT", pa.int64(), -(2**63)),
    "INTEGER": ("1::INTEGER", pa.int32(), 1),
    "INTERVAL": (
        "INTERVAL '14 months' + INTERVAL '3 days' + INTERVAL '1.5 seconds'",
        pa.month_day_nano_interval(),
        pa.MonthDayNano([14, 3, 1_500_000_000]),
    ),
    "LIST": ("[1, NULL]", pa.list_(pa.int32()), [1, None]),
    "MAP": ("MAP {'a': 1}", pa.map_(pa.string(), pa.int32()), [("a", 1)]),
    "NULL": ("NULL", pa.null(), None),
    "SMALLINT": ("1::SMALLINT", pa.int16(), 1),
    "STRUCT": ("{'a': 1}", pa.struct([("a", pa.int32())]), {"a": 1}),
    "TIME": ("TIME '10:00:00.000007'", pa.time64("us"), time(10, 0, 0, 7)),
    "TIME WITH TIME ZONE": ("'10:00:00.000007-05:30'::TIMETZ", pa.string(), "10:00:00.000007-05:30"),
    "TIMESTAMP": ("TIMESTAMP '2026-11-28 10:00:00.000007'", pa.timestamp("us"), LOCAL),
    "TIMESTAMP WITH TIME ZONE": (
        "TIMESTAMPTZ '2026-11-28 12:00:00.000007+02'",
        pa.timestamp("us", "UTC"),
        LOCAL.replace(tzinfo=UTC),
    ),
    "TIMESTAMP_MS": ("'2026-11-28 10:00:00.007'::TIMESTAMP_MS", pa.timestamp("ms"), LOCAL.replace(microsecond=7000)),
    "TIMESTAMP_NS": ("'2026-11-28 10:00:00.000007'::TIMESTAMP_NS", pa.timestamp("ns"), LOCAL),
    "TIMESTAMP_S": ("'2026-11-28 10:00:00'::TIMESTAMP_S", pa.timestamp("s"), LOCAL.replace(microsecond=0)),
    "TINYINT": ("1::TINYINT", pa.int8(), 1),
    "TUPLE": ("row(1)", pa.struct([("element1", pa.int32())]), {"element1": 1}),
    "UBIGINT": ("18446744073709551615::UBIGINT", pa.uint64(), 2**64 - 1),
    "UHUGEINT": (f"'{LARGEST}'::UHUGEINT", pa.string(), str(LARGEST)),
    "UINTEGER": ("1::UINTEGER", pa.uint32(), 1),
    "USMALLINT": ("1::USMALLINT", pa.uint16(), 1),
    "UTINYINT": ("1::UTINYINT", pa.uint8(), 1),
    "UUID": (
        "'00000000-0000-0000-0000-00000000000a'::UUID",
        pa.string(),
        "00000000-0000-0000-0000-00000000000a",
    ),
    "VARCHAR": ("'ä'", pa.string(), "ä"),
}
REFUSED = {
    "BIGNUM": "1::BIGNUM",
    "ENUM": "'a'::ENUM ('a')",
    "GEOMETRY": "'POINT (1 1)'::GEOMETRY",
    "TIMESTAMPTZ_NS": "'2026-11-28'::TIMESTAMPTZ_NS",
    "TIME_NS": "'10:00:00'::TIME_NS",
    "TYPE": "get_type(1)",
    "UNION": "union_value(a := 1)",
    "VARIANT": "1::VARIANT",
}


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = combiner_child.opened()
    yield opened
    opened.close()


def answer(database: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Return what a combiner writes."""
    connection = database.cursor()
    connection.execute("SET TimeZone='UTC'")
    with tempfile.TemporaryFile() as file, connection:
        sink = os.dup(file.fileno())
        combiner_child.run(connection, {"sql": sql, "inputs": [], "streamed": False}, [sink], lambda _: None)
        os.close(sink)
        file.seek(0)
        return pa.ipc.open_stream(file.read()).read_all()


def test_no_type_of_duckdb_is_missing_here(database: duckdb.DuckDBPyConnection) -> None:
    known = {name for (name,) in database.sql("SELECT DISTINCT logical_type FROM duckdb_types()").fetchall()}

    assert known == EXACT.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", EXACT)
def test_a_value_of_each_type_is_exact(database: duckdb.DuckDBPyConnection, name: str) -> None:
    expression, type_, value = EXACT[name]

    found = answer(database, f"SELECT {expression} AS x")

    assert found.schema.field("x").type == type_
    assert found.column("x").to_pylist() == [value]


@pytest.mark.parametrize("name", sorted(EXACT.keys() - {"NULL", "ARRAY", "LIST", "MAP", "STRUCT", "TUPLE"}))
def test_a_value_in_a_value_is_as_exact(database: duckdb.DuckDBPyConnection, name: str) -> None:
    expression, _, value = EXACT[name]

    found = answer(
        database,
        f"SELECT [{expression}] AS l, {{'a b': {expression}, 'n': 1}} AS s, MAP {{'k': {expression}}} AS m,"
        f" [{expression}]::{_type(database, expression)}[1] AS a, [[{expression}]] AS ll",
    ).to_pylist()[0]

    assert found == {"l": [value], "s": {"a b": value, "n": 1}, "m": [("k", value)], "a": [value], "ll": [[value]]}


def _type(database: duckdb.DuckDBPyConnection, expression: str) -> str:
    return str(database.sql(f"SELECT {expression}").types[0])


@pytest.mark.parametrize("name", REFUSED)
def test_a_type_without_an_exact_form_cannot_be_named(name: str) -> None:
    with pytest.raises(QueryRefused):
        parse(f"SELECT {REFUSED[name]} AS x", {}, 65_536)


def test_rows_keep_their_order_and_columns_their_names(database: duckdb.DuckDBPyConnection) -> None:
    found = answer(database, 'SELECT n, n::BIT AS n, \'b\' AS "a ""b""" FROM range(100000) t(n) ORDER BY n DESC')

    assert found.schema.names == answer(database, 'SELECT 1 AS n, 2 AS n, 3 AS "a ""b"""').schema.names
    assert found.column(0).to_pylist() == list(range(99_999, -1, -1))
