"""Which cells of a notebook only define things, so that another notebook can take them.  Pure; runs nothing.

A cell counts whole: all it says at its top level are imports, functions, classes and constants.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COLLECTIONS = (ast.Tuple, ast.List, ast.Set)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of code: its place from 1, what it defines, and why it is left out, if it is."""

    number: int
    source: str
    names: tuple[str, ...]
    left_out: str


def read(number: int, source: str) -> Cell:
    r"""Return what a cell defines.

    >>> read(2, "import re\nLIMIT = 10\ndef clean(text):\n    return text[:LIMIT]").names
    ('re', 'LIMIT', 'clean')
    >>> read(3, "def f(): ...\nprint(f())").left_out
    'line 2 runs something'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Cell(number, source, (), "it is not Python alone")
    names = tuple(name for each in statements for name in _named(each))
    runs = next((each.lineno for each in statements if not _defines(each)), 0)
    return Cell(number, source, names, f"line {runs} runs something" if runs else "")


def _defines(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Assign(targets=targets, value=value):
            return all(isinstance(each, ast.Name) for each in targets) and _constant(value)
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value is None or _constant(value)
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant)
        case _:
            return isinstance(statement, _DEFINITIONS)


def _constant(value: ast.expr) -> bool:
    match value:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _constant(operand)
        case ast.BinOp(left=left, right=right):
            return _constant(left) and _constant(right)
        case ast.Dict(keys=keys, values=values):
            return all(each is not None and _constant(each) for each in (*keys, *values))
        case _:
            return isinstance(value, _COLLECTIONS) and all(_constant(each) for each in value.elts)


def _named(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines at the top level."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((each.asname or each.name).partition(".")[0] for each in names)
        case ast.Assign(targets=targets):
            yield from (each.id for each in targets if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
