"""A statement in the dialect of one source: which words it may be made of, and how they are written again.

The words that go to the source are the person's own, one for one, each written by us: a name is quoted, a text is a
literal, everything else is a word or a mark of a closed list.  So precedence and functions mean what they mean there.
Comments are left out; those that a server would run are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from swap.errors import Problem, QueryRefused
from swap.query.language.allow import Allowed
from swap.query.language.bind import bind, without_value
from swap.query.language.parse import demand_plain, offset_of, one_query, reading, refused
from swap.query.language.text import cut

_WORD = re.compile(r"[^\W\d]\w*(\s+[^\W\d]\w*)*")
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_CODE = {TokenType.HEX_STRING: re.compile(r"([0-9A-Fa-f]{2})*"), TokenType.BIT_STRING: re.compile(r"[01]+")}
_COMMENT = r"--(?:[ \t][^\n]*)?(?:\n|\Z)|/\*(?![!+]|M!)(?:(?!/\*|\*/).)*\*/"
_WHY = "Under dialect= a statement is made of the listed words of that dialect, which are in Help."


@dataclass(frozen=True, slots=True)
class Language:
    """A dialect: how sqlglot reads it, what may stand in it, and how its words are written."""

    name: str
    title: str
    dialect: type[sqlglot.Dialect]
    allowed: Allowed
    marks: frozenset[str]
    """Every word that is neither a name, a value nor made of letters."""
    identifier: Callable[[str], str]
    string: Callable[[str], str]
    literal: Callable[[Any, str], str]
    """Writes a parameter's value; its second argument is the parameter's name.  Raises QueryRefused."""
    comment: str = _COMMENT
    """What may stand between words beside spaces: nothing that the source would run, or ends elsewhere."""
    hidden: frozenset[str] = frozenset()
    """Columns that every table has and no catalog lists."""
    table_functions: frozenset[str] = frozenset()
    """Functions that may stand behind LATERAL VIEW."""
    normal: Callable[[exp.Expr], exp.Expr] = lambda tree: tree
    """Reads our own spelling of a text back as the text."""

    def read(self, text: str) -> exp.Expr:
        """Return the only tree of a text of ours."""
        dialect = self.dialect()
        (tree,) = dialect.parser().parse(dialect.tokenize(text), text)
        assert tree is not None
        return tree

    def value(self, value: Any, name: str) -> exp.Expr:
        """Return a parameter's value as it is read in a statement.  Raises QueryRefused."""
        node: exp.Expr = self.read(f"SELECT {self.literal(value, name)}").expressions[0]
        return self.normal(node)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A statement that was read: its tree, its words, and what is written in their places."""

    language: Language
    text: str
    tree: exp.Query
    tokens: Sequence[Token]
    values: Mapping[int, str]
    """The texts of parameters, by where their colon stands; "" for their names."""
    columns: Mapping[int, tuple[exp.Expr, ...]] = field(default_factory=dict)
    """The parts of each column as it was written, by `id` of its node."""

    def written(self, instead: Mapping[int, str]) -> str:
        """Return the statement with other text in the places of some words, by where those begin."""
        names = {node.meta["start"] for node in self.tree.find_all(exp.Identifier) if "start" in node.meta}
        instead = {**self.values, **instead}
        parts: list[str] = []
        end, apart = 0, False
        for token in self.tokens:
            word = instead.get(token.start)
            apart = apart or word is not None or token.start > end
            if word != "":
                parts += [" "] if apart and parts else []
                parts.append(self._word(token, is_name=token.start in names) if word is None else word)
                apart = word is not None
            end = token.end + 1
        return "".join(parts)

    def _word(self, token: Token, *, is_name: bool) -> str:
        if is_name or token.token_type is TokenType.IDENTIFIER:
            return self.language.identifier(token.text)
        if token.token_type is TokenType.STRING:
            return self.language.string(token.text)
        if token.token_type in _CODE:
            return f"{'X' if token.token_type is TokenType.HEX_STRING else 'b'}'{token.text}'"
        if not token.text.isascii():
            # Some letters become others when their case changes: ſelect is a keyword to one parser, a name to another.
            title = f"{cut(token.text)} is not part of the {self.language.title} that SWAP runs."
            raise refused(title, self.text, token.start, why=_WHY)
        return " ".join(token.text.split())


def unfit(value: Any, name: str, title: str) -> QueryRefused:
    """Return the error for a parameter's value that a dialect has no literal for."""
    return QueryRefused(
        Problem(
            f"The parameter {cut(name)} is a {type(value).__name__} that {title} has no exact form for.",
            why="Nothing was run.",
            todo="Use text, a number, True or False, a date or time, None, or, in IN (…), a list of them.",
        )
    )


def parse(text: str, params: Mapping[str, Any], max_bytes: int, language: Language) -> Spoken:
    """Return a statement in a dialect, its parameters bound.  Raises QueryRefused saying why and where."""
    demand_plain(text, max_bytes)
    with reading(text, hints=False):
        dialect = language.dialect()
        tokens = _words(text, dialect.tokenize(text), params, language)
        tree = one_query(text, tokens, dialect)
        for node in tree.walk():
            _check_node(node, text, language)
        values = _values(tree, tokens, params, language)
        columns = {id(node): tuple(node.parts) for node in tree.find_all(exp.Column)}
        return Spoken(language, text, bind(tree, params, language.value), tokens, values, columns)


