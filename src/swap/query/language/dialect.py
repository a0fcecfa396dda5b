"""DuckDB's dialect as sqlglot has it, without its knowledge of functions: each is written as it was read.

sqlglot reads many functions as classes of its own, to write them in other dialects; on the way an argument
or a rule of DuckDB's can be lost.  Only those with a grammar of their own stay, and `count`, whose star is no column.
"""

from __future__ import annotations

import logging
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import TokenType

# It warns with the statement's text, which is nobody's but the person's.
logging.getLogger("sqlglot").disabled = True
_FUNCTIONS = {
    *("COUNT", "UNNEST", "COALESCE", "COLUMNS"),
    *("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "LAG", "LEAD"),  # IGNORE NULLS
    *("PERCENTILE_CONT", "PERCENTILE_DISC"),  # WITHIN GROUP
}
_GRAMMARS = {"CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM"}


class Parser(DuckDBParser):
    """Reads functions as calls of a name."""

    FUNCTIONS: ClassVar = {name: make for name, make in DuckDBParser.FUNCTIONS.items() if name in _FUNCTIONS}
    FUNCTION_PARSERS: ClassVar = {
        name: read for name, read in DuckDBParser.FUNCTION_PARSERS.items() if name in _GRAMMARS
    }
    PRIMARY_PARSERS: ClassVar = {
        **DuckDBParser.PRIMARY_PARSERS,
        # E'…' and $$…$$ are texts like any other.
        **dict.fromkeys(
            (TokenType.BYTE_STRING, TokenType.HEREDOC_STRING), lambda _self, token: exp.Literal.string(token.text)
        ),
    }


class Generator(DuckDBGenerator):
    """Writes statements."""

    MULTI_ARG_DISTINCT = True


class Dialect(DuckDB):
    """What statements are read and written in."""

    Parser = Parser
    Generator = Generator
