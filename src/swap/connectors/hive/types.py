"""Hive's types as Arrow types, and the SQL that is sent: identifiers, literals, comparisons, projections."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from swap.connectors.base import Column, Comparison, Fragment, Predicate
from swap.connectors.exact import fits, type_family

_PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "varchar": pa.string(),
    "char": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_ntz": pa.timestamp("us"),
    "timestamp with local time zone": pa.timestamp("us", "UTC"),
    "void": pa.string(),
}
_SPARK = {**_PLAIN, "timestamp": pa.timestamp("us", "UTC")}
"""To Spark a TIMESTAMP is a moment, which it shows in the session's zone; Hive's has no zone."""
_WORD = re.compile(r"timestamp with local time zone|[a-z_]+")
_NUMBERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_COLLATION = re.compile(r"\s+collate\s+\w+")
_FIELD = re.compile(r"`((?:[^`]|``)*)`\s*:|([^:<>,]+):")
_OPERATORS = {
    Comparison.EQ: "=",
    Comparison.NE: "<>",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
}


class UnknownTypeError(ValueError):
    """A type that SWAP does not know; the message is the type."""


@dataclass(frozen=True, slots=True)
class HiveType:
    """A column's type: as Hive or Spark writes it, and as an Arrow type."""

    text: str
    type: pa.DataType
    spark: bool = False

    @property
    def padded(self) -> bool:
        """Whether its trailing spaces do not count."""
        return self.text.startswith("char(")

    @property
    def collated(self) -> bool:
        """Whether its texts are compared by something else than their bytes."""
        return self.padded or _COLLATION.search(self.text) is not None

    @property
    def nested(self) -> bool:
        """Whether its values arrive as the text of a list, a map or a struct."""
        return bool(pa.types.is_nested(self.type))


def parse(text: str, *, spark: bool = False) -> HiveType:
    """Return the type that Hive, or Spark, writes like this.  Raises UnknownTypeError.

    >>> str(parse("map<string,array<decimal(9,2)>>").type)
    'map<string, list<item: decimal128(9, 2)>>'
    >>> str(parse("timestamp", spark=True).type)
    'timestamp[us, tz=UTC]'
    """
    text = text.strip()
    type_, end = _type(text, 0, _SPARK if spark else _PLAIN)
    if end != len(text):
        raise UnknownTypeError(text)
    return HiveType(text.lower() if not pa.types.is_nested(type_) else text, type_, spark)


def _type(text: str, at: int, plain: dict[str, pa.DataType]) -> tuple[pa.DataType, int]:
    found = _WORD.match(text.lower(), at)
    if found is None:
        raise UnknownTypeError(text)
    word, at = found[0], found.end()
    if word in ("array", "map", "struct"):
        return _nested(word, text, at, plain)
    numbers = _NUMBERS.match(text, at)
    at = at if numbers is None else numbers.end()
    if word == "decimal":
        precision, scale = (10, 0) if numbers is None else (int(numbers[1]), int(numbers[2] or 0))
        return pa.decimal128(precision, scale), at
    if word not in plain:
        raise UnknownTypeError(text)
    if plain[word] == pa.string() and (collation := _COLLATION.match(text.lower(), at)):
        at = collation.end()
    return plain[word], at


def _nested(word: str, text: str, at: int, plain: dict[str, pa.DataType]) -> tuple[pa.DataType, int]:
    if text[at : at + 1] != "<":
        raise UnknownTypeError(text)
    parts: list[tuple[str, pa.DataType]] = []
    while text[at : at + 1] != ">" or not parts:
        if at >= len(text):
            raise UnknownTypeError(text)
        at += 1
        name = ""
        if word == "struct":
            field = _FIELD.match(text, at)
            if field is None:
                raise UnknownTypeError(text)
            name = field[2].strip() if field[1] is None else field[1].replace("``", "`")
            at = field.end()
        at += len(text[at:]) - len(text[at:].lstrip())
        type_, at = _type(text, at, plain)
        parts.append((name, type_))
        if text[at : at + 1] not in (",", ">"):
            raise UnknownTypeError(text)
    at += 1
    if len(parts) != {"array": 1, "map": 2}.get(word, len(parts)):
        raise UnknownTypeError(text)
    if word == "array":
        return pa.list_(parts[0][1]), at
    if word == "map":
        return pa.map_(parts[0][1], parts[1][1]), at
    return pa.struct([pa.field(name, type_) for name, type_ in parts]), at


# ── SQL ─────────────────────────────────────────────────────────────────────────────────────────────
def identifier(name: str) -> str:
    """Return a name as Hive reads it.  Raises ValueError for one in which Hive would put a variable's value.

    >>> identifier("a`b")
    '`a``b`'
    """
    if not nameable(name):
        msg = f"the name {name!r} cannot be written in a statement"
        raise ValueError(msg)
    return f"`{name.replace('`', '``')}`"


def nameable(name: str) -> bool:
    """Tell whether a name can be written in a statement."""
    return bool(name) and "${" not in name and "\0" not in name


