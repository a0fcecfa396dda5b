"""Names in a statement: which tables it may mean."""

from __future__ import annotations

from itertools import islice

from sqlglot import exp

from swap.catalog.model import TableName

MAX_TABLES = 64
"""Places in one statement that may name a table."""


def tables(tree: exp.Query) -> tuple[TableName, ...]:
    """Return every name of three parts where a table is named, each once.  Whether it is one, `resolve` says.

    Of a statement that names too many to pass no more are returned than show that.
    """
    found = (TableName(node.catalog, node.db, node.name) for node in tree.find_all(exp.Table) if len(node.parts) == 3)
    return tuple(dict.fromkeys(islice(found, MAX_TABLES + 1)))
