"""What the gateway tells is one model: the Lab's types are written from it, and the reference lists its fields."""

from __future__ import annotations

import re
import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest

from swap.errors import Problem, Suggestion
from swap.query.run.state import ResultColumn, RunView, Span, StageView

ROOT = Path(__file__).resolve().parents[3]
API = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
WRITER = runpy.run_path(str(ROOT / "scripts" / "lab_model.py"))


def test_the_labs_types_are_those_of_the_model() -> None:
    written = (ROOT / "lab" / "src" / "model.ts").read_text(encoding="utf-8")

    assert written == WRITER["source"](), "run: python scripts/lab_model.py"


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        (RunView, "### The state of a run\n"),
        (StageView, "\nA `Stage`:"),
        (Span, "\nA `Span`, in seconds:"),
        (ResultColumn, "\nA `ResultColumn`:"),
    ],
)
def test_the_reference_lists_every_field_with_its_type_and_no_other(model: type, begins: str) -> None:
    table = API.partition(begins)[2].partition("|---|---|---|\n")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \| `(.+?)` \| \S", table, re.MULTILINE)

    assert [(name, kind.replace(r"\|", "|")) for name, kind in listed] == list(WRITER["members"](model))


def test_the_reference_shows_an_error_with_every_field() -> None:
    shown = API.partition('{"error": {')[2].partition("\n\n")[0]
    suggestion = shown.partition('"suggestions": [{')[2].partition("}]")[0]

    assert set(re.findall(r'"(\w+)"', suggestion)) == {name for name, _ in WRITER["members"](Suggestion)}
    assert set(re.findall(r'"(\w+)":', shown)) == {name for name, _ in WRITER["members"](Problem)}


def test_a_type_without_a_counterpart_is_refused() -> None:
    @dataclass
    class Odd:
        kinds: set[int]

    with pytest.raises(TypeError, match="has no counterpart"):
        list(WRITER["members"](Odd))
