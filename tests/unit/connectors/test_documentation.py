from __future__ import annotations

from pathlib import Path

import pytest

from swap.connectors import hive, mysql, postgres, process, store
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
