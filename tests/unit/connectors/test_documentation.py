from __future__ import annotations

import re
from pathlib import Path

import pytest

from swap.connectors import hive, mysql, mysql_types, postgres, process, store
from swap.connectors.filters import COMPARISONS
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
