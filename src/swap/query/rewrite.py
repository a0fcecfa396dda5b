"""Write the statement that the combiner runs.  Only text made here from the checked tree goes on; the person's own never does.

Masks and row filters will go below the query, here: each reference becomes its combiner input, and a
policy's duty becomes part of what that input is, where no WHERE of the person can look behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from swap.errors import Problem, QueryRefused
from swap.query.model import Resolved


def input_names(resolved: Resolved) -> list[str]:
    """Return a name for each reference's input that the statement itself uses nowhere."""
    taken = {node.name.casefold() for node in resolved.tree.find_all(exp.Identifier)}
    prefix = "swap_input"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    return [f"{prefix}_{index}" for index in range(len(resolved.references))]


def rewrite(resolved: Resolved, names: Sequence[str]) -> str:
    """Put the inputs in the tables' places and return the statement as text.  Raises QueryRefused."""
    for reference, name in zip(resolved.references, names, strict=True):
        node, alias = reference.node, reference.alias
        node.set("this", exp.to_identifier(name))
        node.set("db", None)
        node.set("catalog", None)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return regenerate(resolved.tree)


def regenerate(tree: exp.Query) -> str:
    """Return the tree as text without comments, after reading it back and finding the same names, values and text."""
    try:
        text = tree.sql(dialect="duckdb", comments=False)
        again = _read(text)
        same = again.sql(dialect="duckdb", comments=False) == text and _keeps(tree, again)
    except (SqlglotError, RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        same = False
    if not same:
        raise QueryRefused(Problem("SWAP cannot write this statement again with the same meaning.", why="Nothing was run.",
                                   todo="Write it in a plainer way, with brackets where one operator follows another."))
    return text


def _read(text: str) -> exp.Expr:
    dialect = DuckDB()
    trees = dialect.parser().parse(dialect.tokenize(text), text)
    if len(trees) != 1 or trees[0] is None:
        msg = "not one statement"
        raise ValueError(msg)
    return trees[0]


def _keeps(tree: exp.Expr, again: exp.Expr) -> bool:
    """Tell whether every name and value is there again, and no table more.  Writing may spell a function differently, no more."""
    before, after = _leaves(tree), _leaves(again)
    return not before - after and _tables(tree) == _tables(again)


def _leaves(tree: exp.Expr) -> Counter[tuple[str, str]]:
    return Counter((type(node).__name__, str(node.this)) for node in tree.walk() if isinstance(node, (exp.Identifier, exp.Literal)))


def _tables(tree: exp.Expr) -> Counter[str]:
    return Counter(node.sql("duckdb") for node in tree.find_all(exp.Table))

