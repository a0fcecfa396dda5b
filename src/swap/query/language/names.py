"""Names in a statement: which tables it may mean."""

from __future__ import annotations

from sqlglot import exp

from swap.catalog.model import TableName


def tables(tree: exp.Query) -> tuple[TableName, ...]:
    """Return every name of three parts where a table is named, each once.  Whether it is one, `resolve` says."""
    found = (TableName(node.catalog, node.db, node.name) for node in tree.find_all(exp.Table) if len(node.parts) == 3)
    return tuple(dict.fromkeys(found))
