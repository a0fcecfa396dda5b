"""Lists, maps and structs, which a HiveServer2 sends as text, as values of their declared type.

Hive writes JSON in which a map's keys are written like values (`{1:"a"}`).  Spark is asked for JSON: fields that are
null are left out, bytes are base64, and a map is the list of its entries (`[{"key":1,"value":"a"}]`).  The type says
what is read at each place, and text that is something else is an error.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from json.decoder import scanstring  # type: ignore[attr-defined]  # the one that json itself uses
from typing import Any

import pyarrow as pa

_BARE = re.compile(r"[^\s,:\]}\[{\"]+")
_FINER = re.compile(r"\.\d{7}")
_SPACE = re.compile(r"\s*")
_FLOATS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


class NestedError(ValueError):
    """Text that is no value of the type; the message says where."""


def value(text: str, type_: pa.DataType) -> Any:
    """Return the value of a text.  Raises NestedError.

    >>> value('{1:["a",null]}', pa.map_(pa.int32(), pa.list_(pa.string())))
    [(1, ['a', None])]
    """
    try:
        found, at = _value(text, _skip(text, 0), type_)
    except (ValueError, LookupError, InvalidOperation) as error:
        raise NestedError(str(error) or type(error).__name__) from None
    if _skip(text, at) != len(text):
        raise NestedError(f"something after its end at {at}")
    return found


def _value(text: str, at: int, type_: pa.DataType) -> tuple[Any, int]:
    if text.startswith("null", at):
        return None, at + 4
    if pa.types.is_list(type_):
        return _list(text, at, type_.value_type)
    if pa.types.is_map(type_):
        return _map(text, at, type_)
    if pa.types.is_struct(type_):
        return _struct(text, at, type_)
    token, at = _token(text, at)
    return _scalar(token, type_), at


def _list(text: str, at: int, type_: pa.DataType) -> tuple[list[Any], int]:
    found: list[Any] = []
    at = _open(text, at, "[")
    while text[at] != "]":
        element, at = _value(text, at, type_)
        found.append(element)
        at = _next(text, at, "]")
    return found, at + 1


def _map(text: str, at: int, type_: pa.DataType) -> tuple[list[tuple[Any, Any]], int]:
    if text[at] == "[":
        entries, at = _list(text, at, pa.struct([("key", type_.key_type), ("value", type_.item_type)]))
        return [(each["key"], each.get("value")) for each in entries], at
    found: list[tuple[Any, Any]] = []
    at = _open(text, at, "{")
    while text[at] != "}":
        key, at = _token(text, at)
        item, at = _value(text, _colon(text, at), type_.item_type)
        found.append((_scalar(key, type_.key_type), item))
        at = _next(text, at, "}")
    return found, at + 1


def _struct(text: str, at: int, type_: pa.DataType) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    # Hive's names of fields are lower-case wherever they are written otherwise; Spark's may differ in case alone.
    fields = {field.name.lower(): field for field in type_} | {field.name: field for field in type_}
    at = _open(text, at, "{")
    while text[at] != "}":
        name, at = _token(text, at)
        field = fields.get(name) or fields.get(name.lower())
        if field is None:
            raise NestedError(f"the unknown field {name!r}")
        found[field.name], at = _value(text, _colon(text, at), field.type)
        at = _next(text, at, "}")
    return found, at + 1


def _token(text: str, at: int) -> tuple[str, int]:
    if text[at] == '"':
        token, at = scanstring(text, at + 1, False)
        return str(token), at
    bare = _BARE.match(text, at)
    if bare is None:
        raise NestedError(f"no value at {at}")
    return bare[0], bare.end()


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _open(text: str, at: int, bracket: str) -> int:
    if text[at] != bracket:
        raise NestedError(f"no {bracket} at {at}")
    return _skip(text, at + 1)


def _colon(text: str, at: int) -> int:
    at = _skip(text, at)
    if text[at] != ":":
        raise NestedError(f"no colon at {at}")
    return _skip(text, at + 1)


def _next(text: str, at: int, closing: str) -> int:
    at = _skip(text, at)
    if text[at] == closing:
        return at
    if text[at] != ",":
        raise NestedError(f"no comma at {at}")
    at = _skip(text, at + 1)
    if text[at] == closing:
        raise NestedError(f"nothing after the comma at {at}")
    return at


def _scalar(token: str, type_: pa.DataType) -> Any:
    if pa.types.is_decimal(type_):
        return Decimal(token)
    for holds, made in _SCALARS:
        if holds(type_):
            return made(token)
    raise NestedError(f"a {type_} within another value, which is not sent exactly")


def _boolean(token: str) -> bool:
    return {"true": True, "false": False}[token.lower()] if token.lower() in ("true", "false") else _no(token)


def _no(token: str) -> Any:
    raise NestedError(f"{token!r} where a boolean is declared")


def _float(token: str) -> float:
    return float(_FLOATS.get(token, token))


def _moment(token: str) -> datetime:
    if _FINER.search(token):
        raise NestedError("a time finer than microseconds")
    return datetime.fromisoformat(token)


_SCALARS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_string, str),
    (pa.types.is_binary, lambda token: base64.b64decode(token, validate=True)),
    (pa.types.is_boolean, _boolean),
    (pa.types.is_integer, int),
    (pa.types.is_floating, _float),
    (pa.types.is_date, date.fromisoformat),
    (pa.types.is_timestamp, _moment),
)
