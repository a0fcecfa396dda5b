"""Values of a statement's parameters as JSON that keeps their types.

Plain ones as they are, others as {"type", "value"}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from swap.errors import Invalid, Problem


def encode(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as the gateway reads them.  Raises Invalid for a value no statement can take.

    >>> encode({"day": date(2026, 11, 22), "wiki": "dewiki", "share": Decimal("0.10")})
    {'day': {'type': 'date', 'value': '2026-11-22'}, 'wiki': 'dewiki', 'share': {'type': 'decimal', 'value': '0.10'}}
    """
    for name in params:
        if not isinstance(name, str) or not (name.isascii() and name.isidentifier()):
            raise Invalid(
                Problem(
                    f"{name!r} cannot be the name of a parameter.",
                    why="Nothing was run.",
                    todo="Use letters, digits and _, as in :country.",
                )
            )
    return {name: _value(name, value) for name, value in params.items()}


def is_plain(value: Any) -> bool:
    """Tell whether a value can be a parameter."""
    try:
        _value("", value)
    except Invalid:
        return False
    return True


def _value(name: str, value: Any) -> Any:
    value = _from_numpy(value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_value(name, item) for item in value]
    tagged = _tagged(value)
    if tagged is None:
        raise Invalid(
            Problem(
                f"The parameter {name} is a {type(value).__name__}, which a statement cannot take.",
                why="Nothing was run.",
                todo=(
                    "Use text, a number, True or False, a date or time, bytes, None, or a list of them. A table goes"
                    " into tables={…}."
                ),
            )
        )
    return {"type": tagged[0], "value": tagged[1]}


def _tagged(value: Any) -> tuple[str, str] | None:
    """Return type and text of a value that JSON has no form for, or None if no statement can take it."""
    if isinstance(value, datetime):
        # pandas: nanoseconds have no place in a timestamp, and NaT, which differs from itself, is no moment.
        return ("timestamp", value.isoformat()) if not getattr(value, "nanosecond", 0) and value == value else None  # noqa: PLR0124
    if isinstance(value, float):
        return "float", str(float(value))
    if isinstance(value, Decimal):
        return ("decimal", str(value)) if value.is_finite() else None
    if isinstance(value, date):
        return "date", value.isoformat()
    if isinstance(value, time):
        return ("time", value.isoformat()) if value.tzinfo is None else None
    return ("binary", value.hex()) if isinstance(value, (bytes, bytearray)) else None


def _from_numpy(value: Any) -> Any:
    """Return Python's value of a numpy scalar, a list for an array or a column."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "dtype") and value.dtype.kind in "biufUSM":
        # A moment in nanoseconds would become a bare integer.
        return value.astype("datetime64[us]").tolist() if value.dtype.kind == "M" else value.tolist()
    if module in {"pandas", "polars"} and hasattr(value, "to_list") and getattr(value, "ndim", 1) == 1:
        return value.to_list()
    return value
