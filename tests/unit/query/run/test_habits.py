"""How long a statement usually takes is known from its person's own last run, and forgotten before it is too much."""

from __future__ import annotations

from swap.query.model import Statement
from swap.query.run.habits import Usual
from swap.query.run.state import Span

ASKED = Statement("SELECT 1", {"day": 22}, {"mine": "u1"})
TOOK = {"combine": Span(0.1, 4.0)}


def test_the_last_run_of_the_same_statement_is_what_is_usual() -> None:
    usual = Usual()
    assert usual.of("pann", ASKED).spans == {}

    usual.of("pann", ASKED).learn({"combine": Span(0.0, 9.0)})
    usual.of("pann", ASKED).learn(TOOK)

    assert usual.of("pann", ASKED).spans == TOOK
    assert usual.of("pann", Statement("SELECT 1", {"day": 22}, {"mine": "u2"})).spans == TOOK, (
        "a table brought again has another id"
    )


def test_nobody_learns_how_long_somebody_elses_took() -> None:
    usual = Usual()
    usual.of("pann", ASKED).learn(TOOK)

    assert usual.of("pbert", ASKED).spans == {}


def test_another_statement_or_parameter_is_another_question() -> None:
    usual = Usual()
    usual.of("pann", ASKED).learn(TOOK)

    others = (
        Statement("SELECT 2", ASKED.params, ASKED.tables),
        Statement("SELECT 1", {"day": 23}, ASKED.tables),
        Statement("SELECT 1", {"day": 22}),
    )
    assert [usual.of("pann", other).spans for other in others] == [{}, {}, {}]


def test_the_run_that_is_longest_ago_is_forgotten_first() -> None:
    usual = Usual(most=2)
    for text in ("a", "b", "a", "c"):
        usual.of("pann", Statement(text)).learn(TOOK)

    assert [bool(usual.of("pann", Statement(text)).spans) for text in ("a", "b", "c")] == [True, False, True]
