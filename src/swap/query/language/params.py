"""Values of parameters as JSON brings them: plain ones as they are, others as {"type": …, "value": …}."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from swap.errors import Invalid, LimitExceeded, Problem
from swap.query.model import Statement

MAX_NAME = 200
"""Characters of the name of a parameter or of an own table, and of an upload's id."""
MAX_OWN_TABLES = 64
MAX_LISTS = 16
"""How deep lists may lie in one another."""
MAX_VALUES = 10_000
MAX_CHARACTERS = 500_000
"""Both over all places of parameters: each value is written into the statement, which takes a while for many."""

_TYPES: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "time": time.fromisoformat,
    "binary": bytes.fromhex,
    "int": int,
    "float": float,
    "str": str,
}


def decoded(statement: Statement) -> Statement:
    """Return the statement with its parameters as values.

    Raises Invalid, LimitExceeded; neither repeats what is too long.
    """
    for what, names in (
        ("parameter", statement.params),
        ("table of yours", statement.tables),
        ("table you brought along", statement.tables.values()),
    ):
        if any(len(name) > MAX_NAME for name in names):
            raise Invalid(
                Problem(
                    f"The name of a {what} has more than {MAX_NAME} characters.",
                    why="Nothing was run.",
                    todo="Give it a shorter one.",
                )
            )
    if len(statement.tables) > MAX_OWN_TABLES:
        raise LimitExceeded(
            Problem(
                f"There are more than {MAX_OWN_TABLES} tables of yours.",
                why="Nothing was run.",
                todo="Bring only those that the statement names.",
            )
        )
    params = {name: decode(name, value) for name, value in statement.params.items()}
    sizes = [size(value) for value in params.values()]
    demand_few(sum(each.values for each in sizes), sum(each.characters for each in sizes))
    return replace(statement, params=params)


def decode(name: str, value: Any, depth: int = 0) -> Any:
    """Return a parameter's value.  Raises Invalid for a form that is not known."""
    if isinstance(value, list):
        if depth >= MAX_LISTS:
            raise Invalid(
                Problem(
                    f"The value of the parameter {name} is nested too deeply.",
                    why=f"Nothing was run. There may be {MAX_LISTS} lists in one another.",
                )
            )
        return [decode(name, item, depth + 1) for item in value]
    if isinstance(value, dict):
        read = _TYPES.get(str(value.get("type")))
        if read is None or set(value) != {"type", "value"} or not isinstance(value["value"], str):
            raise _unknown(name)
        try:
            return read(value["value"])
        except (ValueError, InvalidOperation):
            raise _unknown(name) from None
    return value


class Size(NamedTuple):
    """How much of a statement values take."""

    values: int
    characters: int


def size(value: Any) -> Size:
    """Return how much a value takes where it is written once; a list counts as a value."""
    each = list(_each([value]))
    return Size(len(each), sum(len(one) if isinstance(one, (str, bytes)) else 20 for one in each))


def demand_few(values: int, characters: int) -> None:
    """Raise LimitExceeded for more than a statement may hold."""
    if values > MAX_VALUES or characters > MAX_CHARACTERS:
        raise LimitExceeded(
            Problem(
                f"The parameters have more than {MAX_VALUES:,} values or {MAX_CHARACTERS:,} characters.",
                why="Nothing was run. A parameter counts wherever it stands.",
                todo='Put long lists into a table of your own: swap.sql(…, tables={"mine": frame}).',
            )
        )


def _each(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield None  # a list counts as a value
            yield from _each(value)
        else:
            yield value


def _unknown(name: str) -> Invalid:
    return Invalid(
        Problem(
            f"The value of the parameter {name} cannot be read.",
            why="Nothing was run.",
            todo="Use text, a number, True or False, a date or time, None, or a list of them.",
        )
    )
