"""The reference says what the code does: errors, rules, limits, SQL."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from swap import errors
from swap.policy.decide import RULES
from swap.query.language import allow
from swap.query.language.names import MAX_TABLES
from swap.query.language.parse import MAX_DEPTH, MAX_TOKENS
from swap.settings import Limits

REFERENCE = Path(__file__).parents[4] / "docs" / "reference"
CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.SwapError)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_described_with_its_category_and_status(cls: type[errors.SwapError]) -> None:
    assert f"| `{cls.__name__}` | `{cls.category}` | {cls.status} |" in (REFERENCE / "errors.md").read_text(
        encoding="utf-8"
    )


def test_no_error_is_described_that_does_not_exist() -> None:
    described = set(
        re.findall(r"^\| `([A-Z]\w+)` \|", (REFERENCE / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert described == {cls.__name__ for cls in CLASSES}


def test_the_rules_are_described_in_their_order() -> None:
    described = re.findall(
        r"^\| `(\w+)` \| (?:refuses|allows)", (REFERENCE / "policy.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert described == [rule.__module__.rpartition(".")[2] for rule in RULES]


def test_every_limit_is_described() -> None:
    page = (REFERENCE / "limits.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `limits\.(\w+)`", page, re.MULTILINE)) == set(Limits.model_fields)
    assert f"{MAX_TOKENS:,} words, {MAX_DEPTH} levels of brackets, {MAX_TABLES} tables" in page


def test_every_function_and_type_is_listed_and_no_other() -> None:
    page = (REFERENCE / "sql.md").read_text(encoding="utf-8")
    functions = page.partition("## Functions")[2].partition("## Types")[0]
    types = page.partition("## Types of CAST")[2].partition("## What is refused")[0]

    assert set(re.findall(r"`(\w+)`", functions)) == allow.FUNCTION_NAMES
    assert set(re.findall(r"`(\w+)`", types)) == allow.TYPES
