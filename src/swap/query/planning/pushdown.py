"""Which comparisons and limits a source may apply itself, so that less is fetched and the answer is the same.

Everything pushed down is also done by the combiner, except a limit: a mistake here can only fetch
too much or, were it unsafe, too little; so whatever is not certainly safe is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from sqlglot import exp

from swap.connectors.base import Capabilities, Column, Comparison, Order, Predicate
from swap.connectors.exact import type_family
from swap.query.language.dialect import Dialect
from swap.query.model import Reference, Resolved

MAX_IN = 1000
"""Values of an IN list that is still pushed down."""

_COMPARISONS: dict[type[exp.Expr], Comparison] = {
    exp.EQ: Comparison.EQ,
    exp.NEQ: Comparison.NE,
    exp.LT: Comparison.LT,
    exp.LTE: Comparison.LE,
    exp.GT: Comparison.GT,
    exp.GTE: Comparison.GE,
}
_MIRRORED = {
    Comparison.EQ: Comparison.EQ,
    Comparison.NE: Comparison.NE,
    Comparison.LT: Comparison.GT,
    Comparison.LE: Comparison.GE,
    Comparison.GT: Comparison.LT,
    Comparison.GE: Comparison.LE,
}
_PLAIN = (
    exp.Column,
    exp.Identifier,
    exp.Star,
    exp.Alias,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Cast,
    exp.TryCast,
    exp.DataType,
    exp.DataTypeParam,
    exp.Neg,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Case,
    exp.If,
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Tuple,
    exp.Dot,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?", re.ASCII)
_DECIMAL = re.compile(r"DECIMAL(?:\((\d+)(?:, (\d+))?\))?", re.ASCII)
_DECIMAL_TEXT = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
_UNSET = object()


class Pushdown:
    """The comparisons of a statement that its sources may apply, by reference."""

    def __init__(self, resolved: Resolved, capabilities: dict[str, Capabilities]) -> None:
        self._resolved = resolved
        self._capabilities = capabilities
        self._predicates: dict[int, list[Predicate]] = {id(reference): [] for reference in resolved.references}
        self._left: dict[int, int] = {}
        selects = {
            id(reference.select): reference.select for reference in resolved.references if reference.select is not None
        }
        for select in selects.values():
            self._push(select)

    def predicates(self, reference: Reference) -> tuple[Predicate, ...]:
        """Return what the reference's source may filter by."""
        return tuple(dict.fromkeys(self._predicates[id(reference)]))

    def is_whole(self, select: exp.Select) -> bool:
        """Tell whether the sources apply all that stands in a WHERE."""
        return not self._left.get(id(select), 0)

    def limit(self) -> int | None:
        """Return how many rows of the only table are enough, when that is certain."""
        tree, references = self._resolved.tree, self._resolved.references
        if not isinstance(tree, exp.Select) or len(references) != 1 or references[0].select is not tree:
            return None
        if {key for key, value in tree.args.items() if value} - {
            "expressions",
            "from_",
            "where",
            "order",
            "limit",
            "offset",
        } or not self.is_whole(tree):
            return None
        if self.order() is None:
            return None
        if not tree.args.get("limit") or not all(
            isinstance(node, _PLAIN) for item in tree.expressions for node in item.walk()
        ):
            return None
        bounds = [count(tree.args.get("limit")), count(tree.args["offset"]) if tree.args.get("offset") else 0]
        return None if None in bounds else sum(bound for bound in bounds if bound is not None)

    def order(self) -> tuple[Order, ...] | None:
        """Return by what the statement sorts the only table, if its source sorts alike; nothing where it does not sort.

        None where a source may not sort for it.
        """
        tree = self._resolved.tree
        found = []
        for item in tree.args["order"].expressions if tree.args.get("order") else ():
            column = self._column(_unaliased(tree, item.this)) if type(item) is exp.Ordered else None
            if column is None or item.args.get("with_fill"):
                return None
            reference, described = column
            capabilities = self._capabilities.get(getattr(reference.table, "source", ""))
            if capabilities is None or not capabilities.sorts(described):
                return None
            found.append(Order(described.name, bool(item.args.get("desc")), bool(item.args.get("nulls_first"))))
        return tuple(found)

    # ── Where a comparison may be applied below the join it stands above ───────────────────────────
    def _push(self, select: exp.Select) -> None:
        own = {id(reference) for reference in self._resolved.references if reference.select is select}
        nullable: set[int] = set()
        before = self._references_in(select.args["from_"].this) if select.args.get("from_") else set()
        if select.args.get("from_"):
            nullable |= self._nested(select.args["from_"].this)
        for join in select.args.get("joins") or []:
            joined = self._references_in(join.this)
            nullable |= self._nested(join.this)
            before, nullable = self._join(join, before, joined, nullable)
        where = select.args.get("where")
        left = 0
        for conjunct in _conjuncts(where.this) if where else ():
            left += not self._take(conjunct, own - nullable)
        self._left[id(select)] = left

    def _join(
        self, join: exp.Join, before: set[int], joined: set[int], nullable: set[int]
    ) -> tuple[set[int], set[int]]:
        side, kind, method = join.side.upper(), join.kind.upper(), join.method.upper()
        if method:
            # ASOF looks for the nearest row: one filtered away would make another the nearest.
            return before | joined, nullable | joined | (before if side in {"RIGHT", "FULL"} else set())
        restricting: set[int] = set()
        if not side and kind in {"", "INNER", "CROSS"}:
            restricting = before | joined
        elif side == "LEFT" or kind in {"SEMI", "ANTI"}:
            restricting = joined
        elif side == "RIGHT":
            restricting = before
        for conjunct in _conjuncts(join.args["on"]) if join.args.get("on") else ():
            self._take(conjunct, restricting - nullable)
        if side in {"LEFT", "FULL"}:
            nullable = nullable | joined
        if side in {"RIGHT", "FULL"}:
            nullable = nullable | before
        if kind in {"SEMI", "ANTI"}:
            nullable = nullable | joined
        return before | joined, nullable

    def _references_in(self, item: exp.Expr) -> set[int]:
        """Return the references of this FROM item itself, those in parentheses too, not those inside sub-queries."""
        nodes = {id(node) for node in item.find_all(exp.Table)}
        return {
            id(reference)
            for reference in self._resolved.references
            if id(reference.node) in nodes and reference.select is item.find_ancestor(exp.Select)
        }

    def _nested(self, item: exp.Expr) -> set[int]:
        """Return the references that are joined inside parentheses: what their joins do is not followed."""
        return self._references_in(item) if item.args.get("joins") or isinstance(item, exp.Subquery) else set()

    # ── One comparison ──────────────────────────────────────────────────────────────────────────
    def _take(self, conjunct: exp.Expr, allowed: set[int]) -> bool:
        """Give the comparison to its source if that is safe; tell whether it was."""
        found = list(self._predicates_of(conjunct))
        for reference, _ in found:
            if id(reference) not in allowed:
                return False
        for reference, predicate in found:
            self._predicates[id(reference)].append(predicate)
        return bool(found)

    def _predicates_of(self, node: exp.Expr) -> Iterator[tuple[Reference, Predicate]]:
        node = node.unnest()
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            yield from self._both(node.this, Comparison.GE, node.args["low"], Comparison.LE, node.args["high"])
        elif (
            isinstance(node, exp.In)
            and not node.args.get("query")
            and not node.args.get("unnest")
            and not node.args.get("field")
        ):
            yield from self._in(node)
        elif isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            yield from self._one(node.this, Comparison.IS_NULL, None)
        elif isinstance(node, exp.Not):
            inner = node.this.unnest()
            if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
                yield from self._one(inner.this, Comparison.NOT_NULL, None)
            elif isinstance(inner, exp.Column):
                yield from self._one(inner, Comparison.EQ, exp.false())
        elif isinstance(node, exp.Column):
            yield from self._one(node, Comparison.EQ, exp.true())
        elif type(node) in _COMPARISONS:
            comparison = _COMPARISONS[type(node)]
            if isinstance(node.this.unnest(), exp.Column):
                yield from self._one(node.this, comparison, node.expression)
            else:
                yield from self._one(node.expression, _MIRRORED[comparison], node.this)

    def _both(
        self, column: exp.Expr, first: Comparison, low: exp.Expr, second: Comparison, high: exp.Expr
    ) -> list[tuple[Reference, Predicate]]:
        found = [*self._one(column, first, low), *self._one(column, second, high)]
        return found if len(found) == 2 else []

    def _in(self, node: exp.In) -> Iterator[tuple[Reference, Predicate]]:
        column = self._column(node.this)
        if column is None or not 0 < len(node.expressions) <= MAX_IN:
            return
        reference, described = column
        values = tuple(_value(item, described.type) for item in node.expressions)
        if _UNSET not in values and self._accepts(reference, described, Comparison.IN, values):
            yield reference, Predicate(described.name, Comparison.IN, values)

    def _one(
        self, node: exp.Expr, comparison: Comparison, operand: exp.Expr | None
    ) -> Iterator[tuple[Reference, Predicate]]:
        column = self._column(node)
        if column is None:
            return
        reference, described = column
        value = None if operand is None else _value(operand, described.type)
        if value is not _UNSET and self._accepts(reference, described, comparison, value):
            yield reference, Predicate(described.name, comparison, value)

    def _column(self, node: exp.Expr) -> tuple[Reference, Column] | None:
        meaning = self._resolved.meanings.get(id(node.unnest()))
        if meaning is None:
            return None
        return meaning.reference, next(column for column in meaning.reference.columns if column.name == meaning.column)

    def _accepts(self, reference: Reference, column: Column, comparison: Comparison, value: Any) -> bool:
        capabilities = self._capabilities.get(getattr(reference.table, "source", ""))
        return capabilities is not None and capabilities.accepts(column, comparison, value)


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, (exp.And, exp.Paren)):
            stack.extend(part.iter_expressions())
        else:
            yield part


