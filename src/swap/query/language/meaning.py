"""What a text means to DuckDB: its own parser's tree, in one form for all spellings of the same thing.

The statement that runs is written anew from sqlglot's tree.  Where sqlglot reads a text otherwise than
DuckDB does, with other brackets for one, the two trees differ here, and the statement is refused instead
of answered with other rows.  What is equal is listed in this module, each for a spelling that sqlglot
changes when it writes; all that is not listed counts as different.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import starmap
from typing import Any

from swap.query.language.dialect import LAMBDA_FUNCTIONS
from swap.query.language.duck import own_parser, read

_UNSAID = frozenset({"query_location_length", "export_state", "is_operator", "is_implicit"})
_PLACE = frozenset({"query_location"})
_NOWHERE = 1 << 63
_WHOLE = re.compile(r"-?\d{1,15}")
_KEY = re.compile(r"[A-Za-z_]\w*")

Tree = Any
"""Dicts, lists and values, as JSON has them."""


def meaning(text: str) -> Tree:
    """Return what DuckDB reads in one SELECT.  Raises `duck.Unread`."""
    return _plain(read(text))


def difference(one: Tree, other: Tree) -> tuple[bool, int | None]:
    """Return whether two meanings differ, and the offset in bytes of the first place where they do, in the first."""
    pair = _differing(one, other)
    if pair is None:
        return False, None
    return True, min(_places(pair), default=None)


def _differing(one: Tree, other: Tree) -> Tree | None:
    """Return the innermost part of the first tree that is another one in the second, and has a place where it may."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() - _PLACE == other.keys() - _PLACE:
        pairs: Iterable[tuple[Tree, Tree]] = ((value, other[key]) for key, value in one.items() if key not in _PLACE)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
    else:
        return None if one == other else [one]
    found = next((inner for inner in starmap(_differing, pairs) if inner is not None), None)
    return found if found is None or any(True for _ in _places(found)) else [one]


def _places(tree: Tree) -> Iterator[int]:
    if isinstance(tree, dict):
        place = tree.get("query_location", _NOWHERE)
        if place < _NOWHERE:
            yield place
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _places(each)


def _plain(node: Tree) -> Tree:
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _plain(value) for key, value in node.items() if key not in _UNSAID}
    kind = made.get("class") or made.get("type")
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    return rule(made) if rule else made


def _function(node: Tree) -> Tree:
    name = node["function_name"].casefold()
    name = _aliases().get(name, name)
    arguments, orders = node["arguments"], node["order_bys"]["orders"]
    if name == "date_part" and arguments[0]["expression"].get("literal"):
        unit = arguments[0]["expression"]["literal"]
        unit["text"] = unit["text"].casefold()
    if name in {"quantile_cont", "quantile_disc"} and len(orders) == len(arguments) == 1:
        # WITHIN GROUP (ORDER BY x)
        node["arguments"] = [{"name": "", "expression": orders[0]["expression"]}, *arguments]
    if name == "if" and len(arguments) == 3:
        when, then, otherwise = (each["expression"] for each in arguments)
        return _called(node, "case", when, then, otherwise)
    if name in LAMBDA_FUNCTIONS:
        # An arrow is a lambda there, and is written as one.
        for each in arguments[1:]:
            if each["expression"].get("name") == "->":
                each["expression"]["name"] = "lambda"
    if name == "->>" and len(arguments) == 2:
        return _path(node, name, *(each["expression"] for each in arguments))
    path = node.pop("qualified_name")["path"]
    return {**node, "function_name": [*path[:-1], name]}


def _value(kind: str, text: str) -> Tree:
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "literal": {"kind": kind, "text": text}}


def _called(node: Tree, name: str, *arguments: Tree) -> Tree:
    """Return the call that a node of another class is too."""
    said = {key: node[key] for key in ("alias", *_PLACE) if key in node}
    return {**said, "class": "CALLED", "name": name, "arguments": list(arguments)}


def _case(node: Tree) -> Tree:
    checks = node["case_checks"]
    if len(checks) == 1:
        return _called(node, "case", checks[0]["when_expr"], checks[0]["then_expr"], node["else_expr"])
    return node


def _lambda(node: Tree) -> Tree:
    """Return a lambda, or, as the parser cannot tell an old one with an arrow from it, a place in JSON."""
    if node["syntax_type"] == "LAMBDA_KEYWORD":
        return _called(node, "lambda", node["lhs"], node["expr"])
    return _path(node, "->", node["lhs"], node["expr"])


