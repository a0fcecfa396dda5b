from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from swap.connectors import process, store
from swap.connectors.filters import COMPARISONS
from swap.connectors.hive import connector as hive
from swap.connectors.hive import types as hive_types
from swap.connectors.mysql import connector as mysql
from swap.connectors.mysql import types as mysql_types
from swap.connectors.postgres import connector as postgres
from swap.connectors.postgres import types as postgres_types
from swap.connectors.registry import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "connectors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_section(kind: str) -> None:
    assert f"\n## {kind}\n" in PAGE
    assert f"| `{kind}` |" in PAGE


@pytest.mark.parametrize(
    "family",
    sorted(
        {
            family
            for family, _ in COMPARISONS
            | hive.CAPABILITIES["hive"].comparisons
            | hive.CAPABILITIES["spark"].comparisons
            | mysql.CAPABILITIES.comparisons
            | postgres.CAPABILITIES.comparisons
        }
    ),
)
def test_every_family_that_is_compared_is_in_the_table(family: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and family in line.split("|")[1]]

    assert rows


def _types(section: str) -> str:
    """Return the table of a connector's types."""
    found = PAGE[PAGE.index(f"\n## {section}\n") :]
    return found[: found.index("\n\n", found.index(" | Arrow | note |"))]


def _row(section: str, written: str, column: int) -> list[str]:
    """Return the cells of the row that names a store's type in one of its columns."""
    rows = [line.strip("| ").split(" | ") for line in _types(section).splitlines() if line.startswith("| ")]
    found = [
        row
        for row in rows
        if re.search(rf"`{re.escape(written)}(?:\([^`]*\))?`", row[0 if row[column] == "the same" else column])
    ]
    assert len(found) == 1, f"{written} of {section} stands in {len(found)} rows"
    return found[0]


def _arrow(type_: pa.DataType) -> str:
    return str(type_).replace("date32[day]", "date32").replace("timestamp[us, tz=UTC]", "timestamp[us, UTC]")


@pytest.mark.parametrize("spark", [False, True], ids=["hive", "spark"])
def test_every_type_of_hive_and_spark_has_its_row(spark: bool) -> None:
    known = hive_types._SPARK if spark else hive_types._PLAIN
    theirs = {"timestamp_ntz"} if not spark else {"timestamp with local time zone"}
    for written in known.keys() - theirs - {"integer", "void"}:
        cells = _row("hive", written, 1 if spark else 0)
        assert _arrow(known[written]) in re.split(r" (?!UTC)", cells[2]), written
    for nested in ("array", "map", "struct"):
        assert f"`{nested}<…>`" in _types("hive")


POSTGRES = {
    16: "boolean",
    17: "bytea",
    20: "bigint",
    21: "smallint",
    23: "integer",
    25: "text",
    700: "real",
    701: "double precision",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
}


def test_every_type_of_postgresql_that_is_decoded_has_its_row() -> None:
    assert POSTGRES.keys() == postgres_types._BINARY.keys()
    for oid, written in POSTGRES.items():
        cells = _row("postgres", written, 0)
        assert _arrow(postgres_types._BINARY[oid]) in re.split(r" (?!UTC)", cells[1]), written


def test_every_type_of_mysql_stands_in_its_table() -> None:
    table = _types("mysql").lower()
    for data_type in mysql_types._OTHERS.keys() - mysql_types._SPATIAL:
        assert f"`{data_type}" in table, data_type
    for data_type in ("char", "varchar", "text", "enum", "set", "json", "binary", "varbinary", "blob", "decimal"):
        assert f"`{data_type}" in table, data_type


def test_the_page_tells_the_numbers_of_the_reader_process() -> None:
    page = " ".join(PAGE.split())

    assert f"for {process.ANSWERS} answers each" in page
    assert f"takes longer than {store.GRACE_SECONDS:g} s" in page


def _mysql_rows() -> dict[str, str]:
    """Return the types of MySQL that the page lists, each with its Arrow type."""
    section = PAGE[PAGE.index("\n## mysql\n") : PAGE.index("\n## files\n")]
    found = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            written, arrow = line.split("|")[1:3]
            types = re.findall(r"`([^`]+)`", written)
            names = re.findall(r"\w+(?:\[[^\]]*\]|\([^)]*\))?", arrow)
            found |= dict(zip(types, names if len(names) == len(types) else names * len(types), strict=True))
    return found


@pytest.mark.parametrize(("written", "arrow"), _mysql_rows().items())
def test_a_type_of_mysql_becomes_what_the_page_says(written: str, arrow: str) -> None:
    declared = written.lower()
    type_ = mysql_types.column(
        ("d", "t", "c"), re.split(r"[( ]", declared)[0], declared, "utf8mb4", mysql_types.Meanings()
    ).type

    assert str(type_).replace("tz=", "").replace("[day]", "") == arrow


def test_every_type_of_mysql_that_has_one_of_arrow_is_on_the_page() -> None:
    known = {*mysql_types._INTEGERS, *mysql_types._TEXT, *mysql_types._BYTES, *mysql_types._OTHERS, "decimal"}

    assert known <= {re.split(r"[( ]", written.lower())[0] for written in _mysql_rows()}
