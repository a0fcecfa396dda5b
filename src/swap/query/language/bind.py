"""Put the values of parameters into a statement's tree: as literals of their own types, never as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlglot import exp

from swap.errors import Problem, QueryRefused
from swap.query.language.params import demand_few, size
from swap.query.language.text import HALF, cut


def bind(
    tree: exp.Query, params: Mapping[str, Any], as_literal: Callable[[Any, str], exp.Expr] | None = None
) -> exp.Query:
    """Return the tree with each parameter's value in its place.  Raises QueryRefused, LimitExceeded.

    `as_literal` makes a literal of a value, as another dialect than DuckDB's reads it.
    """
    as_literal = as_literal or literal
    unused = set(params)
    sizes = {name: size(value) for name, value in params.items()}
    values = characters = 0
    members: dict[int, tuple[exp.In, dict[int, list[exp.Expr]]]] = {}
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name in {"", "?"}:
            raise QueryRefused(
                Problem(
                    "A parameter has a name here.",
                    why="Nothing was run. ? stands for a value that nothing names.",
                    todo='Write :name, and pass it: swap.sql(…, params={"name": …}).',
                )
            )
        if node.name not in params:
            raise without_value(node.name)
        unused.discard(node.name)
        if todo := _misplaced(node):
            raise QueryRefused(
                Problem(f"The parameter :{node.name} cannot stand there.", why="Nothing was run.", todo=todo)
            )
        value = params[node.name]
        # Each place that has a value takes room of its own in the statement.
        values, characters = values + sizes[node.name].values, characters + sizes[node.name].characters
        demand_few(values, characters)
        if isinstance(node.parent, exp.In) and node.arg_key in {"field", "expressions"}:
            items = value if isinstance(value, (list, tuple)) else [value]
            _, found = members.setdefault(id(node.parent), (node.parent, {}))
            found[id(node)] = [as_literal(item, node.name) for item in items]
        else:
            node.replace(as_literal(value, node.name))
    for member, found in members.values():
        _fill(member, found)
    if unused:
        name = min(unused)
        raise QueryRefused(
            Problem(
                f"The statement does not use the parameter {name}.",
                why="Nothing was run.",
                todo=f"Write :{name} where the value belongs, or leave the parameter out.",
            )
        )
    return tree


def without_value(name: str) -> QueryRefused:
    """Return the error for a parameter that was not passed."""
    return QueryRefused(
        Problem(
            f"The parameter :{cut(name)} has no value.",
            why="Nothing was run.",
            todo=f'Pass it: swap.sql(…, params={{"{cut(name)}": …}}).',
        )
    )


def _fill(node: exp.In, found: Mapping[int, list[exp.Expr]]) -> None:
    """Give IN its values, all at once: each time anew would take as long as there are, squared."""
    written = [field] if (field := node.args.get("field")) is not None else node.expressions
    items = [item for each in written for item in found.get(id(each), [each])]
    if items:
        node.set("field", None)
        node.set("expressions", items)
    else:
        # Nothing is in an empty list, and everything is not in it, null too.  What is looked for stays in the
        # statement: an aggregate alone makes one row of many.
        nothing = exp.and_(exp.Is(this=node.this.copy(), expression=exp.Null()), exp.false())
        node.replace(exp.paren(nothing, copy=False))


def _misplaced(node: exp.Expr) -> str:
    """Return what to write where a value would mean something else than itself; "" where it may stand."""
    if isinstance(node.parent, (exp.JSONExtract, exp.JSONExtractScalar)) and node.arg_key == "expression":
        return f"Write json_extract_string(…, :{node.name}), or json_extract for ->."
    child, parent = node, node.parent
    while isinstance(parent, (exp.Paren, exp.Neg, exp.Tuple, exp.Rollup, exp.Cube, exp.GroupingSets)):
        child, parent = parent, parent.parent
    if isinstance(parent, (exp.Ordered, exp.Group)) or (isinstance(parent, exp.Distinct) and child.arg_key == "on"):
        return "A number would mean the column at that position. Write the column's name."
    while parent is not None and not isinstance(parent, exp.Query):
        if isinstance(parent, exp.Bracket) and child.arg_key == "expressions":
            # sqlglot counts literal indexes from nought while it reads and back when it writes: a value bound between
            # shifts by one.
            return f"Write list_extract(…, :{node.name}) or list_slice(…)."
        child, parent = parent, parent.parent
    return ""


def literal(value: Any, name: str) -> exp.Expr:  # noqa: C901, PLR0911, PLR0912 — one line for each type
    """Return a value as a literal of its own type.  Raises QueryRefused for a type that has none."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return _number(str(abs(value)), negative=value < 0)
    if isinstance(value, float):
        if not math.isfinite(value):
            return exp.cast(exp.Literal.string(str(value)), "double")
        return exp.cast(exp.Literal.string(repr(value)), "double")
    if isinstance(value, Decimal) and value.is_finite():
        return _decimal(value)
    if isinstance(value, str):
        if "\0" in value:
            raise QueryRefused(Problem(f"The parameter {name} contains a NUL character.", why="Nothing was run."))
        if HALF.search(value):
            raise QueryRefused(Problem(f"The parameter {name} contains half a character.", why="Nothing was run."))
        return exp.Literal.string(value)
    if isinstance(value, datetime):
        kind = "timestamptz" if value.tzinfo else "timestamp"
        return exp.cast(exp.Literal.string(value.isoformat(" ")), kind)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, time):
        return exp.cast(exp.Literal.string(value.isoformat()), "time")
    if isinstance(value, bytes):
        return exp.Unhex(this=exp.Literal.string(value.hex()))
    if isinstance(value, (list, tuple)):
        return exp.Array(expressions=[literal(item, name) for item in value])
    raise QueryRefused(
        Problem(
            f"The parameter {name} is a {type(value).__name__}, which a statement cannot take.",
            why="Nothing was run.",
            todo="Use text, a number, True or False, a date or time, None, or a list of them.",
        )
    )


def _number(digits: str, *, negative: bool) -> exp.Expr:
    number = exp.Literal.number(digits)
    return exp.Neg(this=number) if negative else number


def _decimal(value: Decimal) -> exp.Expr:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    precision = max(len(value.as_tuple().digits) + max(0, exponent), scale + 1)
    if precision > 38:
        raise QueryRefused(
            Problem(f"{cut(str(value))} has more than 38 digits.", why="Nothing was run.", todo="Pass it as a float.")
        )
    return exp.cast(exp.Literal.string(f"{value:f}"), f"decimal({precision}, {scale})")
