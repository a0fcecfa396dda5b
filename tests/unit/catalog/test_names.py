"""A name is written so that DuckDB's parser reads it as that name."""

from __future__ import annotations

import duckdb
import pytest

from swap.catalog import names

ODD = ("order", "Page", "a b", 'a"b', "a.b", "é", "1st", "select", "", "user", "_x1", "a; DROP")


def test_what_the_parser_may_take_for_something_else_is_quoted() -> None:
    with duckdb.connect(":memory:") as parser:
        words = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        keywords = {word for (word,) in parser.execute(words).fetchall()}

    assert {word for word in keywords if names.written(word) == word} == set()


@pytest.mark.parametrize("name", [name for name in ODD if name])
def test_a_written_name_is_read_as_it_was(name: str) -> None:
    with duckdb.connect(":memory:") as parser:
        found = parser.execute(
            f"SELECT {names.written('t', name)} FROM (SELECT 1 AS {names.written(name)}) t"
        ).description

    assert found is not None
    assert found[0][0] == name
