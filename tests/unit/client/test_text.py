from __future__ import annotations

from swap.client import text

VIEWS = [
    {"name": "country", "type": "text", "align": "left", "group": False},
    {"name": "views", "type": "bigint", "align": "right", "group": True},
]


def test_numbers_stand_at_the_right_with_separators_and_null_is_a_word() -> None:
    assert (
        text.table(VIEWS, [["India", "1204118"], ["", None]])
        == """\
   country      views
   text        bigint
─  ───────  ─────────
1  India    1,204,118
2  ""            null"""
    )


def test_wide_letters_keep_the_columns_straight() -> None:
    lines = text.table(VIEWS, [["日本", "1"], ["e\u0301", "2"]]).splitlines()

    assert {text.width_of(line) for line in lines} == {18}
    assert lines[-2:] == ["1  日本          1", "2  e\u0301             2"]


def test_what_a_source_stores_cannot_steer_a_terminal() -> None:
    shown = text.table(VIEWS, [["\x1b]0;owned\x07\r\n\u202e", "1"]])

    assert not set(shown) & {"\x1b", "\x07", "\r", "\u202e"}
    assert "\\x1b]0;owned\\x07\\r\\n\\u202e" in shown


def test_columns_that_do_not_fit_are_named() -> None:
    columns = [{**VIEWS[0], "name": f"column_{index}"} for index in range(6)]

    assert (
        text.table(columns, [["x"] * 6], width=30).splitlines()[-1]
        == "and 4 more columns: column_2, column_3, column_4, column_5"
    )


def test_long_text_is_cut() -> None:
    assert text.one_line("x" * 5000) == "x" * 47 + "…"


def test_safe_text_keeps_its_lines() -> None:
    assert text.safe("a\nb\x1b[2J") == "a\nb\\x1b[2J"
