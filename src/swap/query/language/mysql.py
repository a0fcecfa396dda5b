"""MySQL's and MariaDB's dialect: its closed lists, and how its names and values are written.

A session in which such a statement runs has an empty `sql_mode` and speaks utf8mb4 (`connectors/mysql/wire.py`).
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.parsers.mysql import MySQLParser

from swap.query.language.allow import ANONYMOUS, Allowed, words
from swap.query.language.native import Language, unfit

_GRAMMARS = {"CAST", "CONVERT", "EXTRACT", "GROUP_CONCAT", "POSITION", "SUBSTR", "SUBSTRING", "TRIM"}

NODES = words(
    "Select Union Except Intersect Subquery With CTE TableAlias From Join Table",
    "Where Group Having Order Ordered Limit Offset Distinct Rollup Window WindowSpec",
    "Column Identifier Star Alias Literal HexString BitString Boolean Null Var Paren Tuple Interval IntervalSpan",
    "And Or Xor Not EQ NEQ GT GTE LT LTE NullSafeEQ Between In Is Exists Any All Like Escape RegexpLike",
    "Add Sub Mul Div IntDiv Mod Neg BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift",
    "Cast DataType DataTypeParam CharacterSet Collate Case If",
    # Functions with a grammar of their own, and count, whose star is no column
    "Count GroupConcat Extract StrPosition Substring Trim CurrentDate CurrentTime CurrentTimestamp",
)

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "aggregates": (
        "avg bit_and bit_or bit_xor count group_concat max min std stddev stddev_pop stddev_samp sum",
        "var_pop var_samp variance json_arrayagg json_objectagg",
    ),
    "windows": ("cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",),
    "numbers": (
        "abs acos asin atan atan2 bit_count ceil ceiling conv cos cot crc32 degrees exp floor format greatest least",
        "ln log log10 log2 mod pi pow power radians rand round sign sin sqrt tan truncate",
    ),
    "text": (
        "ascii bin bit_length char_length character_length concat concat_ws elt field find_in_set from_base64 hex",
        "insert instr lcase left length locate lower lpad ltrim md5 mid oct octet_length ord quote regexp_instr",
        "regexp_replace regexp_substr repeat replace reverse right rpad rtrim sha sha1 sha2 soundex space strcmp",
        "substring_index to_base64 ucase unhex upper",
    ),
    "dates and times": (
        "addtime curdate curtime date date_add date_format date_sub datediff day dayname dayofmonth dayofweek",
        "dayofyear from_days from_unixtime hour last_day makedate maketime microsecond minute month monthname now",
        "period_add period_diff quarter sec_to_time second str_to_date subtime time time_format time_to_sec timediff",
        "timestamp timestampadd timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week",
        "weekday weekofyear year yearweek adddate subdate",
    ),
    "conditions": ("coalesce ifnull isnull nullif",),
    "JSON": (
        "json_array json_contains json_contains_path json_depth json_extract json_keys json_length json_object",
        "json_quote json_search json_type json_unquote json_valid json_value",
    ),
    "other": ("inet_aton inet_ntoa inet6_aton inet6_ntoa st_astext st_aswkb st_x st_y",),
}
"""Functions a person may call.  Each is pure: no file, no lock, no variable, no wait, no account, no other statement.

Nor any that puts a value into the text of an error.
"""

TYPES = words(
    "BIGINT UBIGINT DECIMAL DOUBLE CHAR CHARACTER_SET NCHAR BINARY DATE TIME DATETIME TIMESTAMP TIMESTAMPTZ YEAR JSON",
    "HEX_STRING BIT_STRING",  # not types, but words with a value
)
MARKS = words("( ) , . + - * / % = <> != < > <= >= <=> || && ! ~ & | ^")


class Parser(MySQLParser):
    """Reads functions as calls of a name."""

    FUNCTIONS: ClassVar = {"COUNT": MySQLParser.FUNCTIONS["COUNT"]}
    FUNCTION_PARSERS: ClassVar = {
        name: read for name, read in MySQLParser.FUNCTION_PARSERS.items() if name in _GRAMMARS
    }


class Dialect(MySQL):
    """What statements are read in."""

    Parser = Parser


def identifier(name: str) -> str:
    """Return a name, quoted."""
    return "`" + name.replace("`", "``") + "`"


_DIGITS = 65
_PLAIN = re.compile(r"[ !#-&(-\[\]-~]*")


def string(value: str) -> str:
    r"""Return a text as a literal that no mode and no character set can read otherwise.

    >>> string("a b"), string("it's")
    ("'a b'", "_utf8mb4 X'69742773'")
    """
    return f"'{value}'" if _PLAIN.fullmatch(value) else f"_utf8mb4 X'{value.encode().hex()}'"


def literal(value: Any, name: str) -> str:  # noqa: PLR0911 — one line for each type
    """Return a parameter's value as a literal of its own type.  Raises QueryRefused for a type that has none."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"TIMESTAMP '{naive.isoformat(' ', 'microseconds')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, time):
        return f"TIME '{value.isoformat('microseconds')}'"
    if isinstance(value, float) and math.isfinite(value):
        return f"({value:.17e})"
    if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite() and len(f"{value:f}") <= _DIGITS):
        digits = str(value) if isinstance(value, int) else f"{value:f}"
        return f"({digits})" if value < 0 else digits
    raise unfit(value, name, "MySQL")


def _normal(tree: exp.Expr) -> exp.Expr:
    """Return a tree in which texts that we wrote as their bytes are texts again."""

    def text(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Introducer) and isinstance(node.expression, exp.HexString):
            return exp.Literal.string(bytes.fromhex(node.expression.name).decode())
        return node

    return tree.transform(text)


LANGUAGE = Language(
    name="mysql",
    title="MySQL",
    dialect=Dialect,
    allowed=Allowed(NODES, words(*(line for lines in FUNCTIONS.values() for line in lines)), TYPES, ANONYMOUS),
    marks=MARKS,
    identifier=identifier,
    string=string,
    literal=literal,
    comment=r"#[^\n]*(?:\n|\Z)|--(?:[ \t][^\n]*)?(?:\n|\Z)|/\*(?![!+]|M!)(?:(?!/\*|\*/).)*\*/",
    normal=_normal,
)
