"""Read a statement: exactly one SELECT or set operation, made of what `allow` lists and nothing else.

Whatever cannot be read is refused; no exception of the parser leaves this module as anything else.
Values of parameters enter the tree as literals, never as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from swap.errors import LimitExceeded, Problem, QueryRefused
from swap.query.language.allow import AGGREGATES, ALLOWED, NAMING, TABLE_FUNCTIONS, Allowed
from swap.query.language.bind import bind
from swap.query.language.dialect import CLOSING, OPENING, Dialect
from swap.query.language.duck import Unread
from swap.query.language.elsewhere import FUNCTIONS, STATEMENTS, instead
from swap.query.language.meaning import Known, difference, meaning
from swap.query.language.text import HALF, cut, place

MAX_DEPTH = 100
"""How deep parentheses and brackets may nest."""
MAX_TREE_DEPTH = 400
MAX_TOKENS = 12_000
_ALIKE = Known(4_096)
"""Statements that were found to mean the same to both parsers, which are asked again and again."""

_ONE_SELECT = "SWAP runs exactly one SELECT (also with WITH, UNION, INTERSECT, EXCEPT)."
_OPERAND_ENDS = {TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER} | CLOSING
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {
    "Anonymous": "a function",
    "Command": "a command",
    "Lock": "FOR UPDATE",
    "Into": "INTO",
    "Pivot": "PIVOT",
    "Columns": "COLUMNS(…)",
    "TableSample": "SAMPLE",
    "Placeholder": "a parameter",
    "HistoricalData": "AT (VERSION => …)",
    "Comprehension": "a list comprehension",
    "ReadCSV": "read_csv",
    "ReadParquet": "read_parquet",
}


def parse(text: str, params: Mapping[str, Any], max_bytes: int, allowed: Allowed = ALLOWED) -> exp.Query:
    """Return the statement's tree with its parameters bound.  Raises QueryRefused saying why and where."""
    demand_plain(text, max_bytes)
    with reading(text):
        dialect = Dialect()
        dollars = _with_dollars(text, dialect, params)
        tree = one_query(text, dialect.tokenize(dollars), dialect)
        _check_nodes(tree, text, allowed)
        _demand_duckdbs(dollars, text, tree)
        bound = bind(tree, params)
        _check_named(bound, text)
    return bound


def demand_plain(text: str, max_bytes: int) -> None:
    """Refuse a text that is too long, or holds what is no character.  Raises LimitExceeded, QueryRefused."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise LimitExceeded(
            Problem(
                f"The statement is {size:,} bytes long; the limit is {max_bytes:,}.",
                why="Nothing was run. The setting is limits.statement_bytes.",
                todo='Put long lists into a table of your own: swap.sql(…, tables={"mine": frame}).',
            )
        )
    if "\0" in text:
        raise refused("The statement contains a NUL character.", text, text.index("\0"))
    if half := HALF.search(text):
        raise refused("The statement contains half a character.", text, half.start())


@contextmanager
def reading(text: str, *, hints: bool = True) -> Iterator[None]:
    """Refuse whatever sqlglot cannot read within, whatever it raises; with `hints` to what DuckDB's SQL has instead."""
    try:
        yield
    except RecursionError:
        raise refused("The statement is nested too deeply.", text, None) from None
    except SqlglotError as error:
        raise _unreadable(error, text, hints=hints) from None
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, AssertionError):
        # sqlglot has crashed on odd input before; what it cannot read is refused, whatever it raises.
        raise refused("The statement cannot be read.", text, None) from None


def offset_of(node: exp.Expr) -> int | None:
    """Return where a node's first name stands in the statement."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    return min(starts) if starts else None


def one_query(text: str, tokens: list[Token], dialect: sqlglot.Dialect) -> exp.Query:
    """Return the tree of `text`'s words: exactly one query, nested no deeper than we follow.  Raises QueryRefused."""
    if len(tokens) > MAX_TOKENS:
        raise refused(f"The statement has more than {MAX_TOKENS:,} words.", text, None)
    _check_nesting(tokens, text)
    first = tokens[0] if tokens else None
    trees = [
        tree
        for tree in dialect.parser().parse(tokens, text)
        if tree is not None and not isinstance(tree, exp.Semicolon)
    ]
    if len(trees) > 1:
        second = next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None)
        raise refused("There is more than one statement.", text, second.start if second else None)
    if not trees:
        raise refused("There is no statement.", text, None)
    tree = trees[0]
    while isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
        if any(tree.args.get(key) for key in ("with_", "order", "limit", "offset", "joins", "pivots", "sample")):
            break
        tree = tree.this
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        word = cut(first.text.upper()) if first and _NAME.fullmatch(first.text) else "This"
        raise refused(f"{word} is not a SELECT.", text, first.start if first else None, todo=STATEMENTS.get(word, ""))
    _check_depth(tree)
    return tree


