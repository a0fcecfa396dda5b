"""What only the notebook knows of an error: which frames there are in it, and which values a statement was given."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from swap.client import lexer, screen
from swap.errors import Problem, QueryRefused, Suggestion, SwapError, UnknownName

MOST = 3
"""Suggestions at a time."""


def of_this_notebook(
    error: SwapError, statement: Any, params: Mapping[str, Any] | None, tables: Mapping[str, Any] | None
) -> SwapError:
    """Return what the person is told: the gateway's words, or better ones where the notebook knows more."""
    if isinstance(error, UnknownName):
        return _unknown_table(error, statement, tables or {})
    # Without its value a parameter's colon is no SQL, which is all that the gateway can say.
    if type(error) is QueryRefused and "cannot be read" in error.problem.title:
        missing = [name for name in lexer.parameters(statement) if name not in (params or {})]
        if missing:
            return without_value(missing[0], f'Pass it: swap.sql(…, {{"{missing[0]}": …}}).')
    return error


def without_value(name: str, todo: str, why: str = "Nothing was run.") -> QueryRefused:
    """Return the error for a parameter without a value."""
    return QueryRefused(Problem(f"The parameter :{name} has no value.", why=why, todo=todo))


def is_frame(value: Any) -> bool:
    """Tell whether a value can stand in FROM, without importing what it might be of."""
    module = type(value).__module__.partition(".")[0]
    if module == "swap":
        return type(value).__name__ == "Result"
    if module not in {"pandas", "polars", "pyarrow"} or module not in sys.modules:
        return False
    return type(value).__name__ in {"DataFrame", "LazyFrame", "Table", "RecordBatch", "RecordBatchReader"}


def _unknown_table(error: UnknownName, statement: str, tables: Mapping[str, Any]) -> UnknownName:
    """Say of a name without a dot that it may be one of the person's own tables, and which."""
    title = error.problem.title
    name = next((each for each in lexer.tables(statement) if f" table {each} " in title), None)
    if name is None:
        return error
    shell = screen.ipython()
    variables = shell.user_ns if shell is not None else {}
    frames = {*tables, *(each for each, value in variables.items() if not each.startswith("_") and is_frame(value))}
    form = f'tables={{"{name}": …}}'
    near = get_close_matches(name, frames, MOST, cutoff=0.6)
    if near:
        form = f'tables={{"{near[0]}": {near[0]}}}'
    todo = f"A table of your own stands in %%swap by its variable's name, and in swap.sql with {form}."
    kept = [each for each in error.problem.suggestions if each.by not in frames]
    own = [Suggestion(f"Use {each}", replace=name, by=each, type="your table") for each in near if each != name]
    if name in variables and not is_frame(variables[name]):
        todo = f"{name} is a {type(variables[name]).__name__}. Make it a table first: pandas.DataFrame({name})."
    elif name in frames:
        todo = f'{name} is a table of this notebook: write swap.sql(…, tables={{"{name}": {name}}}).'
        kept = []
    why = error.problem.why
    if not own and not kept:
        why = "Nothing was run. A source's tables are named source.schema.table."
    elif own:
        why = "Nothing was run. Nearest tables:"
    return UnknownName(replace(error.problem, why=why, todo=todo, suggestions=(*own, *kept)[:MOST]))
