from __future__ import annotations

import pytest

from swap.client.complete import Sql, sql_at


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
