"""Write lab/src/model.ts from SWAP's own models: `python scripts/lab_model.py`; a test compares the two.

A dataclass becomes an interface with the same fields, as `swap.gateway.answers.answer` makes JSON of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from swap.errors import Problem, Suggestion, SwapError
from swap.query.results.format import Head
from swap.query.results.pages import Page
from swap.query.run.state import ResultColumn, RunView, Span, StageView

TARGET = Path(__file__).resolve().parent.parent / "lab" / "src" / "model.ts"

MODELS: dict[type, str] = {
    Suggestion: "Suggestion",
    Problem: "Problem",
    Span: "Span",
    StageView: "Stage",
    ResultColumn: "ResultColumn",
    RunView: "Run",
    Head: "Column",
    Page: "Page",
}
"""What is written, in this order, by its name in TypeScript."""

_SIMPLE = {
    str: "string",
    datetime: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    Any: "unknown",
    # errors.to_json puts the category beside the problem's own fields.
    SwapError: MODELS[Problem],
}


def members(model: type) -> Iterator[tuple[str, str]]:
    """Yield the fields of a model as JSON has them, each with its type in TypeScript."""
    if model is Problem:
        yield "category", "string"
    for name, hint in get_type_hints(model).items():
        yield name, _type(hint)


def _type(hint: Any) -> str:  # noqa: PLR0911 — one line for each kind of type
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in MODELS:
        return MODELS[hint]
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin in {Union, UnionType}:
        return " | ".join(_type(each) for each in arguments)
    if origin is Literal:
        return " | ".join(f"'{each}'" for each in arguments)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " | ".join(f"'{each.value}'" for each in hint)
    if origin is tuple and arguments[1:] == (...,):
        item = _type(arguments[0])
        return f"({item})[]" if get_origin(arguments[0]) in {Union, UnionType} else f"{item}[]"
    if origin in {dict, Mapping}:
        return f"Record<string, {_type(arguments[1])}>"
    raise TypeError(f"{hint} has no counterpart in TypeScript; give it one here and in swap.gateway.answers.")


def source() -> str:
    """Return model.ts."""
    parts = [
        "/** What the gateway tells.  Written by scripts/lab_model.py from SWAP's own models; change them there. */"
    ]
    for model, name in MODELS.items():
        assert is_dataclass(model)
        about = (model.__doc__ or "").strip().partition("\n\n")[0]
        fields = "\n".join(f"  {field}: {kind};" for field, kind in members(model))
        parts.append(f"/** {' '.join(about.split())} */\nexport interface {name} {{\n{fields}\n}}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(TARGET.parents[2])}\n")
