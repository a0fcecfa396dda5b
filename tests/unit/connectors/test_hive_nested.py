"""Lists, maps and structs from the text that Hive and Spark write for them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.hive import nested
from swap.connectors.hive.nested import NestedError

STRUCT = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.map_(pa.string(), pa.float64())))])


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("null", STRUCT, None),
        ("[]", pa.list_(pa.int32()), []),
        ("[ 1 , null ]", pa.list_(pa.int32()), [1, None]),
        (r'["a,b","c\"]d\\","\u00e4\n","null"]', pa.list_(pa.string()), ["a,b", 'c"]d\\', "ä\n", "null"]),
        ('{1:"a",2:null}', pa.map_(pa.int32(), pa.string()), [(1, "a"), (2, None)]),
        ('{"1":"a"}', pa.map_(pa.int32(), pa.string()), [(1, "a")]),
        ("{}", pa.map_(pa.string(), pa.string()), []),
        ('{"a":1,"b":[{"x":1.5,"y":NaN}]}', STRUCT, {"a": 1, "b": [[("x", 1.5), ("y", float("nan"))]]}),
        ('{"A":9007199254740993}', STRUCT, {"a": 9007199254740993}),
        ("[12345678901234567890.123456789012345678]", pa.list_(pa.decimal128(38, 18)), [Decimal("12345678901234567890.123456789012345678")]),
        ('["2026-11-28",null]', pa.list_(pa.date32()), [date(2026, 11, 28), None]),
        ('["2026-11-28 01:02:03.123456"]', pa.list_(pa.timestamp("us")), [datetime.fromisoformat("2026-11-28 01:02:03.123456")]),
        ("[true,false]", pa.list_(pa.bool_()), [True, False]),
        ('[{"key":"2026-11-28","value":1.50},{"key":"0001-01-01"}]', pa.map_(pa.date32(), pa.decimal128(9, 2)), [(date(2026, 11, 28), Decimal("1.50")), (date(1, 1, 1), None)]),
        ('["AP8=",""]', pa.list_(pa.binary()), [b"\0\xff", b""]),
        ('["2026-11-28T01:02:03.123456Z"]', pa.list_(pa.timestamp("us", "UTC")), [datetime.fromisoformat("2026-11-28T01:02:03.123456Z")]),
        ('{"A":1,"a":2}', pa.struct([("A", pa.int32()), ("a", pa.int32())]), {"A": 1, "a": 2}),
        ("[-Infinity,1e300]", pa.list_(pa.float64()), [float("-inf"), 1e300]),
    ],
)  # fmt: skip
def test_a_value_is_read_as_its_type_says(text: str, type_: pa.DataType, value: Any) -> None:
    assert repr(nested.value(text, type_)) == repr(value)
    pa.array([nested.value(text, type_)], type_)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("", pa.list_(pa.int32())),
        ("[1", pa.list_(pa.int32())),
        ("[1,]", pa.list_(pa.int32())),
        ("[1] 2", pa.list_(pa.int32())),
        ("[1.5]", pa.list_(pa.int32())),
        ("[[1]]", pa.list_(pa.int32())),
        ('["a]', pa.list_(pa.string())),
        ("{1}", pa.map_(pa.int32(), pa.int32())),
        ('{"c":1}', STRUCT),
        ("[maybe]", pa.list_(pa.bool_())),
        ('["2026-13-01"]', pa.list_(pa.date32())),
        ('["2026-11-28 01:02:03.1234567"]', pa.list_(pa.timestamp("us"))),
        ('["x"]', pa.list_(pa.binary())),
        ('[{"value":1}]', pa.map_(pa.int32(), pa.int32())),
        ("[x]", pa.list_(pa.decimal128(9, 2))),
    ],
)
def test_text_that_is_no_value_is_refused(text: str, type_: pa.DataType) -> None:
    with pytest.raises(NestedError):
        nested.value(text, type_)
