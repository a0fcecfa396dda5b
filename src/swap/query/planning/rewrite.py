"""Write the statement that the combiner runs.

Only text made here from the checked tree goes on; the person's own never does.

Masks and row filters will go below the query, here: each reference becomes its combiner input, and a
policy's duty becomes part of what that input is, where no WHERE of the person can look behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError

from swap.errors import Problem, QueryRefused
from swap.query.language.dialect import Dialect
from swap.query.model import Resolved


def fresh_names(resolved: Resolved, prefix: str, count: int) -> list[str]:
    """Return names that the statement itself uses nowhere."""
    taken = {node.name.casefold() for node in resolved.tree.find_all(exp.Identifier)}
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    return [f"{prefix}_{index}" for index in range(count)]


def rewrite(resolved: Resolved, inputs: Sequence[str], named: Sequence[str]) -> str:
    """Put the inputs in the tables' places and return the statement as text.  Raises QueryRefused.

    Queries in WITH get names of ours too: DuckDB looks a name up in its own tables and among files where it does
    not see the query, so that no name a person wrote may stand for a table.
    """
    known = {id(reference.node) for reference in resolved.references} | {
        id(use) for item in resolved.named for use in item.uses
    }
    tables = (table for table in resolved.tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier))
    if any(id(table) not in known for table in tables):
        raise QueryRefused(Problem("A table cannot stand there.", why="Nothing was run."))
    for reference, name in zip(resolved.references, inputs, strict=True):
        node, alias = reference.node, reference.alias
        node.set("this", exp.to_identifier(name))
        node.set("db", None)
        node.set("catalog", None)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    for item, name in zip(resolved.named, named, strict=True):
        for use in item.uses:
            if not use.alias:
                use.set("alias", exp.TableAlias(this=exp.to_identifier(use.name, quoted=True)))
            use.set("this", exp.to_identifier(name))
        item.node.args["alias"].set("this", exp.to_identifier(name))
    return regenerate(resolved.tree)


def regenerate(tree: exp.Query) -> str:
    """Return the tree as text without comments, after reading it back and finding the same names, values and text.

    Every name and value is there again, and no table more; writing may spell a function differently.  The tree is used
    up.
    """
    try:
        leaves, tables = _leaves(tree), _tables(tree)
        # Without a copy, which takes longer than writing does; what was read of the tree is read by then.
        text = tree.sql(dialect=Dialect, comments=False, copy=False)
        again = _read(text)
        same = (
            not leaves - _leaves(again)
            and tables == _tables(again)
            and again.sql(dialect=Dialect, comments=False, copy=False) == text
        )
    except (SqlglotError, RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        same = False
    if not same:
        raise QueryRefused(
            Problem(
                "SWAP cannot write this statement again with the same meaning.",
                why="Nothing was run.",
                todo="Write it in a plainer way, with brackets where one operator follows another.",
            )
        )
    return text


def _read(text: str) -> exp.Expr:
    dialect = Dialect()
    trees = dialect.parser().parse(dialect.tokenize(text), text)
    if len(trees) != 1 or trees[0] is None:
        msg = "not one statement"
        raise ValueError(msg)
    return trees[0]


def _leaves(tree: exp.Expr) -> Counter[tuple[str, str]]:
    return Counter(
        (type(node).__name__, str(node.this)) for node in tree.walk() if isinstance(node, (exp.Identifier, exp.Literal))
    )


def _tables(tree: exp.Expr) -> Counter[str]:
    return Counter(node.sql(Dialect, comments=False) for node in tree.find_all(exp.Table))
