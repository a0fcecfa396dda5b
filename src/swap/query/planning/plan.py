"""Decide what is asked of each source and what the combiner does with the answers.

One fragment for each place that names a table: the columns used there, the comparisons its source
computes exactly as the combiner would, and a limit where a few rows are certainly enough.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from swap.catalog.model import PART
from swap.connectors.base import Capabilities, Comparison, Fragment, Predicate
from swap.query.language.verify import verify
from swap.query.model import Input, OwnTable, Plan, Reference, Resolved
from swap.query.planning.passing import passed_on
from swap.query.planning.pushdown import Pushdown
from swap.query.planning.rewrite import fresh_names, rewrite


def plan(resolved: Resolved, capabilities: Mapping[str, Capabilities], query_id: str) -> Plan:
    """Return the plan of a resolved statement, whose tree becomes the combiner's.  Raises QueryRefused."""
    pushdown = Pushdown(resolved, dict(capabilities))
    limit = pushdown.limit()
    names = fresh_names(resolved, "swap_input", len(resolved.references))
    named = fresh_names(resolved, "swap_cte", len(resolved.named))
    inputs = tuple(
        _input(name, reference, pushdown, limit, capabilities, query_id)
        for name, reference in zip(names, resolved.references, strict=True)
    )
    streamed = len(inputs) == 1 and _scanned_once(resolved)
    inputs, passed = passed_on(resolved, inputs, pushdown)
    sql = "" if passed else rewrite(resolved, names, named)
    if sql:
        verify(sql, names, named)
    return Plan(sql, inputs, resolved.reads, streamed, tuple(resolved.notices), passed)


def _input(
    name: str,
    reference: Reference,
    pushdown: Pushdown,
    limit: int | None,
    capabilities: Mapping[str, Capabilities],
    query_id: str,
) -> Input:
    table, columns = reference.table, reference.needed()
    if isinstance(table, OwnTable):
        return Input(name, "", None, table.upload_id, columns)
    able, scattered = capabilities.get(table.source), table.divided_in_secret
    # A limit stops where the first partitions have enough rows, which tells how many those have.
    limit = limit if able is not None and able.limit and not scattered else None
    pushed, stored = pushdown.predicates(reference), table.stored
    schema, name_there = stored.place if stored else (table.dataset.schema, table.dataset.name)
    fragment = Fragment(
        schema=schema,
        table=name_there,
        columns=columns,
        predicates=(*pushed, Predicate(PART, Comparison.IN, stored.parts)) if stored else pushed,
        limit=limit,
        query_id=query_id,
        scattered=scattered,
        order=pushdown.order() or () if limit is not None else (),
    )
    whole = not pushed and fragment.limit is None and not _may_stop_early(reference)
    return Input(name, table.source, fragment, "", columns, rows=table.dataset.row_estimate if whole else None)


def _may_stop_early(reference: Reference) -> bool:
    """Tell whether enough rows may be had before the last is read.

    EXISTS, or a limit without an order, above the table.
    """
    node: exp.Expr | None = reference.node
    while node is not None:
        limited = isinstance(node, exp.Query) and (node.args.get("limit") or node.args.get("fetch"))
        if isinstance(node, exp.Exists) or (limited and not node.args.get("order")):
            return True
        node = node.parent
    return False


def _scanned_once(resolved: Resolved) -> bool:
    """Tell whether the statement reads its only input once.

    A plain SELECT, with nothing that a plan could read twice.
    """
    tree = resolved.tree
    if not isinstance(tree, exp.Select) or resolved.references[0].select is not tree:
        return False
    twice = (
        exp.With,
        exp.Window,
        exp.Qualify,
        exp.Cube,
        exp.Rollup,
        exp.GroupingSets,
        exp.Subquery,
        exp.Join,
        exp.Lateral,
        exp.SetOperation,
    )
    return tree.find(*twice) is None and sum(1 for _ in tree.find_all(exp.Select)) == 1
