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
            raise _refused(f"{name!r} cannot be the name of a parameter.", "Use letters, digits and _, as in :country.")
    return {name: _value(name, value) for name, value in params.items()}


def _value(name: str, value: Any) -> Any:
    value = _from_numpy(name, value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_value(name, item) for item in value]
    if type(value).__name__ in {"NaTType", "NAType"}:
        raise _missing(name)
    tagged = _tagged(name, value)
    if tagged is None:
        raise _refused(
            f"The parameter {name} is a {type(value).__name__}, which a statement cannot take.",
            "Use text, a number, True or False, a date or time, bytes, None, or a list of them. A table goes into FROM:"
            " by its name in %%swap, in tables={…} of swap.sql.",
        )
    return {"type": tagged[0], "value": tagged[1]}


def _tagged(name: str, value: Any) -> tuple[str, str] | None:
    """Return type and text of a value that JSON has no form for, or None if no statement can take it."""
    if isinstance(value, datetime):
        if getattr(value, "nanosecond", 0):
            raise _too_fine(name)
        return "timestamp", value.isoformat()
    if isinstance(value, float):
        return "float", str(float(value))
    if isinstance(value, Decimal):
        return ("decimal", str(value)) if value.is_finite() else None
    if isinstance(value, date):
        return "date", value.isoformat()
    if isinstance(value, time):
        return ("time", value.isoformat()) if value.tzinfo is None else None
    return ("binary", value.hex()) if isinstance(value, (bytes, bytearray)) else None


def _from_numpy(name: str, value: Any) -> Any:
    """Return Python's value of a numpy scalar, a list for an array or a column."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "dtype") and value.dtype.kind in "biufUS":
        return value.tolist()
    if module == "numpy" and hasattr(value, "dtype") and value.dtype.kind == "M":
        return _moments(name, value)
    if module in {"pandas", "polars"} and hasattr(value, "to_list") and getattr(value, "ndim", 1) == 1:
        return value.to_list()
    return value


def _moments(name: str, value: Any) -> Any:
    """Return numpy's moments, one or an array, as Python's.  Raises Invalid for what Python cannot hold exactly."""
    if (value != value).any():  # noqa: PLR0124 — NaT differs from itself
        raise _missing(name)
    exact = value.astype("datetime64[us]")
    if (exact.astype(value.dtype) != value).any():
        raise _too_fine(name)
    moments = exact.tolist()
    if any(not isinstance(each, datetime) for each in (moments if isinstance(moments, list) else [moments])):
        raise _refused(f"The parameter {name} is out of the years 1 to 9999.", "Use a moment in them.")
    return moments


def _missing(name: str) -> Invalid:
    return _refused(
        f"The parameter {name} has no value: it is missing, or one in its list is.",
        f"Leave missing ones out: {name}.dropna(). For null, pass None.",
    )


def _too_fine(name: str) -> Invalid:
    return _refused(
        f"The parameter {name} has nanoseconds, which a timestamp has no place for.",
        f'Round it first: pd.Timestamp({name}).round("us").',
    )


def _refused(title: str, todo: str) -> Invalid:
    return Invalid(Problem(title, why="Nothing was run.", todo=todo))
