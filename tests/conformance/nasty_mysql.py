"""Columns of MariaDB with what they hold, and values at and beyond the edges of what they can."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A column's type, literals of what it holds, and what it is compared with."""

    type: str
    held: tuple[str, ...]
    operands: tuple[Any, ...]
    name: str = "value"
    prefix: str = ""
    """How much of it an index takes, where that must be said."""


def _moments(*texts: str, zone: dt.tzinfo | None = None) -> tuple[dt.datetime, ...]:
    return tuple(dt.datetime.fromisoformat(text).replace(tzinfo=zone) for text in texts)


def _decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


KINDS = {
    "year": Kind("YEAR", ("0", "1970", "1999", "2069", "2155"), (0, 1, 70, 69, 99, 1970, 1800, 3000, -5, 2155, 2000)),
    "tiny": Kind("TINYINT", ("-128", "0", "127"), (-129, -128, 127, 128, 255, -(2**63), 2**63 - 1)),
    "unsigned tiny": Kind("TINYINT UNSIGNED", ("0", "1", "255"), (-1, 0, 256, -300, 255, 2**62)),
    "medium": Kind("MEDIUMINT", ("-8388608", "8388607"), (-8388609, -8388608, 8388607, 8388608)),
    "unsigned int": Kind("INT(10) UNSIGNED ZEROFILL", ("0", "4294967295"), (-1, 4294967295, 4294967296)),
    "unsigned big": Kind(
        "BIGINT UNSIGNED", ("0", "9223372036854775808", "18446744073709551615"), (-1, 0, 2**63 - 1, -(2**63))
    ),
    "big": Kind("BIGINT", ("-9223372036854775808", "0", "9223372036854775807"), (-(2**63), 2**63 - 1, 0)),
    "decimal": Kind("DECIMAL(5,2)", ("-999.99", "0", "999.99"), _decimals("-1000", "1000", "999.99", "0", "1E+20")),
    "unsigned decimal": Kind(
        "DECIMAL(5,2) UNSIGNED",
        ("0", "1.5", "999.99"),
        _decimals("-1.5", "0", "1000.00", "99999.99", "1.50", "-0.01", "-0.00"),
    ),
    "double": Kind(
        "DOUBLE",
        ("-1.7976931348623157e308", "1.23", "0", "5e-324", "1.7976931348623157e308"),
        (1.23, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 1.2300000000000002, float("inf"), float("-inf")),
    ),
    "double of two places": Kind(
        "DOUBLE(5,2)", ("1.23", "1.24", "0", "999.99"), (1.234, 1.236, 1.23, 1000.5, -0.0, -1e300, 1e300, 5e-324)
    ),
    "unsigned double": Kind("DOUBLE UNSIGNED", ("1.23", "0"), (-1.0, 0.0, -0.0, -5e-324, float("-inf"))),
    "float": Kind("FLOAT", ("0.1", "16777217", "0"), (0.10000000149011612, 16777216.0, 3.4028234663852886e38, -0.0)),
    "float of two places": Kind("FLOAT(5,2)", ("1.23", "0"), (1.2300000190734863, 0.0)),
    "bits": Kind("BIT(8)", ("0", "255"), (0, 255, 256, -1)),
    "many bits": Kind("BIT(64)", ("0", "18446744073709551615", "9223372036854775807"), (0, 2**63 - 1, -1)),
    "fixed bytes": Kind(
        "BINARY(3)",
        ("'a'", "'aa'", "'aaa'", "''", "X'FF'", "X'00FFFF'"),
        (b"a", b"a\0", b"a\0\0", b"a\0\0\0", b"", b"aaa", b"aaaa", b"\xff", b"\0", b"\x01", b"\xff\xff\xff\xff"),
    ),
    "bytes": Kind(
        "VARBINARY(3)",
        ("'a'", "'aa'", "'aaa'", "''", "'a '", "X'6100'"),
        (b"a", b"a\0", b"a ", b"a\0\0\0", b"", b"aaa", b"aaaa"),
    ),
    "blob": Kind("BLOB", ("'a'", "'aaaa'", "''", "'a '"), (b"a", b"a ", b"", b"aaa", b"aaaaa"), prefix="(2)"),
    "name": Kind("VARBINARY(3)", ("'a'", "'A'", "'ä'", "''"), ("a", "A", "ä", "", "aaaa", "a "), name="name"),
    "fixed name": Kind("BINARY(3)", ("'aaa'", "'A'", "'ä'"), ("a", "A", "ä", "", "aaa", "aaaa"), name="name"),
    "stamp of fourteen digits": Kind(
        "BINARY(14)",
        ("'20260101000000'", "'20260101000001'"),
        _moments(
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.000001",
            "2026-01-01T00:00:01.5",
            "2025-12-31T23:59:59.999999",
            "0001-01-01T00:00:00",
            "9999-12-31T23:59:59.999999",
        ),
        name="touched",
    ),
    "stamp of up to fourteen digits": Kind(
        "VARBINARY(14)",
        ("'20260101000000'", "'20260101000001'"),
        _moments("2026-01-01T00:00:00", "2026-01-01T00:00:00.000001", "2026-01-01T00:00:01.5"),
        name="touched",
    ),
    "moment in UTC": Kind(
        "TIMESTAMP",
        ("'1970-01-01 00:00:01'", "'2026-01-01 00:00:00'", "'2038-01-19 03:14:07'"),
        (
            *_moments(
                "0001-01-01T00:00:00",
                "1900-01-01T00:00:00",
                "1970-01-01T00:00:00",
                "1970-01-01T00:00:01",
                "1970-01-01T00:00:00.5",
                "2038-01-19T03:14:07.5",
                "2038-01-19T03:14:08",
                "9999-12-31T23:59:59.999999",
                zone=dt.UTC,
            ),
            *_moments("2026-01-01T02:00:00", zone=dt.timezone(dt.timedelta(hours=2))),
        ),
    ),
    "fine moment in UTC": Kind(
        "TIMESTAMP(6)",
        ("'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'"),
        _moments(
            "1970-01-01T00:00:00.999999",
            "2038-01-19T03:14:07.999999",
            "2038-01-19T03:14:08",
            "9999-12-31T23:59:59.999999",
            zone=dt.UTC,
        ),
    ),
    "moment": Kind(
        "DATETIME(3)",
        ("'2026-01-01 00:00:00.001'", "'9999-12-31 23:59:59.999'", "'0001-01-01 00:00:00'"),
        _moments(
            "2026-01-01T00:00:00.001",
            "2026-01-01T00:00:00.001001",
            "9999-12-31T23:59:59.999999",
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00.000001",
        ),
    ),
    "day": Kind(
        "DATE",
        ("'0001-01-01'", "'2026-01-01'", "'9999-12-31'"),
        (dt.date(1, 1, 1), dt.date(2026, 1, 1), dt.date(9999, 12, 31)),
    ),
    "padded text": Kind(
        "CHAR(3) COLLATE utf8mb4_general_ci", ("'a'", "'A'", "'ä'", "''"), ("a", "a ", "A", "ä", "", "aaaaaa", " ")
    ),
    "text that ignores case": Kind(
        "VARCHAR(3) COLLATE utf8mb4_unicode_ci",
        ("'a'", "'ä'", "''", "'ß'"),
        ("a", "a ", "A", "ä", "", "ss", "ß", "aaaaaa", "\u200b"),
    ),
    "text by its bytes": Kind(
        "VARCHAR(3) COLLATE utf8mb4_bin", ("'a'", "'A'", "''", "'a\t'"), ("a", "a ", "A", "", "a\t", "\t")
    ),
    "long text": Kind("TEXT COLLATE utf8mb4_bin", ("'a'", "'aaaa'", "''"), ("a", "aaaa", "aaa", ""), prefix="(2)"),
    "latin1": Kind("VARCHAR(3) CHARACTER SET latin1", ("'a'", "'ä'", "'€'"), ("a", "ä", "€", "日", "Ä")),
    "one of": Kind("ENUM('b','a')", ("'a'", "'b'"), ("a", "b", "A", "1", "c")),
    "some of": Kind("SET('b','a')", ("'a,b'", "'b'", "''"), ("a,b", "b,a", "b", "", "B", "1")),
    "uuid": Kind(
        "UUID",
        ("'00000000-0000-0000-0000-00000000000a'", "'ffffffff-0000-0000-0000-000000000000'"),
        ("00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000A", "f", ""),
    ),
    "address": Kind("INET6", ("'::1'", "'fe80::1'"), ("::1", "0:0:0:0:0:0:0:1", "fe80::1", "")),
    "old address": Kind("INET4", ("'127.0.0.1'", "'9.9.9.9'"), ("127.0.0.1", "9.9.9.9", "127.0.0.01")),
    "wide decimal": Kind("DECIMAL(60,2)", ("1", "10", "9"), ("1.00", "9", "9.00", "10")),
}
