"""The dialects that a statement may be in, beside DuckDB's, by the names that people give them."""

from __future__ import annotations

from collections.abc import Mapping

from swap.errors import Invalid, Problem, QueryRefused
from swap.query.language import hive, mysql, spark
from swap.query.language.native import Language

LANGUAGES: dict[str, Language] = {each.name: each for each in (hive.LANGUAGE, mysql.LANGUAGE, spark.LANGUAGE)}


def language(name: str) -> Language:
    """Return a dialect by its name.  Raises Invalid."""
    if name not in LANGUAGES:
        raise Invalid(
            Problem(
                "There is no such dialect.",
                why="Nothing was run.",
                todo=f"Write one of {', '.join(LANGUAGES)}, or leave it out: then it is DuckDB's, over all sources.",
            )
        )
    return LANGUAGES[name]


def demand_none(tables: Mapping[str, str]) -> None:
    """Refuse own tables, which no source has.  Raises QueryRefused."""
    if tables:
        raise QueryRefused(
            Problem(
                "A statement with a dialect cannot use a table of your own.",
                why="Nothing was run. The source runs it, and does not have the table.",
                todo="Leave dialect out, or pass values: IN (:ids).",
            )
        )
