"""Values of parameters as JSON brings them: plain ones as they are, others as {"type": …, "value": …}."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from swap.errors import Invalid, Problem

_TYPES: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal, "date": date.fromisoformat, "datetime": datetime.fromisoformat, "timestamp": datetime.fromisoformat,
    "time": time.fromisoformat, "binary": bytes.fromhex, "int": int, "float": float, "str": str,
}


def decode(name: str, value: Any) -> Any:
    """Return a parameter's value.  Raises Invalid for a form that is not known."""
    if isinstance(value, list):
        return [decode(name, item) for item in value]
    if isinstance(value, dict):
        read = _TYPES.get(str(value.get("type")))
        if read is None or set(value) != {"type", "value"} or not isinstance(value["value"], str):
            raise _unknown(name)
        try:
            return read(value["value"])
        except (ValueError, InvalidOperation):
            raise _unknown(name) from None
    return value


def _unknown(name: str) -> Invalid:
    return Invalid(Problem(f"The value of the parameter {name} cannot be read.", why="Nothing was run.",
                           todo="Use text, a number, True or False, a date or time, None, or a list of them."))