def string(value: str) -> str:
    r"""Return a text as a literal.

    A dollar is written as its number: Hive puts variables in place of `${…}`, also in literals.

    >>> print(string("it's ${env:HOME}\\"))
    'it\'s \u0024{env:HOME}\\'
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{escaped}'"


def select(fragment: Fragment, columns: dict[str, HiveType], partitions: str = "") -> str:
    """Return a fragment as SQL, with what follows for the partitions.  Raises ValueError for one planned wrongly."""
    chosen = [_projection(each, columns[each.name]) for each in fragment.columns] or ["1"]
    # Nothing in it but quoted names and literals.
    statement = f"SELECT {', '.join(chosen)} FROM {identifier(fragment.schema)}.{identifier(fragment.table)}"  # noqa: S608
    conditions = [where(each, columns[each.column]) for each in fragment.predicates] + (
        [partitions] if partitions else []
    )
    if conditions:
        statement += f" WHERE {' AND '.join(conditions)}"
    if fragment.order:
        keys = ", ".join(
            f"{identifier(each.column)} {'DESC' if each.descending else 'ASC'}"
            f" NULLS {'FIRST' if each.nulls_first else 'LAST'}"
            for each in fragment.order
        )
        statement += f" ORDER BY {keys}"
    return statement if fragment.limit is None else f"{statement} LIMIT {int(fragment.limit)}"


def _projection(column: Column, of: HiveType) -> str:
    name = identifier(column.name)
    # Spark writes texts in lists and structs without escaping them; its JSON does.
    return f"to_json({_keyed(name, of.type)}, {_JSON})" if of.spark and of.nested else name


_JSON = (
    "map('timestampFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSSXXX',"
    " 'timestampNTZFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS')"
)
"""How Spark is to write JSON: by itself it would leave out what is finer than milliseconds."""


def _keyed(value: str, type_: pa.DataType) -> str:
    """Return an expression with lists of keys and values in place of maps whose keys are no text.

    JSON's keys are texts, and what Spark writes there for a time, a date or bytes is not their value.
    """
    if not _any_map(type_):
        return value
    if pa.types.is_list(type_):
        return f"transform({value}, x -> {_keyed('x', type_.value_type)})"
    if pa.types.is_struct(type_):
        fields = (f"{string(each.name)}, {_keyed(f'{value}.{identifier(each.name)}', each.type)}" for each in type_)
        return f"if({value} IS NULL, NULL, named_struct({', '.join(fields)}))"
    entry = pa.struct([("key", type_.key_type), ("value", type_.item_type)])
    return _keyed(f"map_entries({value})", pa.list_(entry))


def _any_map(type_: pa.DataType) -> bool:
    """Tell whether there is a map in a type; a map is a list of its entries."""
    return pa.types.is_map(type_) or any(_any_map(type_.field(at).type) for at in range(type_.num_fields))


def where(predicate: Predicate, of: HiveType) -> str:
    """Return one comparison."""
    name = identifier(predicate.column)
    if predicate.comparison is Comparison.IS_NULL:
        return f"{name} IS NULL"
    if predicate.comparison is Comparison.NOT_NULL:
        return f"{name} IS NOT NULL"
    if predicate.comparison is Comparison.IN:
        values = ", ".join(literal(of, value) for value in predicate.value)
        return f"{name} IN ({values})" if values else "FALSE"
    return f"{name} {_OPERATORS[predicate.comparison]} {literal(of, predicate.value)}"


def literal(of: HiveType, value: Any) -> str:
    """Return a value as a literal of the column's own type."""
    type_ = of.type
    if not fits(type_, value):
        msg = f"a {type(value).__name__} cannot be compared exactly as {type_}"
        raise ValueError(msg)
    family = type_family(type_)
    if family == "decimal":
        return f"CAST({string(format(value, 'f'))} AS DECIMAL({type_.precision},{type_.scale}))"
    if pa.types.is_float32(type_):
        family = "float32"
    return (_SPARK_LITERALS if of.spark else _LITERALS)[family](value)


def _float(value: float) -> str:
    """Return a float as Java writes and reads it."""
    return repr(value).replace("inf", "Infinity")


_LITERALS: dict[str, Callable[[Any], str]] = {
    "boolean": lambda value: "TRUE" if value else "FALSE",
    "integer": lambda value: f"{value}L" if value > -(2**63) else "CAST('-9223372036854775808' AS BIGINT)",
    "float32": lambda value: f"CAST('{_float(value)}' AS FLOAT)",
    "float": lambda value: f"CAST('{_float(value)}' AS DOUBLE)",
    "text": string,
    "binary": lambda value: f"unhex('{value.hex()}')",
    "date": lambda value: f"DATE '{dt.date.isoformat(value)}'",
    "timestamp": lambda value: f"TIMESTAMP '{dt.datetime.isoformat(value, ' ')}'",
}
_SPARK_LITERALS = _LITERALS | {
    "timestamp": lambda value: f"TIMESTAMP_NTZ '{dt.datetime.isoformat(value, ' ')}'",
    "timestamptz": lambda value: f"TIMESTAMP_LTZ '{dt.datetime.isoformat(value.astimezone(dt.UTC), ' ')}'",
}
