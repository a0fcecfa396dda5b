"""The parameters of a notebook: constants of the cell tagged `parameters`, as papermill has it.  Pure values.

What is chosen for them is data and stays data: it is read by the type of the constant that it takes the place of, and
written into a cell of its own as a literal of Python.  No text that somebody typed becomes code.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from swap.errors import Invalid, Problem
from swap.r import KERNEL as R_KERNEL

Value = bool | int | float | str
TAG: Final = "parameters"
INJECTED: Final = "injected-parameters"
MOST: Final = 16
"""Parameters of one notebook that can be chosen: the first ones."""
LONGEST: Final = 1_000
"""Characters of a text."""
_LARGEST: Final = 10**18
_SOURCE_LENGTH: Final = 20_000
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_ID_MINOR: Final = 5
"""From nbformat 4.5 on, each cell has an id."""


class Kind(StrEnum):
    """What a parameter's values are."""

    TRUTH = "bool"
    WHOLE = "int"
    NUMBER = "float"
    TEXT = "str"


_KINDS: Final = {bool: Kind.TRUTH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}
_WANTED: Final = {
    Kind.TRUTH: "true or false",
    Kind.WHOLE: "a whole number of up to 18 digits",
    Kind.NUMBER: "a number, as 0.5",
    Kind.TEXT: f"one line of up to {LONGEST:,} characters",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant that a notebook lets be chosen."""

    name: str
    kind: Kind
    default: Value


def declared(document: Mapping[str, Any]) -> tuple[Parameter, ...]:
    r"""Return what a notebook lets be chosen, in its order; nothing where its language is not Python.

    >>> cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "wiki = 'enwiki'\ndays: int = 7"}
    >>> [(each.name, each.kind.value, each.default) for each in declared({"cells": [cell]})]
    [('wiki', 'str', 'enwiki'), ('days', 'int', 7)]
    """
    at = _tagged(document, TAG)
    if at is None or not _is_python(document):
        return ()
    source = _text(document["cells"][at].get("source"))
    try:
        body = ast.parse(source).body if len(source) <= _SOURCE_LENGTH else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    # What is assigned last counts.
    found = [(name, _kind(value), value) for name, value in dict(_constants(body)).items()]
    return tuple(Parameter(name, kind, value) for name, kind, value in found if kind is not None)[:MOST]


def read(known: Sequence[Parameter], said: Mapping[str, str]) -> dict[str, Value]:
    """Return the values that somebody typed, by name, without those that the notebook has itself.

    What is not said is as the notebook has it.  Raises Invalid that names the parameter.
    """
    typed = {each.name: _typed(each, said[each.name]) for each in known if each.name in said}
    return {each.name: typed[each.name] for each in known if each.name in typed and typed[each.name] != each.default}


def fitting(known: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, Value]:
    """Return those of some values that a notebook lets be chosen, each of its type."""
    found: dict[str, Value] = {}
    for each in known:
        value = values.get(each.name)
        if each.kind is Kind.NUMBER and type(value) is int:
            value = float(value)  # as JSON may have it
        if value is not None and _kind(value) is each.kind:
            found[each.name] = value
    return found


def inject(document: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook with values for its parameters in a cell below theirs, and without one that is there.

    What does not fit its parameters is left out.
    """
    known = declared(document)
    if not known:
        return document
    cells = list(document["cells"])
    if (there := _tagged(document, INJECTED)) is not None:
        # Of a run before: what is chosen now is all that differs from the constants.
        del cells[there]
    chosen = fitting(known, values)
    if not chosen:
        return {**document, "cells": cells}
    new: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
        "source": source(chosen),
    }
    if document.get("nbformat_minor", 0) >= _ID_MINOR:
        new["id"] = INJECTED
    below = _tagged({"cells": cells}, TAG)
    assert below is not None
    cells.insert(below + 1, new)
    return {**document, "cells": cells}


def source(values: Mapping[str, Value]) -> str:
    """Return the code that sets values: an assignment of a literal on each line.

    >>> print(source({"wiki": "a'; drop table b; --", "days": -7}))
    # Parameters
    wiki = "a'; drop table b; --"
    days = -7
    """
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])


def _constants(body: Sequence[ast.stmt]) -> Iterator[tuple[str, Any]]:
    """Yield what is assigned to a name in a cell's outermost lines, as far as it is a literal."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, _literal(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, _literal(value)
            case _:
                pass


def _literal(value: ast.expr) -> Any:
    match value:
        case ast.Constant(value=found):
            return found
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as found)):
            return None if isinstance(found, bool) else -found
        case _:
            return None


def _kind(value: Any) -> Kind | None:
    """Return what a value is; None for what no parameter can have."""
    kind = _KINDS.get(type(value))
    if kind is Kind.WHOLE:
        return kind if abs(value) < _LARGEST else None
    if kind is Kind.NUMBER:
        return kind if math.isfinite(value) else None
    if kind is Kind.TEXT:
        return kind if len(value) <= LONGEST and value.isprintable() else None
    return kind


def _typed(parameter: Parameter, text: str) -> Value:
    """Return what was typed for a parameter.  Raises Invalid."""
    said = text if parameter.kind is Kind.TEXT else text.strip()
    value: Value | None = None
    if parameter.kind is Kind.TRUTH:
        value = {"true": True, "false": False}.get(said)
    elif parameter.kind is Kind.WHOLE and _WHOLE.fullmatch(said):
        value = int(said)
    elif parameter.kind is Kind.NUMBER and _NUMBER.fullmatch(said):
        value = float(said)
    elif parameter.kind is Kind.TEXT:
        value = said
    if value is None or _kind(value) is not parameter.kind:
        raise Invalid(Problem(f"{parameter.name} cannot be this.", todo=f"Write {_WANTED[parameter.kind]}."))
    return value


def _tagged(document: Mapping[str, Any], tag: str) -> int | None:
    """Return which cell of code is the first with a tag."""
    for at, cell in enumerate(document.get("cells", ())):
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        if cell.get("cell_type") == "code" and isinstance(tags, list) and tag in tags:
            return at
    return None


def _is_python(document: Mapping[str, Any]) -> bool:
    # As `swap.lab.report` chooses the kernel.
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    return not isinstance(kernel, dict) or kernel.get("name") != R_KERNEL


def _text(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")