def _unaliased(tree: exp.Expr, node: exp.Expr) -> exp.Expr:
    """Return what an alias of the select list stands for where ORDER BY names one; else the node itself."""
    if not isinstance(node, exp.Column) or len(node.parts) != 1:
        return node
    named = [
        each.this for each in tree.args["expressions"] if isinstance(each, exp.Alias) and _same(each.alias, node.name)
    ]
    return named[0] if len(named) == 1 else node


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def count(node: exp.Expr | None) -> int | None:
    """Return the number in LIMIT or OFFSET, if it is certainly one."""
    if not isinstance(node, (exp.Limit, exp.Offset)) or node.args.get("limit_options") or node.args.get("expressions"):
        return None
    value = node.expression
    if not isinstance(value, exp.Literal) or value.is_string or not _COUNT.fullmatch(value.name):
        return None
    return int(value.name)


def _value(node: exp.Expr, type_: pa.DataType) -> Any:  # noqa: PLR0911 — one line for each family
    """Return a literal as a value that compares with this type as DuckDB would compare it, or _UNSET."""
    node, family = node.unnest(), type_family(type_)
    if isinstance(node, exp.Boolean):
        return node.this if family == "boolean" else _UNSET
    if isinstance(node, exp.Neg) or (isinstance(node, exp.Literal) and not node.is_string):
        return _number(node, type_, family)
    text, cast = _text(node)
    if text is None or "\0" in text:
        return _UNSET
    if family == "text" and not cast:
        return text
    if family == "date" and cast in {"", "DATE"} and _DATE.fullmatch(text):
        return _parsed(date.fromisoformat, text)
    if family == "timestamp" and cast in {"", "TIMESTAMP", "DATETIME", "DATE"}:
        return _moment(text, cast)
    if family == "timestamptz" and cast == "TIMESTAMPTZ":
        return _zoned(text)
    if family == "decimal":
        return _decimal(text, cast)
    return _UNSET


