from __future__ import annotations

import datetime as dt
import math
import re
import sys
from decimal import Decimal

import pytest

from swap.connectors.base import Column, Comparison, Fragment, Predicate
from swap.connectors.mysql.select import select, where
from swap.connectors.mysql.types import Meanings, SourceColumn, column

NONE = Meanings()
moment = dt.datetime.fromisoformat


def of(name: str, column_type: str, charset: str = "", meanings: Meanings = NONE) -> SourceColumn:
    """Return a column of the table d.t."""
    return column(("d", "t", name), re.split(r"[( ]", column_type)[0], column_type, charset, meanings)


def test_no_name_and_no_value_can_become_sql() -> None:
    name = "a` = 1; DROP TABLE x; -- "
    column_ = of(name, "varchar(9)", "latin1")
    fragment = Fragment(
        "d`d",
        "t*/",
        (Column(name, column_.type),),
        (Predicate(name, Comparison.EQ, "'; DROP TABLE x; -- \\"),),
        7,
        "q1 */ DROP",
    )

    said = select(fragment, {name: column_})

    assert said.startswith("/* swap:q1DROP */ SELECT `a`` = 1; DROP TABLE x; -- ` FROM `d``d`.`t*/` WHERE ")
    assert said.endswith("= X'273b2044524f50205441424c4520783b202d2d205c' LIMIT 7")


@pytest.mark.parametrize(("charset", "indexed"), [("utf8mb4", True), ("latin1", False)])
def test_equal_text_is_looked_up_by_its_index_where_that_misses_nothing(charset: str, indexed: bool) -> None:
    said = where(Predicate("a", Comparison.EQ, "x"), of("a", "varchar(9)", charset))

    assert said.startswith("(`a` = _utf8mb4 X'78' AND ") is indexed
    assert "CAST(CONVERT(`a` USING utf8mb4) AS BINARY) = X'78'" in said


def test_a_value_that_does_not_fit_is_never_compared() -> None:
    for comparison, value in ((Comparison.EQ, "x"), (Comparison.IN, (1, "x")), (Comparison.LT, float("nan"))):
        with pytest.raises(ValueError, match="cannot be compared exactly"):
            where(Predicate("a", comparison, value), of("a", "int(11)"))


@pytest.mark.parametrize(
    ("type_", "value", "floor"),
    [
        ("tinyint", -129, None),
        ("tinyint", 128, 127),
        ("bigint unsigned", -1, None),
        ("decimal(5,2) unsigned", Decimal("-0.01"), None),
        ("decimal(5,2)", Decimal(1000), Decimal("999.99")),
        ("double", math.inf, sys.float_info.max),
        ("double", -math.inf, None),
        ("double unsigned", -1.0, None),
        ("datetime(3)", moment("2026-01-01T00:00:00.001999"), moment("2026-01-01T00:00:00.001000")),
        ("timestamp", moment("1970-01-01T00:00:00+00:00"), None),
        ("binary(3)", b"a", b"`\xff\xff"),
        ("binary(3)", b"", None),
        ("binary(3)", b"aaaa", b"aaa"),
        ("varbinary(3)", b"a", b"a"),
        ("varbinary(3)", b"aaaa", b"aaa"),
    ],
)
def test_what_a_column_can_hold_is_known(type_: str, value: object, floor: object) -> None:
    assert of("a", type_).floor(value) == floor


@pytest.mark.parametrize(
    ("comparison", "value", "said"),
    [
        (Comparison.EQ, 300, "FALSE"),
        (Comparison.NE, 300, "`a` IS NOT NULL"),
        (Comparison.LT, 300, "`a` <= 127"),
        (Comparison.GE, 300, "`a` > 127"),
        (Comparison.LE, -300, "FALSE"),
        (Comparison.GT, -300, "`a` IS NOT NULL"),
        (Comparison.IN, (-300, 5, 300), "`a` IN (5)"),
        (Comparison.IN, (-300, 300), "FALSE"),
    ],
)
def test_no_literal_is_sent_that_the_column_cannot_hold(comparison: Comparison, value: object, said: str) -> None:
    assert where(Predicate("a", comparison, value), of("a", "tinyint(4)")) == said


def test_patterns_say_which_bytes_are_text_and_which_are_moments() -> None:
    meanings = Meanings(("*.t.title",), ("*.*.*_at",))

    assert [str(of(name, "varbinary(14)", meanings=meanings).type) for name in ("title", "seen_at", "other")] == [
        "string",
        "timestamp[us]",
        "binary",
    ]
    said = where(
        Predicate("seen_at", Comparison.LT, dt.datetime.fromisoformat("0007-01-02T03:04:05")),
        of("seen_at", "binary(14)", meanings=meanings),
    )
    assert said == f"`seen_at` < X'{b'00070102030405'.hex()}'"
