"""Words as the database compares them: the same on both sides, and nothing but letters and digits."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swap.notebooks import words
from swap.notebooks.words import Where

LEXEME = r"'[^\W_]+'"


def test_what_the_docstrings_say_is_so() -> None:
    assert doctest.testmod(words).failed == 0


@given(st.text())
def test_a_query_is_words_and_nothing_else(text: str) -> None:
    asked = words.query(text)
    assert asked == "" or re.fullmatch(rf"{LEXEME}(:\*)?( & {LEXEME}(:\*)?)*", asked)


@given(st.lists(st.text(), max_size=3))
def test_a_text_is_words_with_their_places_and_nothing_else(texts: list[str]) -> None:
    made = words.vector([(Where.CODE, text) for text in texts])
    assert made == "" or re.fullmatch(rf"{LEXEME}:\d+C(,\d+C)*( {LEXEME}:\d+C(,\d+C)*)*", made)


@given(st.text())
def test_a_text_has_each_word_that_is_looked_for_in_it(text: str) -> None:
    made = words.vector([(Where.TEXT, text)])
    assert all(f"'{word}':" in made for word in words.asked(text))


@given(st.text(max_size=200), st.text(max_size=20))
def test_the_pieces_of_a_line_are_the_line(line: str, asked: str) -> None:
    assert "".join(piece for piece, _ in words.pieces(words.asked(asked), line)) == line


def test_what_is_too_much_is_left_out() -> None:
    made = words.vector([(Where.TEXT, " ".join(f"{'é' * 50}{number}" for number in range(10_000)))])
    assert words.KEPT_BYTES * 0.9 < sum(len(word.encode()) for word in re.findall(r"'(\w+)'", made)) <= words.KEPT_BYTES
    assert made.endswith("B")
    often = words.vector([(Where.TEXT, "a " * 50_000)])
    assert often == "'a':1B,2B,3B,4B,5B"


@pytest.mark.parametrize(
    ("text", "found"), [("日本語のページ", ["日", "本", "語"]), ("ＰＡＧＥ＿views", ["page", "views"])]
)
def test_words_of_other_scripts(text: str, found: list[str]) -> None:
    assert list(words.split(text))[: len(found)] == found
