"""When the result is one source's rows as they come, so that no combiner is needed.

That is a plain SELECT of columns, each once, in which the source applies every comparison and the limit itself;
and whose columns have types that DuckDB gives back as it gets them.  A mask or a row filter, once policies have them,
is something left to compute.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from swap.connectors.base import Column, Fragment
from swap.query.model import Input, Reference, Resolved
from swap.query.planning.pushdown import Pushdown, count

_KEPT = frozenset(
    {
        *(pa.null(), pa.bool_(), pa.string(), pa.binary(), pa.float32(), pa.float64()),
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.date32(), pa.time64("us"), pa.timestamp("us", "UTC")),
        *(pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns")),
    }
)
_PARTS = frozenset({"expressions", "from_", "where", "limit"})


def passed_on(
    resolved: Resolved, inputs: tuple[Input, ...], pushdown: Pushdown
) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Return the inputs, and what the columns of the only one are called where it is the result; else no names.

    Its columns are then asked for in the order in which the statement names them.
    """
    tree = resolved.tree
    if (
        len(inputs) != 1
        or not isinstance(tree, exp.Select)
        or {key for key, value in tree.args.items() if value} - _PARTS
    ):
        return inputs, ()
    (item,), reference = inputs, resolved.references[0]
    if item.fragment is None or not _only(tree, reference) or not pushdown.is_whole(tree):
        return inputs, ()
    if tree.args.get("limit") and (
        count(tree.args["limit"]) is None or count(tree.args["limit"]) != item.fragment.limit
    ):
        return inputs, ()
    columns = _columns(resolved, tree, reference)
    if not columns or len({name.casefold() for name in columns}) < len(columns):
        return inputs, ()
    if not all(map(_is_kept, columns.values())):
        return inputs, ()
    # Columns that only the comparisons need are not fetched: nobody but the source looks at them.
    ordered = tuple(columns.values())
    fragment: Fragment = replace(item.fragment, columns=ordered)
    return (replace(item, fragment=fragment, columns=ordered),), tuple(columns)


def _only(tree: exp.Select, reference: Reference) -> bool:
    """Tell whether FROM is the table alone."""
    return bool(tree.args.get("from_")) and tree.args["from_"].this is reference.node


def _columns(resolved: Resolved, tree: exp.Select, reference: Reference) -> dict[str, Column]:
    """Return the result's columns by their names, if each is one of the table's; else none."""
    if (
        len(tree.expressions) == 1
        and type(tree.expressions[0]) is exp.Star
        and not any(tree.expressions[0].args.values())
    ):
        return {column.name: column for column in reference.needed()}
    known = {column.name: column for column in reference.columns}
    found: list[tuple[str, Column]] = []
    for item in tree.expressions:
        node = item.this if isinstance(item, exp.Alias) else item
        meaning = resolved.meanings.get(id(node)) if isinstance(node, exp.Column) else None
        if meaning is None or meaning.reference is not reference:
            return {}
        column = known[meaning.column]
        # Without an alias DuckDB calls a column as its table does, however the statement spells it.
        found.append((item.alias if isinstance(item, exp.Alias) else column.name, column))
    named = dict(found)
    return named if len(named) == len(found) == len({column.name for _, column in found}) else {}


def _is_kept(column: Column) -> bool:
    return column.type in _KEPT or pa.types.is_decimal128(column.type)