def _number(node: exp.Expr, type_: pa.DataType, family: str) -> Any:
    negative = isinstance(node, exp.Neg)
    inner = node.this if negative else node
    if not isinstance(inner, exp.Literal) or inner.is_string:
        return _UNSET
    digits = ("-" if negative else "") + inner.name
    whole = re.fullmatch(r"-?\d{1,18}", digits)
    if family == "integer":
        return int(digits) if whole and _fits(int(digits), type_) else _UNSET
    if family == "decimal" and _DECIMAL_TEXT.fullmatch(digits):
        return Decimal(digits)
    if (
        family == "float"
        and type_ == pa.float64()
        and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", digits)
        and len(digits) < 16
    ):
        return float(digits)
    return _UNSET


def _decimal(text: str, cast: str) -> Any:
    """Return a text's value if the cast leaves it as it is: DuckDB would round it, or refuse it."""
    type_ = _DECIMAL.fullmatch(cast)
    if type_ is None or not _DECIMAL_TEXT.fullmatch(text):
        return _UNSET
    precision, scale = (int(type_[1]), int(type_[2] or 0)) if type_[1] else (18, 3)
    whole, _, fraction = text.removeprefix("-").partition(".")
    return Decimal(text) if len(fraction) <= scale and len(whole.lstrip("0")) <= precision - scale else _UNSET


def _fits(value: int, type_: pa.DataType) -> bool:
    signed = pa.types.is_signed_integer(type_)
    bits = type_.bit_width - signed
    return bool((-(1 << bits) if signed else 0) <= value < (1 << bits))


def _text(node: exp.Expr) -> tuple[str | None, str]:
    """Return a string literal and the type it is cast to ('' for none)."""
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name, ""
    if (
        type(node) is exp.Cast
        and isinstance(node.this, exp.Literal)
        and node.this.is_string
        and not node.args.get("format")
    ):
        return node.this.name, node.to.sql(Dialect).upper()
    return None, ""


def _moment(text: str, cast: str) -> Any:
    if _DATE.fullmatch(text):
        return _parsed(datetime.fromisoformat, text)
    return _parsed(datetime.fromisoformat, text) if cast != "DATE" and _TIMESTAMP.fullmatch(text) else _UNSET


def _zoned(text: str) -> Any:
    if not re.fullmatch(_TIMESTAMP.pattern + r"[+-]\d\d:\d\d", text, re.ASCII):
        return _UNSET
    # In UTC, as the sources are told it: the first and the last moments that can be written have none there.
    return _parsed(lambda written: datetime.fromisoformat(written).astimezone(UTC), text)


def _parsed(read: Any, text: str) -> Any:
    try:
        return read(text)
    except (ValueError, OverflowError, InvalidOperation):
        return _UNSET