def _path(node: Tree, name: str, document: Tree, place: Tree) -> Tree:
    """Return a place in JSON; `'x'` and `0` are short for `'$.x'` and `'$[0]'`."""
    literal = place.get("literal") or {}
    text = str(literal.get("text"))
    if literal.get("kind") == "INTEGER":
        place = {**place, "literal": {"kind": "STRING", "text": f"$[{text}]"}}
    elif literal.get("kind") == "STRING" and not text.startswith(("$", "/")):
        key = text if _KEY.fullmatch(text) else f'"{text}"'
        place = {**place, "literal": {"kind": "STRING", "text": f"$.{key}"}}
    return _called(node, name, document, place)


def _constant(node: Tree) -> Tree:
    literal = node.get("literal")
    if literal and literal["kind"] in {"INTEGER", "NUMERIC"}:
        # sqlglot writes `.5` as `0.5`: the same number, in a decimal with one digit more of precision.
        text = literal["text"].replace("_", "")
        node["literal"] = {**literal, "text": f"0{text}" if text.startswith(".") else text}
    return node


def _column(node: Tree) -> Tree:
    return {**node, "column_names": [name.casefold() for name in node["column_names"]]}


def _cast(node: Tree) -> Tree:
    literal = node["child"].get("literal")
    if node["type_expr"]["type_name"] == "DOUBLE" and literal and _WHOLE.fullmatch(str(literal["text"])):
        node["child"]["literal"] = {"kind": "NUMERIC", "text": literal["text"]}
    return node


def _type(node: Tree) -> Tree:
    path = node.pop("qualified_name")["path"]
    name = node["type_name"].casefold()
    if name in {"decimal", "numeric"} and not node["children"]:
        node["children"] = [_value("INTEGER", "18"), _value("INTEGER", "3")]
    return {**node, "type_name": _types().get(name, name.upper()), "path": path[:-1]}


def _operator(node: Tree) -> Tree:
    if node["type"] == "OPERATOR_IS_NOT_NULL":
        return _not({**node, "type": "OPERATOR_IS_NULL"})
    return node


def _comparison(node: Tree) -> Tree:
    if node["type"] == "COMPARE_DISTINCT_FROM":
        return _not({**node, "type": "COMPARE_NOT_DISTINCT_FROM"})
    return node


def _not(node: Tree) -> Tree:
    return {"class": "OPERATOR", "type": "OPERATOR_NOT", "alias": node["alias"], "children": [{**node, "alias": ""}]}


def _order(node: Tree) -> Tree:
    for key, usual in (("type", "ASCENDING"), ("null_order", "NULLS LAST")):
        if node[key] == usual:
            node[key] = "ORDER_DEFAULT"
    return node


def _join(node: Tree) -> Tree:
    if node["ref_type"] == "CROSS":
        return {**node, "ref_type": "REGULAR", "condition": _value("BOOLEAN", "true")}
    return node


class Known:
    """Texts that were looked at, as many as the last `most` of them, kept as digests.  Safe to use from threads."""

    def __init__(self, most: int) -> None:
        """Know nothing yet."""
        self._most = most
        self._digests: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def __contains__(self, text: str) -> bool:
        """Return whether a text was added and is not yet forgotten."""
        return _digest(text) in self._digests

    def add(self, text: str) -> None:
        """Keep a text, and forget the oldest."""
        with self._lock:
            self._digests[_digest(text)] = None
            if len(self._digests) > self._most:
                del self._digests[next(iter(self._digests))]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_RULES: dict[str, Callable[[Tree], Tree]] = {
    "FUNCTION": _function,
    "CASE": _case,
    "LAMBDA": _lambda,
    "CONSTANT": _constant,
    "COLUMN_REF": _column,
    "CAST": _cast,
    "TYPE": _type,
    "OPERATOR": _operator,
    "COMPARISON": _comparison,
    "JOIN": _join,
    "ASCENDING": _order,
    "DESCENDING": _order,
    "ORDER_DEFAULT": _order,
}


@cache
def _aliases() -> dict[str, str]:
    """Return DuckDB's own list of functions with two names."""
    rows = own_parser().execute("SELECT DISTINCT function_name, alias_of FROM duckdb_functions() WHERE alias_of <> ''")
    return dict(rows.fetchall())


@cache
def _types() -> dict[str, str]:
    """Return DuckDB's own list of the names of types."""
    return dict(own_parser().execute("SELECT DISTINCT type_name, logical_type FROM duckdb_types()").fetchall())
