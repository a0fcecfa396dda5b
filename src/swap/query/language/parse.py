"""Read a statement: exactly one SELECT or set operation, made of what `allow` lists and nothing else.

Whatever cannot be read is refused; no exception of the parser leaves this module as anything else.
Values of parameters enter the tree as literals, never as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from swap.errors import LimitExceeded, Problem, QueryRefused
from swap.query.language.allow import ALLOWED, Allowed
from swap.query.language.duck import unread
from swap.query.model import Place

MAX_DEPTH = 100
"""How deep parentheses and brackets may nest."""
MAX_TREE_DEPTH = 400
MAX_TOKENS = 12_000
MAX_SHOWN = 100
"""Characters of a name that an error repeats."""

_ONE_SELECT = "SWAP runs exactly one SELECT (also with WITH, UNION, INTERSECT, EXCEPT)."
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
_OPERAND_ENDS = {TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER} | _CLOSING
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HALF = re.compile(r"[\ud800-\udfff]")
"""A surrogate, which JSON may bring and UTF-8 cannot hold."""
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
        raise _refused("The statement contains a NUL character.", text, text.index("\0"))
    if half := _HALF.search(text):
        raise _refused("The statement contains half a character.", text, half.start())
    try:
        dollars = _with_dollars(text, DuckDB(), params)
        tree = _one_query(text, dollars)
        _check_depth(tree)
        _check_nodes(tree, text, allowed)
        bound = _bind(tree, params)
        _demand_duckdbs(dollars, text, bound)
    except RecursionError:
        raise _refused("The statement is nested too deeply.", text, None) from None
    except SqlglotError as error:
        raise _unreadable(error) from None
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, AssertionError):
        # sqlglot has crashed on odd input before; what it cannot read is refused, whatever it raises.
        raise _refused("The statement cannot be read.", text, None) from None
    return bound


def cut(text: str, length: int = MAX_SHOWN) -> str:
    """Return a name, or a sentence, as an error shows it however long it is."""
    return text if len(text) <= length else text[:length] + "…"


def place(text: str, offset: int | None) -> Place | None:
    r"""Return line and column of an offset into the statement.

    >>> place("SELECT a\nFROM b", 14)
    Place(line=2, column=6)
    """
    if offset is None or not 0 <= offset <= len(text):
        return None
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - before.rfind("\n"))


def offset_of(node: exp.Expr) -> int | None:
    """Return where a node's first name stands in the statement."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    return min(starts) if starts else None


def _one_query(text: str, dollars: str) -> exp.Query:
    dialect = DuckDB()
    tokens = dialect.tokenize(dollars)
    if len(tokens) > MAX_TOKENS:
        raise _refused(f"The statement has more than {MAX_TOKENS:,} words.", text, None)
    _check_nesting(tokens, text)
    first = tokens[0] if tokens else None
    trees = [
        tree
        for tree in dialect.parser().parse(tokens, text)
        if tree is not None and not isinstance(tree, exp.Semicolon)
    ]
    if len(trees) > 1:
        second = next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None)
        raise _refused("There is more than one statement.", text, second.start if second else None)
    if not trees:
        raise _refused("There is no statement.", text, None)
    tree = trees[0]
    while isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
        if any(tree.args.get(key) for key in ("with_", "order", "limit", "offset", "joins", "pivots", "sample")):
            break
        tree = tree.this
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        word = cut(first.text.upper()) if first and _NAME.fullmatch(first.text) else "This"
        raise _refused(f"{word} is not a SELECT.", text, first.start if first else None)
    return tree


def _with_dollars(text: str, dialect: DuckDB, params: Mapping[str, Any]) -> str:
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
    """Refuse what DuckDB's own parser refuses: sqlglot reads more, with meanings of its own.

    To it, for one, a JOIN without ON is every pair of rows.
    """
    stopped = unread(dollars)
    if stopped is None:
        return
    todo = "The SQL is DuckDB's; Help lists what SWAP runs of it."
    if "JOIN" in text.upper() and any(_is_unlinked(join) for join in tree.find_all(exp.Join)):
        todo = "A JOIN needs ON … or USING (…). For every pair of rows write CROSS JOIN."
    elif any(not isinstance(each.this, exp.Subquery) for each in tree.find_all(exp.Lateral)):
        todo = "For a row for each element of a list, write FROM t, unnest(t.list) AS u(element)."
    near = stopped.near
    title = f"The statement cannot be read near {cut(near)}." if near else "The statement ends too early."
    raise _refused(title, text, stopped.offset, why="DuckDB's SQL has no such form.", todo=todo)


def _is_unlinked(join: exp.Join) -> bool:
    return not (join.args.get("on") or join.args.get("using") or join.kind == "CROSS")


def _check_nesting(tokens: list[Token], text: str) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAX_DEPTH:
            raise _refused(f"The statement nests deeper than {MAX_DEPTH} levels.", text, token.start)


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
                raise _not_listed(f"The function {cut(name)} is not one that SWAP runs.", node, text)
        elif kind not in allowed.nodes and not (kind == "Placeholder" and node.name):
            raise _not_listed(f"{_WORDS.get(kind, _shown(node))} is not part of the SQL that SWAP runs.", node, text)
        _check_details(node, text, allowed)