def _words(text: str, tokens: list[Token], params: Mapping[str, Any], language: Language) -> list[Token]:
    """Return the statement's words without a semicolon at the end; refuse what is on no list, also between them."""
    between = re.compile(rf"(?:\s|{language.comment})*", re.DOTALL)
    at = 0
    for start, end in [*((each.start, each.end + 1) for each in tokens), (len(text), len(text))]:
        if not between.fullmatch(text, at, max(at, start)):
            raise refused("A comment like this cannot stand in a statement.", text, at, why=_COMMENTS)
        at = end
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        written = text[token.start : token.end + 1]
        if _is_listed(token, written, language):
            continue
        if token.token_type is TokenType.COLON and following is not None and following.start == token.end + 1:
            if following.text in params:
                continue
            if _WORD.fullmatch(following.text):
                raise without_value(following.text)
        if token.token_type is TokenType.SEMICOLON:
            raise refused("There is more than one statement.", text, token.start)
        title = f"{cut(written)} is not part of the {language.title} that SWAP runs."
        raise refused(title, text, token.start, why=_WHY)
    return tokens


_COMMENTS = "A server may run what stands in it, or end it elsewhere. Use -- and a space."


def _is_listed(token: Token, written: str, language: Language) -> bool:
    kind, text = token.token_type, token.text
    if kind in {TokenType.STRING, TokenType.IDENTIFIER}:
        return written[0] in "'\"`"
    if kind in _CODE:
        # 0x41 is a number where X'41' is not.
        return kind.name in language.allowed.types and written[1] == "'" and bool(_CODE[kind].fullmatch(text))
    if kind is TokenType.NUMBER:
        return bool(_NUMBER.fullmatch(written))
    if " ".join(written.split()).casefold() != text.casefold():
        return False  # a text of a kind that has a word before it
    return text in language.marks or bool(_WORD.fullmatch(text))


def _values(tree: exp.Query, tokens: list[Token], params: Mapping[str, Any], language: Language) -> dict[int, str]:
    """Return what is written for parameters."""
    found: dict[int, str] = {}
    fields = {each.args["field"].name for each in tree.find_all(exp.In) if each.args.get("field")}
    for colon, name in pairwise(tokens):
        if colon.token_type is not TokenType.COLON:
            continue
        value = params[name.text]
        items = value if isinstance(value, (list, tuple)) else [value]
        if not items:
            title = f"The list :{cut(name.text)} is empty."
            raise QueryRefused(Problem(title, why="Nothing was run.", todo="Leave the condition out."))
        written = ", ".join(language.literal(item, name.text) for item in items)
        found[colon.start] = f"({written})" if name.text in fields else written
        found[name.start] = ""
    return found


def _check_node(node: exp.Expr, text: str, language: Language) -> None:
    """Refuse what the dialect's lists do not name, and forms of listed nodes that are more than they seem."""
    kind, allowed = type(node).__name__, language.allowed

    def unlisted(title: str, todo: str = "") -> QueryRefused:
        return refused(title, text, offset_of(node), why=_WHY, todo=todo)

    if kind in allowed.anonymous:
        if not isinstance(node.this, str) or node.name.lower() not in allowed.functions:
            raise unlisted(f"The function {cut(node.name)} is not one that SWAP runs in {language.title}.")
        if node.name.lower() in language.table_functions and not isinstance(node.parent, exp.Lateral):
            raise unlisted(f"{cut(node.name)} makes rows: it stands in FROM only.")
    elif kind not in allowed.nodes and not (isinstance(node, exp.Placeholder) and node.name):
        raise unlisted(f"{_shown(node)} is not part of the {language.title} that SWAP runs.")
    if isinstance(node, exp.Column) and node.name.casefold() in language.hidden:
        raise unlisted(f"{cut(node.name)} is no column of a table.")
    if isinstance(node, exp.DataType) and node.this.name not in allowed.types:
        raise unlisted(f"The type {cut(node.sql(language.dialect))} is not one that SWAP knows.")
    if _is_more(node, language):
        raise unlisted(f"This form of {_shown(node)} is not part of the {language.title} that SWAP runs.")


def _is_more(node: exp.Expr, language: Language) -> bool:
    given = {key for key, value in node.args.items() if value}
    if isinstance(node, exp.Table):
        return not isinstance(node.this, exp.Identifier)
    if isinstance(node, exp.Select):
        return bool(given & {"hint", "kind", "operation_modifiers", "into", "locks"})
    if isinstance(node, exp.Join):
        return bool(node.method) or bool(node.hint) or (node.kind or "").upper() not in _JOINS
    if isinstance(node, exp.Dot):
        return not isinstance(node.expression, exp.Identifier)
    if isinstance(node, exp.Lateral):
        listed = isinstance(node.this, exp.Anonymous) and node.this.name.lower() in language.table_functions
        # Where it stands among joins is not in the tree.
        return not (node.args.get("view") and listed) or bool(node.parent and node.parent.args.get("joins"))
    return False


_JOINS = frozenset({"", "INNER", "CROSS", "OUTER", "SEMI"})


def _shown(node: exp.Expr) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__)
    return name.upper()
