"""Plan a statement in a source's own dialect: the source runs it, and no combiner does.

Each table becomes a sub-query of the columns that the person may read and the statement uses, under a name that
nobody can know before: whatever else the source finds in the text, it cannot find another column, and what it reads
is told by these names when it is asked (`connectors/mysql/native.py`, `connectors/hive/native.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from swap.catalog.model import VisibleDataset
from swap.connectors.base import Capabilities, Column, Native
from swap.errors import Problem, QueryRefused
from swap.query.language.native import Language, Spoken
from swap.query.language.text import cut
from swap.query.model import Input, Plan, Reference, Resolved
from swap.query.planning.rewrite import fresh_names


def plan(spoken: Spoken, resolved: Resolved, capabilities: Mapping[str, Capabilities], query_id: str) -> Plan:
    """Return the plan of a resolved statement in a dialect, whose tree is used up.  Raises QueryRefused."""
    language = spoken.language
    source = _only_source(resolved, capabilities, language)
    columns = tuple(_columns(resolved))
    names = fresh_names(resolved, f"swap_{query_id}_t", len(resolved.references))
    named = fresh_names(resolved, f"swap_{query_id}_w", len(resolved.named))
    tables = {
        name: _sub_query(language, reference, name) for name, reference in zip(names, resolved.references, strict=True)
    }
    try:
        text = spoken.written(dict(_instead(spoken, resolved, tables, named)))
        same = _normal(_rewritten(language, resolved, tables, named)) == _normal(language.normal(language.read(text)))
    except (SqlglotError, RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError):
        same = False
    if not same:
        raise QueryRefused(
            Problem(
                "SWAP cannot write this statement again with the same meaning.",
                why="Nothing was run.",
                todo="Write it in a plainer way: an alias for each table, brackets where one operator follows another.",
            )
        )
    reads = tuple(
        (name, reference.table.dataset.schema, reference.table.dataset.name)
        for name, reference in zip(names, resolved.references, strict=True)
        if isinstance(reference.table, VisibleDataset)
    )
    item = Input("swap_input_0", source, None, "", (), native=Native(text, reads, query_id, columns))
    return Plan("", (item,), resolved.reads, streamed=False, notices=tuple(resolved.notices))


def _only_source(resolved: Resolved, capabilities: Mapping[str, Capabilities], language: Language) -> str:
    tables = [each.table for each in resolved.references if isinstance(each.table, VisibleDataset)]
    sources = sorted({table.source for table in tables})
    if len(sources) != 1:
        named = " and ".join(sources) if sources else "no table"
        raise _refused(
            f"A statement with a dialect is about one source; this one reads {named}.",
            "Leave dialect out: then it may read all sources, and is DuckDB's SQL."
            if sources
            else "Name a table: source.schema.table.",
        )
    able = capabilities.get(sources[0])
    if able is None or able.dialect != language.name:
        speaks = f'Write dialect="{able.dialect}".' if able is not None and able.dialect else "Leave dialect out."
        raise _refused(f"{sources[0]} does not speak {language.title}.", speaks)
    for table in tables:
        if table.divided_in_secret:
            raise _refused(
                f"{table.name} is divided by a column that you may not read.",
                "Leave dialect out: SWAP then sees to it that the order of rows tells nothing of it.",
            )
    return sources[0]


def _columns(resolved: Resolved) -> Iterator[pa.DataType | None]:
    """Yield the catalog's type of each column of the result that is a table's own; None of others.

    Yields nothing where that cannot be told: of queries put together, and of a star over a sub-query.
    """
    tree, found = resolved.tree, list[pa.DataType | None]()
    for item in tree.expressions if isinstance(tree, exp.Select) else ():
        node = item.this if isinstance(item, exp.Alias) else item
        if node.is_star:
            opened = _opened(resolved, node)
            if opened is None:
                return
            found += [column.type for reference in opened for column in reference.columns]
        else:
            meaning = resolved.meanings.get(id(node))
            columns = {each.name: each.type for each in meaning.reference.columns} if meaning else {}
            found.append(columns[meaning.column] if meaning else None)
    yield from found


def _opened(resolved: Resolved, star: exp.Expr) -> list[Reference] | None:
    """Return the tables that a star of the outermost SELECT opens, in their order; None where it opens others too."""
    select = resolved.tree
    by_node = {id(each.node): each for each in resolved.references if each.select is select}
    if isinstance(star, exp.Column):
        named = [each for each in by_node.values() if each.alias.casefold() == star.table.casefold()]
        return named if len(named) == 1 else None
    joins = select.args.get("joins") or []
    relations = [select.args["from_"].this, *(join.this for join in joins)]
    tables = [by_node.get(id(each)) for each in relations]
    # USING makes one column of two, and of what stands in brackets or in a lateral view the order is not known here.
    plain = not any(join.args.get("using") for join in joins) and not any(each.args.get("joins") for each in relations)
    if not plain or select.args.get("laterals") or any(star.args.values()):
        return None
    return [each for each in tables if each is not None] if all(tables) else None


def _sub_query(language: Language, reference: Reference, name: str) -> str:
    """Return what stands in a table's place."""
    quote, table = language.identifier, reference.table
    assert isinstance(table, VisibleDataset)
    columns = ", ".join(_projection(language, column) for column in reference.needed())
    # Nothing in it but quoted names.
    return f"(SELECT {columns} FROM {quote(table.dataset.schema)}.{quote(table.dataset.name)} AS {quote(name)})"  # noqa: S608


