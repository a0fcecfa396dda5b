from __future__ import annotations

import pytest

from swap.client.complete import DIALECTS, Sql, dialect_of, option_at, sql_at
from swap.query.language.dialects import LANGUAGES


@pytest.mark.parametrize(
    ("marked", "found"),
    [
        ("%%swap\nSELECT |", Sql("SELECT ", 7)),
        ("\n  %%swap pages\nSELECT a|b", Sql("SELECT ab", 8)),
        ("%%swap na|me\nSELECT 1", None),
        ("%%swapper\nSELECT |", None),
        ("x = 1\n%%swap\nSELECT |", None),
        ('swap.sql("SELECT a FROM la|ke", 1)', Sql("SELECT a FROM lake", 16)),
        ("swap.sql('''\nSELECT '|' ''')", Sql("\nSELECT '' ", 9)),
        ('swap.sql(f"""SELECT {x}|', Sql("SELECT {x}", 10)),
        ('swap.sql("SELECT 1") + lake|', None),
        ("rows = %swap SELECT n FROM la|", Sql("SELECT n FROM la", 16)),
        ("print(swap.tab|)", None),
        ('swap.sql("😀 SELECT |")', Sql("😀 SELECT ", 9)),
    ],
)
def test_sql_is_found_where_it_is_typed(marked: str, found: Sql | None) -> None:
    assert sql_at(marked.replace("|", ""), marked.index("|")) == found


@pytest.mark.parametrize(
    ("marked", "found"),
    [
        ("%%swap -|\nSELECT 1", ("-", ("--dialect",))),
        ("%%swap --dialect |", ("", ("hive", "mysql", "spark"))),
        ("\n %%swap --dialect=my|\nSELECT 1", ("my", ("mysql",))),
        ("%%swap --other|", ("--other", ())),
        ("%%swap pages|", None),
        ("%%swap\nSELECT -|", None),
        ("x -|", None),
    ],
)
def test_an_option_is_offered_in_the_first_line_of_a_cell_alone(
    marked: str, found: tuple[str, tuple[str, ...]] | None
) -> None:
    assert option_at(marked.replace("|", ""), marked.index("|")) == found


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("%%swap --dialect mysql pages\nSELECT ", "mysql"),
        ("%%swap --dialect=hive\nSELECT ", "hive"),
        ("%%swap pages\nSELECT 1 --dialect hive\n", ""),
        ("%swap --dialect hive SELECT ", "hive"),
        ("%swap SELECT ", ""),
    ],
)
def test_a_statement_is_completed_in_the_dialect_that_is_named(text: str, dialect: str) -> None:
    sql = sql_at(text, len(text))
    assert sql is not None

    named, rest = dialect_of(text, sql)

    assert (named, rest.text[: rest.offset].startswith("SELECT ")) == (dialect, True)


def test_the_dialects_that_are_offered_are_those_there_are() -> None:
    assert set(DIALECTS) == set(LANGUAGES)
