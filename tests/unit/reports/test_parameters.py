"""Parameters are constants that are chosen, and stay data whatever is typed.  Row J03 of the list of attacks."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from swap.errors import Invalid
from swap.reports import parameters
from swap.reports.parameters import INJECTED, Kind, Parameter, Value

CELL = """
'''What may be chosen.'''
wiki = "enwiki"   # a comment
days: int = 7
share = 0.5
offset = -3
is_exact = False
wiki = "dewiki"
today = date.today()
many = [1, 2]
nothing = None
raw = b"x"
far = 1e999
huge = 10_000_000_000_000_000_000
lines = "a\\nb"
if days:
    inner = 1
a = b = 2
late = 1
late = days + 1
odd = -False
"""
KNOWN = (
    Parameter("wiki", Kind.TEXT, "dewiki"),
    Parameter("days", Kind.WHOLE, 7),
    Parameter("share", Kind.NUMBER, 0.5),
    Parameter("offset", Kind.WHOLE, -3),
    Parameter("is_exact", Kind.TRUTH, False),
)
ATTACKS = (
    "'; import os; os.system('id') #",
    '"; __import__("os").system("id") #',
    "enwiki'\nimport os",
    "\\'; import os #",
    "\\",
    "{{ 7 * 7 }}{% raw %}",
    "'; DROP TABLE page; --",
    "$(id) `id` && id | id",
    "!id",
    "%system id",
    "%%bash",
    "wiki?",
    "../../etc/passwd",
    "a\r\nBcc: all@example.org",
    "\x00\x1b]8;;http://x\x07",
    "\u2028import os",
    "\u202eso",
    "'''\"\"\"",
    "{wiki!r}",
    "f'{1}'",
    "\N{GREEK QUESTION MARK}import os",
)


def cell(source: str | list[str], *tags: str, kind: str = "code") -> dict[str, Any]:
    return {"cell_type": kind, "id": f"c{len(source)}", "metadata": {"tags": list(tags)}, "source": source} | (
        {"outputs": [], "execution_count": None} if kind == "code" else {}
    )


def notebook(*cells: dict[str, Any], kernel: str = "swap") -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
        "cells": list(cells),
    }


# ── What may be chosen ──────────────────────────────────────────────────────────────────────────────
def test_constants_of_the_tagged_cell_may_be_chosen_and_nothing_else() -> None:
    document = notebook(cell("x = 1"), cell("wiki = 'no'", "parameters", kind="markdown"), cell(CELL, "parameters"))
    assert parameters.declared(document) == KNOWN
    assert parameters.declared(notebook(cell(CELL.splitlines(keepends=True), "x", "parameters"))) == KNOWN
    assert parameters.declared(notebook(cell(CELL, "parameters"), kernel="swap-r")) == ()
    assert parameters.declared(notebook(cell(CELL))) == ()


@pytest.mark.parametrize(
    "source", ["%matplotlib inline\nwiki = 'a'", "wiki = ", "wiki = " + "(" * 5_000, "x" * 20_001, ""]
)
def test_what_is_no_python_has_no_parameters(source: str) -> None:
    assert parameters.declared(notebook(cell(source, "parameters"))) == ()


def test_no_more_are_offered_than_a_form_can_hold() -> None:
    source = "\n".join(f"p{number} = {number}" for number in range(50))
    assert len(parameters.declared(notebook(cell(source, "parameters")))) == parameters.MOST


@pytest.mark.parametrize("broken", [{}, {"cells": [{}]}, {"cells": [{"cell_type": "code", "metadata": []}]}, {"cells": [{"cell_type": "code", "metadata": {"tags": "parameters"}}]}])  # fmt: skip
def test_a_notebook_of_any_shape_is_looked_at(broken: dict[str, Any]) -> None:
    assert parameters.declared(broken) == ()


# ── What is chosen ──────────────────────────────────────────────────────────────────────────────────
def test_what_is_typed_is_read_by_the_type_of_the_constant_and_kept_where_it_is_another() -> None:
    typed = {"wiki": "frwiki ", "days": " 30 ", "share": "1", "offset": "-3", "is_exact": "true", "other": "x"}
    assert parameters.read(KNOWN, typed) == {"wiki": "frwiki ", "days": 30, "share": 1.0, "is_exact": True}
    assert type(parameters.read(KNOWN, {"share": "1"})["share"]) is float


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("days", "7.5"), ("days", "1_000"), ("days", "٣"), ("days", ""), ("days", "9" * 19), ("days", "True"), ("days", "0x10"),
        ("share", "nan"), ("share", "inf"), ("share", "1e999"), ("share", "1_0.5"), ("share", "."), ("share", "__import__('os')"),
        ("is_exact", "True"), ("is_exact", "1"), ("is_exact", ""),
        ("wiki", "a" * 1_001), ("wiki", "a\nb"), ("wiki", "\x00"), ("wiki", "\ud800"), ("wiki", "\u202e"),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused_and_named(name: str, text: str) -> None:
    with pytest.raises(Invalid, match=name):
        parameters.read(KNOWN, {name: text})


def test_what_was_kept_is_used_where_it_still_fits() -> None:
    kept = {"wiki": "frwiki", "days": "30", "share": 2, "offset": True, "is_exact": 1, "gone": 5}
    found = parameters.fitting(KNOWN, kept)
    assert found == {"wiki": "frwiki", "share": 2.0}
    assert parameters.fitting(KNOWN, {"share": 10**300}) == {"share": 1e300}, "as JSON has it in the database"
    assert type(found["share"]) is float
    assert parameters.fitting(KNOWN, {"share": float("nan"), "days": 10**18}) == {}


# ── Where it goes ───────────────────────────────────────────────────────────────────────────────────
def test_values_go_into_a_cell_below_and_one_that_is_there_goes() -> None:
    document = notebook(cell("x"), cell(CELL, "parameters"), cell("print(wiki)"))
    made = parameters.inject(document, {"wiki": "frwiki", "days": 30})
    assert [each["source"] for each in made["cells"]][2] == "# Parameters\nwiki = 'frwiki'\ndays = 30"
    assert made["cells"][2]["metadata"] == {"tags": [INJECTED]}
    assert len(document["cells"]) == 3, "what was given is as it was"
    nbformat.validate(nbformat.from_dict(made))  # type: ignore[no-untyped-call]
    again = parameters.inject(made, {"days": 1})
    assert [each["source"] for each in again["cells"]][2:] == ["# Parameters\ndays = 1", "print(wiki)"]
    assert parameters.inject(document, {"gone": 1}) == document
    assert parameters.inject(made, {}) == document, "with the constants again, not with what a run before had"


def test_an_older_format_has_no_ids() -> None:
    document = notebook(cell(CELL, "parameters")) | {"nbformat_minor": 4}
    assert "id" not in parameters.inject(document, {"days": 1})["cells"][1]


# ── J03: what is typed never becomes code ───────────────────────────────────────────────────────────
@pytest.mark.parametrize("text", ATTACKS)
def test_j03_a_text_is_a_literal_whatever_it_says(text: str) -> None:
    with contextlib.suppress(Invalid):  # what is no line of text is refused, which the control below is not
        _assigns(parameters.source(parameters.read(KNOWN, {"wiki": text})), {"wiki": text})
    # Also what never came through the form, as in a row that somebody wrote into the database.
    made = parameters.inject(notebook(cell(CELL, "parameters")), {"wiki": text, text: "x", "days": text})
    for each in made["cells"][1:]:
        _assigns(each["source"], {"wiki": text})


def test_j03_the_control_without_literals_the_same_text_is_code() -> None:
    pasted = "wiki = '" + ATTACKS[0].replace("#", "#'")
    assert [type(each) for each in ast.parse(pasted).body] == [ast.Assign, ast.Import, ast.Expr]


@pytest.mark.parametrize("text", [text for text in ATTACKS if text.isprintable()])
def test_j03_no_value_is_a_magic_of_ipython(text: str) -> None:
    source = parameters.source({"wiki": text})
    assert TransformerManager().transform_cell(source) == f"{source}\n"  # type: ignore[no-untyped-call]


def _assigns(source: str, values: dict[str, Value]) -> None:
    """Assert that code does nothing but to assign these literals."""
    body = ast.parse(source).body
    assert all(isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant) for each in body)
    assert {each.targets[0].id: each.value.value for each in body} == values  # type: ignore[attr-defined]
