"""DuckDB's dialect as sqlglot has it, without its knowledge of functions: each is written as it was read.

sqlglot reads many functions as classes of its own, to write them in other dialects; on the way an argument
or a rule of DuckDB's can be lost.  Only those with a grammar of their own stay, and `count`, whose star is no column.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

# It warns with the statement's text, which is nobody's but the person's.
logging.getLogger("sqlglot").disabled = True
_FUNCTIONS = {
    *("COUNT", "UNNEST", "COALESCE", "COLUMNS"),
    *("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "LAG", "LEAD"),  # IGNORE NULLS
    *("PERCENTILE_CONT", "PERCENTILE_DISC"),  # WITHIN GROUP
}
LAMBDA_FUNCTIONS = frozenset(
    f"{kind}_{verb}" for kind in ("list", "array") for verb in ("filter", "reduce", "transform")
)
OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
_GRAMMARS = {"CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM"}


class Parser(DuckDBParser):
    """Reads functions as calls of a name."""

    FUNCTIONS: ClassVar = {name: make for name, make in DuckDBParser.FUNCTIONS.items() if name in _FUNCTIONS}
    FUNCTION_PARSERS: ClassVar = {
        name: read for name, read in DuckDBParser.FUNCTION_PARSERS.items() if name in _GRAMMARS
    }
    PRIMARY_PARSERS: ClassVar = {
        **DuckDBParser.PRIMARY_PARSERS,
        # E'…' is a text like any other.
        TokenType.BYTE_STRING: lambda _self, token: exp.Literal.string(token.text),
    }
    LAMBDAS: ClassVar = {kind: read for kind, read in DuckDBParser.LAMBDAS.items() if kind is not TokenType.ARROW}

    def _parse_lambda(self, alias: bool = False) -> Any:
        """Read one argument of a call: `x -> …` is a lambda where the function takes one, else a place in JSON."""
        takes_one = self._called() in LAMBDA_FUNCTIONS
        self.LAMBDAS = DuckDBParser.LAMBDAS if takes_one else Parser.LAMBDAS  # type: ignore[misc]
        return super()._parse_lambda(alias)

    def _called(self) -> str:
        """Return the name in front of the innermost bracket that is open here."""
        if self._named is None or len(self._named) != len(self._tokens):
            self._named = _names(self._tokens)
        return self._named[self._index] if self._index < len(self._named) else ""

    _named: list[str] | None = None


def _names(tokens: list[Token]) -> list[str]:
    """Return for each token the word in front of the innermost bracket around it, without case."""
    around, found = [""], []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.token_type in CLOSING and len(around) > 1:
            around.pop()
        found.append(around[-1])
        if token.token_type in OPENING:
            around.append(before.text.lower() if before else "")
    return found


class Tokenizer(DuckDB.Tokenizer):
    """Reads words.  `$` begins a parameter: to sqlglot `$x,$y` is a text with the tag `x,`."""

    HEREDOC_STRINGS: ClassVar = []


class Generator(DuckDBGenerator):
    """Writes statements."""

    MULTI_ARG_DISTINCT = True


class Dialect(DuckDB):
    """What statements are read and written in."""

    Tokenizer = Tokenizer
    Parser = Parser
    Generator = Generator