def _with_dollars(text: str, dialect: Dialect, params: Mapping[str, Any]) -> str:
    """Return the text with each `:name` that is a parameter as `$name`, which is as long, so that places stay true."""
    if not params or ":" not in text:
        return text
    tokens = dialect.tokenize(text)
    characters = list(text)
    for before, colon, name in zip([None, *tokens], tokens, tokens[1:], strict=False):
        starts_operand = before is None or before.token_type not in _OPERAND_ENDS
        joined = name.start == colon.end + 1
        if (
            colon.token_type is TokenType.COLON
            and joined
            and starts_operand
            and text[name.start : name.end + 1] in params
        ):
            characters[colon.start] = "$"
    return "".join(characters)


def _demand_duckdbs(dollars: str, text: str, tree: exp.Query) -> None:
    """Refuse what DuckDB's own parser refuses or reads otherwise: sqlglot reads more, with meanings of its own.

    To it, for one, a JOIN without ON is every pair of rows, and `j -> 'a' = 'b'` compares what is found in `j`.
    """
    if dollars in _ALIKE:
        return
    try:
        theirs = meaning(dollars)
    except Unread as stopped:
        raise _unread(stopped, text, tree) from None
    differ, at = difference(theirs, meaning(tree.sql(dialect=Dialect, comments=False)))
    if differ:
        where = None if at is None else len(dollars.encode()[:at].decode(errors="ignore"))
        raise refused(
            "SWAP would run this statement with another meaning than DuckDB gives it.",
            text,
            where,
            why="The SQL is DuckDB's, and what stands there can be read in two ways.",
            todo=instead(text, where)
            or "Write it in a plainer way: brackets around what belongs together, no + before a value.",
        )
    _ALIKE.add(dollars)


def _unread(stopped: Unread, text: str, tree: exp.Query) -> QueryRefused:
    todo = instead(text, stopped.offset) or "The SQL is DuckDB's; Help lists what SWAP runs of it."
    if "JOIN" in text.upper() and any(_is_unlinked(join) for join in tree.find_all(exp.Join)):
        todo = "A JOIN needs ON … or USING (…). For every pair of rows write CROSS JOIN."
    where = f" near {cut(stopped.near)}" if stopped.near else ""
    title = "The statement ends too early." if stopped.at_end else f"The statement cannot be read{where}."
    return refused(title, text, stopped.offset, why="DuckDB's SQL has no such form.", todo=todo)


def _is_unlinked(join: exp.Join) -> bool:
    return not (join.args.get("on") or join.args.get("using") or join.kind == "CROSS")


def _check_nesting(tokens: list[Token], text: str) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type in OPENING) - (token.token_type in CLOSING)
        if depth > MAX_DEPTH:
            raise refused(f"The statement nests deeper than {MAX_DEPTH} levels.", text, token.start)


def _check_depth(tree: exp.Expr) -> None:
    level: list[exp.Expr] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_TREE_DEPTH * 4:
            raise RecursionError
        level = [child for node in level for child in node.iter_expressions()]


def _check_nodes(tree: exp.Expr, text: str, allowed: Allowed) -> None:
    for node in tree.walk():
        kind = type(node).__name__
        if kind in allowed.anonymous:
            name = node.name.lower()
            if name not in allowed.functions:
                todo = f"Write {FUNCTIONS[name]}." if name in FUNCTIONS else ""
                raise _not_listed(f"The function {cut(name)} is not one that SWAP runs.", node, text, todo)
        elif kind not in allowed.nodes and not (kind == "Placeholder" and node.name):
            raise _not_listed(f"{_WORDS.get(kind, _shown(node))} is not part of the SQL that SWAP runs.", node, text)
        _check_details(node, text, allowed)


