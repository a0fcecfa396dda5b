"""Find in a statement what a notebook's variables could stand for: parameters and own tables.

A reader of words, not of SQL: it knows strings, quoted names and comments, so that nothing inside them counts.
The gateway decides what the statement means; here a wrong guess only sends one value too many, and it says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_GRAMMAR = r"""(?P<skip>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<text>'(?:[^']|'')*(?:'|\Z)|\$\$.*?(?:\$\$|\Z))
      | (?P<quoted>"(?:[^"]|"")*(?:"|\Z))
      | (?P<number>\d[\w.]*)
      | (?P<param>[:$](?=[A-Za-z_]))
      | (?P<cast>::)
      | (?P<word>[^\W\d]\w*)
      | (?P<mark>.)"""
_TOKEN = re.compile(_GRAMMAR, re.VERBOSE | re.DOTALL)
_ELSEWHERE = re.compile(
    rf"""(?P<other>\#[^\n]*|'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z)|`[^`]*(?:`|\Z)) | {_GRAMMAR}""",
    re.VERBOSE | re.DOTALL,
)
"""The words of other dialects: a backslash keeps the mark behind it, and names stand in backticks."""
_KEYWORDS = frozenset(
    (
        "ALL",
        "AND",
        "ANY",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "DISTINCT",
        "DIV",
        "ELSE",
        "ESCAPE",
        "EXCEPT",
        "FROM",
        "GLOB",
        "HAVING",
        "ILIKE",
        "IN",
        "INTERSECT",
        "INTERVAL",
        "IS",
        "LIKE",
        "LIMIT",
        "NOT",
        "OFFSET",
        "ON",
        "OR",
        "QUALIFY",
        "SELECT",
        "SIMILAR",
        "SOME",
        "THEN",
        "TO",
        "UNION",
        "USING",
        "VALUES",
        "WHEN",
        "WHERE",
    )
)
_ENDS_FROM = frozenset(
    (
        "WHERE",
        "GROUP",
        "HAVING",
        "WINDOW",
        "QUALIFY",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "SELECT",
    )
)
_NOT_AN_ALIAS = _ENDS_FROM | {
    "ON",
    "USING",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "CROSS",
    "NATURAL",
    "ASOF",
    "SEMI",
    "ANTI",
    "LATERAL",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def parameters(statement: str, dialect: str | None = None) -> list[str]:
    r"""Return the names of a statement's parameters, each once, in order.

    >>> parameters("SELECT a::date, ':x', {'k':v} FROM t WHERE b = :day AND c IN :wikis -- :no")
    ['day', 'wikis']
    >>> parameters(r"SELECT 'it\'s :x', `:y` FROM t WHERE b = :day # :no", "mysql")
    ['day']
    """
    found: dict[str, None] = {}
    tokens = list(_tokens(statement, _ELSEWHERE if dialect else _TOKEN))
    for index, token in enumerate(tokens[:-1]):
        if token.kind != "param":
            continue
        before = tokens[index - 1] if index else None
        ends_operand = before is not None and (
            before.kind in {"text", "quoted", "number", "other"}
            or before.text in {")", "]", "}"}
            or (before.kind == "word" and before.upper not in _KEYWORDS)
        )
        if token.text == "$" or not ends_operand:
            found[tokens[index + 1].text] = None
    return list(found)


def tables(statement: str) -> list[str]:
    """Return the names without a dot that stand where a table does, each once: own tables, never the catalog's.

    >>> tables("WITH a AS (SELECT 1) SELECT extract(year FROM d) FROM a JOIN kinds k USING (x), lake.wmf.t, more")
    ['kinds', 'more']
    """
    tokens = list(_tokens(statement))
    ctes = _ctes(tokens)
    found: dict[str, None] = {}
    levels: list[tuple[bool, bool]] = [(_is_query(tokens, 0), False)]  # is this level a query, and are we in its FROM
    for index, token in enumerate(tokens):
        query, in_from = levels[-1]
        if token.text == "(" and token.kind == "mark":
            levels.append((_is_query(tokens, index + 1), False))
        elif token.text == ")" and token.kind == "mark" and len(levels) > 1:
            levels.pop()
        elif token.upper == "FROM" and query and _upper(tokens, index - 1) != "DISTINCT":
            levels[-1] = (query, True)
            _note(tokens, index + 1, ctes, found)
        elif token.upper in _ENDS_FROM:
            levels[-1] = (query, False)
        elif in_from and (token.upper == "JOIN" or (token.kind == "mark" and token.text == ",")):
            _note(tokens, index + 1, ctes, found)
    return list(found)


def _note(tokens: list[_Token], index: int, ctes: set[str], found: dict[str, None]) -> None:
    if index >= len(tokens):
        return
    token = tokens[index]
    name = (
        token.text
        if token.kind == "word" and token.upper not in _NOT_AN_ALIAS
        else token.text[1:-1]
        if token.kind == "quoted"
        else ""
    )
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if name and after not in {".", "("} and name.casefold() not in ctes:
        found[name] = None


def _ctes(tokens: list[_Token]) -> set[str]:
    """Return every name before AS ( and before (columns) AS (: too many do no harm."""
    names = set()
    for index, token in enumerate(tokens):
        rest = [each.text.upper() for each in tokens[index + 1 : index + 4]]
        if token.upper != "AS" or not (rest[:1] == ["("] or "MATERIALIZED" in rest[:2]):
            continue
        before = index - 1
        if before >= 0 and tokens[before].text == ")":
            while before > 0 and tokens[before].text != "(":
                before -= 1
            before -= 1
        if before >= 0:
            names.add(tokens[before].text.strip('"').casefold())
    return names


def _is_query(tokens: list[_Token], index: int) -> bool:
    return _upper(tokens, index) in {"SELECT", "WITH", "FROM"}


def _upper(tokens: list[_Token], index: int) -> str:
    return tokens[index].upper if 0 <= index < len(tokens) else ""


def _tokens(statement: str, grammar: re.Pattern[str] = _TOKEN) -> Iterator[_Token]:
    for match in grammar.finditer(statement):
        kind = match.lastgroup or "mark"
        if kind != "skip":
            yield _Token(kind, match.group())
