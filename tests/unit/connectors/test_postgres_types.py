from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from psycopg import sql

from swap.connectors.base import Comparison, Predicate
from swap.connectors.postgres import types

NUMERIC = 1700


def text_of(column: types.SourceColumn, comparison: Comparison, value: Any = None) -> str:
    return types.where(Predicate(column.name, comparison, value), {column.name: column}).as_string()


def plain(name: str, oid: int, **more: Any) -> types.SourceColumn:
    return types.column(name, oid, -1, 0, **{"deterministic": True, **more})


@pytest.mark.parametrize(
    ("typmod", "type_"),
    [
        (-1, pa.decimal128(38, 10)),
        (((9 << 16) | 2) + 4, pa.decimal128(9, 2)),
        (((50 << 16) | 5) + 4, pa.decimal128(38, 5)),
        (((3 << 16) | 5) + 4, pa.decimal128(5, 5)),
        (((2 << 16) | (-3 & 0x7FF)) + 4, pa.decimal128(5, 0)),
    ],
)
def test_a_numeric_is_a_decimal_of_its_own_precision_and_scale(typmod: int, type_: pa.DataType) -> None:
    column = types.column("n", NUMERIC, typmod, 0, deterministic=True)

    assert column.type == type_


def test_text_is_ordered_by_its_bytes_and_compared_for_equality_as_its_index_has_it() -> None:
    column = plain("t", 25)

    assert text_of(column, Comparison.EQ, "a") == "\"t\" = 'a'::text"
    assert text_of(column, Comparison.IN, ("a", "b")) == "\"t\" IN ('a'::text, 'b'::text)"
    for comparison in (Comparison.LT, Comparison.LE, Comparison.GT, Comparison.GE):
        assert text_of(column, comparison, "a") == f'"t" COLLATE "C" {comparison} \'a\'::text'


def test_equality_under_a_collation_that_ignores_case_is_made_equality_of_bytes() -> None:
    column = plain("t", 25, deterministic=False)

    assert text_of(column, Comparison.EQ, "a") == '"t" COLLATE "C" = \'a\'::text'
    assert text_of(column, Comparison.NE, "a") == '"t" COLLATE "C" <> \'a\'::text'


def test_a_type_that_travels_as_text_is_compared_as_that_text() -> None:
    column = plain("u", 2950)

    assert text_of(column, Comparison.EQ, "x") == "\"u\"::text = 'x'::text"
    assert text_of(column, Comparison.IS_NULL) == '"u" IS NULL'


def test_a_number_is_compared_as_a_number_and_travels_exactly() -> None:
    column = plain("n", NUMERIC)

    assert text_of(column, Comparison.LT, Decimal("1E+2")) == "\"n\" < '100'::numeric"


@pytest.mark.parametrize(
    ("oid", "value", "literal"),
    [
        (16, True, "'true'::boolean"),
        (23, -5, "'-5'::bigint"),
        (700, 0.5, "'0.5'::float4"),
        (701, 1e300, "'1e+300'::float8"),
        (701, float("inf"), "'inf'::float8"),
        (25, "o'b", "'o''b'::text"),
        (1082, dt.date(1, 2, 3), "'0001-02-03'::date"),
        (1083, dt.time(1, 2), "'01:02:00'::time"),
        (1114, dt.datetime.fromisoformat("0099-01-01T00:00:00"), "'0099-01-01T00:00:00'::timestamp"),
        (1184, dt.datetime.fromisoformat("2026-01-01T02:00:00+02:00"), "'2026-01-01T00:00:00+00:00'::timestamptz"),
    ],
)
def test_a_value_is_a_quoted_literal_of_its_columns_type(oid: int, value: Any, literal: str) -> None:
    assert text_of(plain("c", oid), Comparison.EQ, value).endswith(f" = {literal}")


def test_names_are_quoted_and_their_quotes_doubled() -> None:
    assert text_of(plain('x" = 1; --', 23), Comparison.EQ, 1) == '"x"" = 1; --" = \'1\'::bigint'


def test_in_nothing_is_false() -> None:
    assert text_of(plain("c", 23), Comparison.IN, ()) == "FALSE"


@pytest.mark.parametrize("value", ["1", 1.5, None, True, sql.SQL("now()")])
def test_a_value_that_does_not_fit_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be compared exactly"):
        text_of(plain("c", 23), Comparison.EQ, value)


def test_arrays_travel_as_lists_of_what_their_elements_travel_as() -> None:
    numbers = types.column("a", 1007, -1, 23, deterministic=True)
    ids = types.column("a", 2951, -1, 2950, deterministic=True)

    assert (numbers.type, numbers.cast) == (pa.list_(pa.int32()), None)
    assert (ids.type, ids.cast) == (pa.list_(pa.string()), sql.SQL("text[]"))