def _check_named(tree: exp.Query, text: str) -> None:
    """Refuse functions that are named by a value and not listed: a list goes through them with `list_aggregate`."""
    for node in tree.find_all(exp.Anonymous):
        if node.name.lower() in NAMING:
            # As a method, `l.list_aggregate('sum')`, it has the list before it.
            at = 0 if isinstance(node.parent, exp.Dot) and node.arg_key == "expression" else 1
            named = node.expressions[at] if len(node.expressions) > at else None
            if not (isinstance(named, exp.Literal) and named.is_string and named.name.lower() in AGGREGATES):
                raise _not_listed(f"{node.name} needs the name of a listed aggregate, in quotes.", node, text)


def _check_details(node: exp.Expr, text: str, allowed: Allowed) -> None:
    """Refuse the forms of listed nodes that are more than they seem."""
    if isinstance(node, exp.Table) and not (isinstance(node.this, exp.Identifier) or _makes_rows(node)):
        raise _no_table(node, text)
    if isinstance(node, exp.DataType) and node.this.name not in allowed.types:
        raise _not_listed(f"The type {cut(node.sql('duckdb'))} is not one that SWAP knows.", node, text)
    if isinstance(node, exp.Lateral) and not (
        isinstance(node.this, (exp.Subquery, exp.Unnest, exp.Explode)) or _makes_rows(node)
    ):
        raise _no_table(node, text)
    if isinstance(node, exp.Select) and (
        node.args.get("hint") or node.args.get("kind") or node.args.get("operation_modifiers")
    ):
        raise _not_listed("Hints are not part of the SQL that SWAP runs.", node, text)
    if isinstance(node, exp.Join) and (node.method or "").upper() in {"NATURAL", "POSITIONAL"}:
        raise refused(
            f"{node.method.upper()} JOIN is not part of the SQL that SWAP runs.",
            text,
            offset_of(node),
            why=(
                "What it joins on depends on columns that you may not see, so that your result could change without"
                " your knowing."
            ),
            todo="Name the columns: JOIN … USING (…) or ON ….",
        )


def _makes_rows(node: exp.Expr) -> bool:
    function = node.this
    return isinstance(function, exp.Anonymous) and not node.args.get("db") and function.name.lower() in TABLE_FUNCTIONS


def _no_table(node: exp.Expr, text: str) -> QueryRefused:
    return refused(
        "This function cannot stand in FROM.",
        text,
        offset_of(node),
        why=f"Only {', '.join(sorted(TABLE_FUNCTIONS))} can: others read what no rule covers.",
        todo=instead(text, offset_of(node)) or 'Bring a table of your own along: swap.sql(…, tables={"mine": frame}).',
    )


def refused(title: str, text: str, offset: int | None, why: str = _ONE_SELECT, todo: str = "") -> QueryRefused:
    """Return the error for what stands at that place of a statement."""
    at = place(text, offset)
    return QueryRefused(
        Problem(
            title,
            why=f"Nothing was run. {why}",
            todo=todo,
            line=at.line if at else None,
            column=at.column if at else None,
        )
    )


def _not_listed(title: str, node: exp.Expr, text: str, todo: str = "") -> QueryRefused:
    why = "The SQL that SWAP runs is a closed list, which is in Help."
    return refused(title, text, offset_of(node), why=why, todo=todo or instead(text, offset_of(node)))


def _unreadable(error: SqlglotError, text: str, *, hints: bool) -> QueryRefused:
    details: dict[str, Any] = next(iter(getattr(error, "errors", None) or []), {})
    line, column = details.get("line"), details.get("col")
    near = details.get("highlight") or ""
    title = f"The statement cannot be read near {cut(near)}." if near else "The statement cannot be read."
    description = details.get("description") or _ONE_SELECT
    if "<class" in description or not description.endswith("."):
        description = "Something is missing or too much there."
    # sqlglot counts the column of the word's end; people look for its beginning.
    start = column - len(near) + 1 if column and column >= len(near) else None
    return QueryRefused(
        Problem(
            title,
            why=f"Nothing was run. {description}",
            todo=(hints and instead(text, _offset(text, line, column))) or "Check commas, brackets and quotes there.",
            line=line,
            column=start,
        )
    )


def _offset(text: str, line: int | None, column: int | None) -> int | None:
    """Return the place of a line and a column, both counted from 1, in a text."""
    if not line or not column:
        return None
    return sum(map(len, text.splitlines(keepends=True)[: line - 1])) + column - 1


def _shown(node: exp.Expr) -> str:
    return type(node).__name__.upper() if not isinstance(node, exp.Func) else f"The function {node.sql_name().lower()}"