def _projection(language: Language, column: Column) -> str:
    name = language.identifier(column.name)
    if language.name == "mysql" and pa.types.is_float32(column.type):
        # MySQL computes with doubles anyway; the text of a single has six digits.
        return f"CAST({name} AS DOUBLE) AS {name}"
    return name


def _instead(
    spoken: Spoken, resolved: Resolved, tables: Mapping[str, str], named: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """Yield where words begin that are written otherwise, and how."""
    quote = spoken.language.identifier
    for reference, text in zip(resolved.references, tables.values(), strict=True):
        alias = "" if reference.node.alias else f" AS {quote(reference.alias)}"
        yield from _in_place(spoken, reference.node.parts, text + alias)
    for item, name in zip(resolved.named, named, strict=True):
        yield item.node.args["alias"].this.meta["start"], quote(name)
        for use in item.uses:
            alias = "" if use.alias else f" AS {quote(use.name)}"
            yield use.this.meta["start"], quote(name) + alias
    for column in resolved.tree.find_all(exp.Column):
        written = spoken.columns.get(id(column), ())
        dropped = [part for part in written if all(part is not kept for kept in column.parts)]
        if dropped:
            yield from _in_place(spoken, dropped, "", dots=True)


def _in_place(spoken: Spoken, parts: Sequence[exp.Expr], text: str, *, dots: bool = False) -> Iterator[tuple[int, str]]:
    """Yield a text for the first of some parts of a name, nothing for the others and the dots between them."""
    first, last = parts[0].meta["start"], parts[-1].meta["start"]
    starts = [token.start for token in spoken.tokens if token.start >= first]
    count = starts.index(last) + 1
    yield first, text
    for start in starts[1 : count + dots]:
        yield start, ""


def _rewritten(language: Language, resolved: Resolved, tables: Mapping[str, str], named: Sequence[str]) -> exp.Expr:
    """Return the tree that the text must have."""
    quote = language.identifier
    for reference, text in zip(resolved.references, tables.values(), strict=True):
        made = language.read(f"SELECT * FROM {text} AS {quote(reference.alias)}")  # noqa: S608 — it is only read
        sub_query = made.args["from_"].this
        sub_query.set("joins", reference.node.args.get("joins"))
        reference.node.replace(sub_query)
    for item, name in zip(resolved.named, named, strict=True):
        for use in item.uses:
            if not use.alias:
                use.set("alias", exp.TableAlias(this=exp.to_identifier(use.name)))
            use.set("this", exp.to_identifier(name))
        item.node.args["alias"].set("this", exp.to_identifier(name))
    return resolved.tree


def _normal(tree: exp.Expr) -> exp.Expr:
    for node in tree.find_all(exp.Identifier):
        node.set("quoted", True)
    return tree


def _refused(title: str, todo: str) -> QueryRefused:
    return QueryRefused(Problem(cut(title, 400), why="Nothing was run.", todo=todo))