def _check_details(node: exp.Expr, text: str, allowed: Allowed) -> None:
    """Refuse the forms of listed nodes that are more than they seem."""
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise _not_listed("Table functions are not part of the SQL that SWAP runs.", node, text)
    if isinstance(node, exp.DataType) and node.this.name not in allowed.types:
        raise _not_listed(f"The type {cut(node.sql('duckdb'))} is not one that SWAP knows.", node, text)
    if isinstance(node, exp.Lateral) and not isinstance(node.this, (exp.Subquery, exp.Unnest, exp.Explode)):
        raise _not_listed("Table functions are not part of the SQL that SWAP runs.", node, text)
    if isinstance(node, exp.Select) and (
        node.args.get("hint") or node.args.get("kind") or node.args.get("operation_modifiers")
    ):
        raise _not_listed("Hints are not part of the SQL that SWAP runs.", node, text)
    if isinstance(node, exp.Join) and (node.method or "").upper() in {"NATURAL", "POSITIONAL"}:
        raise _refused(
            f"{node.method.upper()} JOIN is not part of the SQL that SWAP runs.",
            text,
            offset_of(node),
            why=(
                "What it joins on depends on columns that you may not see, so that your result could change without"
                " your knowing."
            ),
            todo="Name the columns: JOIN … USING (…) or ON ….",
        )


def _bind(tree: exp.Query, params: Mapping[str, Any]) -> exp.Query:
    unused = set(params)
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name not in params:
            raise QueryRefused(
                Problem(
                    f"The parameter :{cut(node.name)} has no value.",
                    why="Nothing was run.",
                    todo=f'Pass it: swap.sql(…, params={{"{cut(node.name)}": …}}).',
                )
            )
        unused.discard(node.name)
        if _is_index(node):
            # sqlglot counts literal indexes from nought while it reads and back when it writes: a value bound between
            # shifts by one.
            raise QueryRefused(
                Problem(
                    f"The parameter :{node.name} cannot be an index.",
                    why="Nothing was run.",
                    todo=f"Write list_extract(…, :{node.name}) or list_slice(…).",
                )
            )
        value = params[node.name]
        if isinstance(node.parent, exp.In) and node.arg_key == "field":
            items = list(value) if isinstance(value, (list, tuple)) else [value]
            node.parent.set("expressions", [literal(item, node.name) for item in items] or [exp.Null()])
            node.parent.set("field", None)
        elif isinstance(node.parent, exp.In) and node.arg_key == "expressions" and isinstance(value, (list, tuple)):
            node.parent.set("expressions", [literal(item, node.name) for item in value] or [exp.Null()])
        else:
            node.replace(literal(value, node.name))
    if unused:
        name = min(unused)
        raise QueryRefused(
            Problem(
                f"The statement does not use the parameter {name}.",
                why="Nothing was run.",
                todo=f"Write :{name} where the value belongs, or leave the parameter out.",
            )
        )
    return tree


def _is_index(node: exp.Expr) -> bool:
    while node.parent is not None and not isinstance(node.parent, exp.Query):
        if isinstance(node.parent, exp.Bracket) and node.arg_key == "expressions":
            return True
        node = node.parent
    return False


def literal(value: Any, name: str) -> exp.Expr:  # noqa: C901, PLR0911, PLR0912 — one line for each type
    """Return a value as a literal of its own type.  Raises QueryRefused for a type that has none."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return _number(str(abs(value)), negative=value < 0)
    if isinstance(value, float):
        if not math.isfinite(value):
            return exp.cast(exp.Literal.string(str(value)), "double")
        return exp.cast(exp.Literal.string(repr(value)), "double")
    if isinstance(value, Decimal) and value.is_finite():
        return _decimal(value)
    if isinstance(value, str):
        if "\0" in value:
            raise QueryRefused(Problem(f"The parameter {name} contains a NUL character.", why="Nothing was run."))
        if _HALF.search(value):
            raise QueryRefused(Problem(f"The parameter {name} contains half a character.", why="Nothing was run."))
        return exp.Literal.string(value)
    if isinstance(value, datetime):
        kind = "timestamptz" if value.tzinfo else "timestamp"
        return exp.cast(exp.Literal.string(value.isoformat(" ")), kind)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, time):
        return exp.cast(exp.Literal.string(value.isoformat()), "time")
    if isinstance(value, bytes):
        return exp.Unhex(this=exp.Literal.string(value.hex()))
    if isinstance(value, (list, tuple)):
        return exp.Array(expressions=[literal(item, name) for item in value])
    raise QueryRefused(
        Problem(
            f"The parameter {name} is a {type(value).__name__}, which a statement cannot take.",
            why="Nothing was run.",
            todo="Use text, a number, True or False, a date or time, None, or a list of them.",
        )
    )


def _number(digits: str, *, negative: bool) -> exp.Expr:
    number = exp.Literal.number(digits)
    return exp.Neg(this=number) if negative else number


def _decimal(value: Decimal) -> exp.Expr:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    precision = max(len(value.as_tuple().digits) + max(0, exponent), scale + 1)
    if precision > 38:
        raise QueryRefused(
            Problem(f"{cut(str(value))} has more than 38 digits.", why="Nothing was run.", todo="Pass it as a float.")
        )
    return exp.cast(exp.Literal.string(f"{value:f}"), f"decimal({precision}, {scale})")


def _refused(title: str, text: str, offset: int | None, why: str = _ONE_SELECT, todo: str = "") -> QueryRefused:
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


def _not_listed(title: str, node: exp.Expr, text: str) -> QueryRefused:
    return _refused(
        title, text, offset_of(node), why="The SQL that SWAP runs is a closed list.", todo="Help lists what it is."
    )


def _unreadable(error: SqlglotError) -> QueryRefused:
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
            todo="Check commas, brackets and quotes there.",
            line=line,
            column=start,
        )
    )


def _shown(node: exp.Expr) -> str:
    return type(node).__name__.upper() if not isinstance(node, exp.Func) else f"The function {node.sql_name().lower()}"
