"""Hive's types as Arrow's, and the SQL that is sent."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import Column, Comparison, Fragment, Predicate
from swap.connectors.hive import types as hive_types
from swap.connectors.hive.types import HiveType, UnknownTypeError


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("int", pa.int32()),
        ("decimal", pa.decimal128(10, 0)),
        ("decimal(38,18)", pa.decimal128(38, 18)),
        ("varchar(20)", pa.string()),
        ("timestamp with local time zone", pa.timestamp("us", "UTC")),
        ("array<array<int>>", pa.list_(pa.list_(pa.int32()))),
        ("map<string,struct<a:int,B c:decimal(9,2)>>", pa.map_(pa.string(), pa.struct([("a", pa.int32()), ("B c", pa.decimal128(9, 2))]))),
        ("struct<`a:b`:int, c:string>", pa.struct([("a:b", pa.int32()), ("c", pa.string())])),
    ],
)  # fmt: skip
def test_a_type_is_read(text: str, type_: pa.DataType) -> None:
    assert hive_types.parse(text).type == type_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uniontype<int,string>",
        "array<int",
        "array<int,int>",
        "map<int>",
        "int>",
        "interval_day_time",
        "struct<int>",
    ],
)
def test_a_type_that_has_no_exact_form_here_is_unknown(text: str) -> None:
    with pytest.raises(UnknownTypeError):
        hive_types.parse(text)


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        (pa.int64(), -(2**63), "CAST('-9223372036854775808' AS BIGINT)"),
        (pa.int32(), -5, "-5L"),
        (pa.float32(), 0.5, "CAST('0.5' AS FLOAT)"),
        (pa.decimal128(9, 2), Decimal("1.25"), "CAST('1.25' AS DECIMAL(9,2))"),
        (pa.string(), "it's ${x} \\ \n", "'it\\'s \\u0024{x} \\\\ \n'"),
        (pa.date32(), date(2026, 1, 2), "DATE '2026-01-02'"),
        (
            pa.timestamp("us"),
            datetime.fromisoformat("2026-01-02 03:04:05.000006"),
            "TIMESTAMP '2026-01-02 03:04:05.000006'",
        ),
    ],
)
def test_a_value_is_a_literal_of_the_columns_type(type_: pa.DataType, value: Any, written: str) -> None:
    assert hive_types.literal(HiveType("", type_), value) == written


def test_a_fragment_is_written_with_quoted_names() -> None:
    types = {"a`": hive_types.parse("int"), "l": hive_types.parse("array<int>")}
    fragment = Fragment(
        "s", "t", (Column("a`", pa.int32()), Column("l", types["l"].type)), (Predicate("a`", Comparison.IN, (1, 2)), Predicate("l", Comparison.NOT_NULL)), 5
    )  # fmt: skip

    assert hive_types.select(fragment, types) == (
        "SELECT `a```, `l` FROM `s`.`t` WHERE `a``` IN (1L, 2L) AND `l` IS NOT NULL LIMIT 5"
    )


def test_spark_is_asked_for_json_in_which_nothing_is_lost() -> None:
    types = {"l": hive_types.parse("array<timestamp>", spark=True), "m": hive_types.parse("map<date,int>", spark=True)}
    fragment = Fragment("s", "t", tuple(Column(name, of.type) for name, of in types.items()))

    statement = hive_types.select(fragment, types)

    assert "to_json(`l`, map('timestampFormat', " in statement
    assert "to_json(map_entries(`m`), map(" in statement


def test_a_map_within_a_list_within_a_struct_is_asked_for_by_its_entries() -> None:
    of = hive_types.parse("struct<a b:array<map<int,map<int,int>>>,c:int>", spark=True)

    statement = hive_types.select(Fragment("s", "t", (Column("v", of.type),)), {"v": of})

    assert (
        "'a b', transform(`v`.`a b`, x -> transform(map_entries(x), x -> if(x IS NULL, NULL, named_struct(" in statement
    )
    assert "'c', `v`.`c`" in statement


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime.fromisoformat("2026-01-02 03:04:05"), "TIMESTAMP_NTZ '2026-01-02 03:04:05'"),
        (datetime.fromisoformat("2026-01-02 03:04:05+01:00"), "TIMESTAMP_LTZ '2026-01-02 02:04:05+00:00'"),
    ],
)
def test_spark_is_told_which_kind_of_time_is_meant(value: datetime, written: str) -> None:
    type_ = pa.timestamp("us", "UTC" if value.tzinfo else None)

    assert hive_types.literal(HiveType("", type_, spark=True), value) == written


@pytest.mark.parametrize(
    ("text", "collated"),
    [("string", False), ("string collate UNICODE_CI", True), ("array<string collate UTF8_LCASE>", True), ("char(5)", True)],
)  # fmt: skip
def test_a_text_that_is_compared_by_something_else_than_its_bytes_says_so(text: str, collated: bool) -> None:
    assert hive_types.parse(text, spark=True).collated is collated


@pytest.mark.parametrize("name", ["${env:HOME}", "a\0b", ""])
def test_a_name_in_which_hive_would_put_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be written in a statement"):
        hive_types.identifier(name)
