"""What the kernel and the browser each compute must agree: `lab/tests/twins.test.ts` runs the same cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swap.client import lexer, text
from swap.client.complete import sql_at

CASES = json.loads(Path(__file__).with_name("twins.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("marked", "found"), CASES["sql_at"])
def test_sql_stands_where_the_browser_finds_it(marked: str, found: list[str | int] | None) -> None:
    at = sql_at(marked.replace("|", ""), marked.index("|"))

    assert at == (found and tuple(found))


@pytest.mark.parametrize(("statement", "pieces"), CASES["not_code"])
def test_strings_quoted_names_and_comments_end_where_the_browser_ends_them(
    statement: str, pieces: list[list[str]]
) -> None:
    kinds = {"text": "text", "quoted": "quoted", "skip": "comment"}
    found = [[kinds.get(each.lastgroup or ""), each.group()] for each in lexer._TOKEN.finditer(statement)]

    assert [piece for piece in found if piece[0] and not piece[1].isspace()] == pieces


@pytest.mark.parametrize(("number", "shown"), CASES["grouped"])
def test_numbers_are_grouped_as_the_browser_groups_them(number: str, shown: str) -> None:
    assert text.grouped(number) == shown


@pytest.mark.parametrize(("seconds", "shown"), CASES["left"])
def test_what_is_left_is_told_in_the_words_of_the_browser(seconds: float, shown: str) -> None:
    assert text.left(seconds) == shown
