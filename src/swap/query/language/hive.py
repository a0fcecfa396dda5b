"""Hive's dialect: its closed lists, and how its names and values are written."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlglot import parser
from sqlglot.dialects.hive import Hive
from sqlglot.parsers.hive import HiveParser

from swap.connectors.hive.types import identifier, string
from swap.query.language.allow import ANONYMOUS, Allowed, words
from swap.query.language.native import Language, unfit

_GRAMMARS = {"CAST", "EXTRACT", "SUBSTRING", "TRIM"}

NODES = words(
    "Select Union Except Intersect Subquery With CTE TableAlias From Join Table Lateral",
    "Where Group Having Order Ordered Limit Offset Distinct Rollup Cube GroupingSets Window WindowSpec",
    "Column Identifier Star Alias Dot Bracket Literal Boolean Null Var Paren Tuple Interval IntervalSpan",
    "And Or Not EQ NEQ GT GTE LT LTE NullSafeEQ Between In Is Exists Any All Like RegexpLike",
    "Add Sub Mul Div IntDiv Mod Neg DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot",
    "Array Cast TryCast DataType DataTypeParam Case If",
    # Functions with a grammar of their own, and count, whose star is no column
    "Count Extract Substring Trim CurrentDate CurrentTimestamp",
)

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "aggregates": (
        "avg collect_list collect_set corr count covar_pop covar_samp histogram_numeric max min percentile",
        "percentile_approx regr_count regr_intercept regr_r2 regr_slope stddev stddev_pop stddev_samp sum var_pop",
        "var_samp variance grouping",
    ),
    "windows": ("cume_dist dense_rank first_value lag last_value lead ntile percent_rank rank row_number",),
    "numbers": (
        "abs acos asin atan bin bround cbrt ceil ceiling conv cos degrees exp factorial floor greatest hex least ln",
        "log log10 log2 negative pi pmod positive pow power radians rand round shiftleft shiftright sign sin sqrt tan",
        "width_bucket mod",
    ),
    "text": (
        "ascii base64 character_length chr concat concat_ws context_ngrams crc32 decode elt encode field find_in_set",
        "format_number initcap instr lcase length levenshtein locate lower lpad ltrim md5 ngrams octet_length",
        "parse_url quote regexp_extract regexp_replace repeat replace reverse rpad rtrim sentences sha sha1",
        "sha2 soundex space split str_to_map substr substring_index translate ucase unbase64 unhex upper",
    ),
    "dates and times": (
        "add_months date_add date_format date_sub datediff day dayofmonth dayofweek from_unixtime from_utc_timestamp",
        "hour last_day minute month months_between next_day quarter second to_date to_utc_timestamp trunc",
        "unix_timestamp weekofyear year",
    ),
    "conditions": ("coalesce isnull isnotnull nullif nvl",),
    "lists, structs and maps": (
        "array array_contains map map_keys map_values named_struct size sort_array struct explode posexplode",
    ),
    "JSON": ("get_json_object",),
}
"""Functions a person may call.  Each is pure: no file, no class of Java's, no program, no account, no setting.

Nor `printf`: a width of nine digits in it takes all memory of the server, for everybody.
"""

TYPES = words("BOOLEAN TINYINT SMALLINT INT BIGINT FLOAT DOUBLE DECIMAL TEXT VARCHAR CHAR BINARY DATE TIMESTAMP")
MARKS = words("( ) , . + - * / % = == <> != < > <= >= <=> || ~ & | ^ [ ]")
HIDDEN = words(
    "input__file__name block__offset__inside__file row__offset__inside__block raw__data__size row__id",
    "row__is__deleted file__path row__position partition__spec__id partition__hash snapshot__id",
)
"""What Hive adds to each table: files, places in them, and what only some kinds of tables have."""


class Parser(HiveParser):
    """Reads functions as calls of a name, types as they are written, and a JOIN without ON as one."""

    ADD_JOIN_ON_TRUE = False
    FUNCTIONS: ClassVar = {"COUNT": HiveParser.FUNCTIONS["COUNT"]}
    FUNCTION_PARSERS: ClassVar = {name: read for name, read in HiveParser.FUNCTION_PARSERS.items() if name in _GRAMMARS}

    def _parse_types(self, *args: Any, **how: Any) -> Any:
        """Read a type with its length: sqlglot takes VARCHAR(3) for STRING."""
        return parser.Parser._parse_types(self, *args, **how)  # noqa: SLF001 — its own, past its parent's


class Dialect(Hive):
    """What statements are read in."""

    Parser = Parser


def literal(value: Any, name: str) -> str:  # noqa: C901, PLR0911 — one line for each type
    """Return a parameter's value as a literal of its own type.  Raises QueryRefused for a type that has none."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"CAST('{naive.isoformat(' ')}' AS TIMESTAMP)"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, float) and math.isfinite(value):
        return f"CAST('{value!r}' AS DOUBLE)"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return f"CAST('{value}' AS BIGINT)" if abs(value) >= 2**31 or value < 0 else str(value)
    if isinstance(value, Decimal) and value.is_finite():
        digits = f"{value:f}"
        scale = len(digits.partition(".")[2])
        precision = max(len(digits.lstrip("-").replace(".", "")), scale + 1)
        if precision <= 38:
            return f"CAST('{digits}' AS DECIMAL({precision},{scale}))"
    raise unfit(value, name, "Hive")


LANGUAGE = Language(
    name="hive",
    title="Hive",
    dialect=Dialect,
    allowed=Allowed(NODES, words(*(line for lines in FUNCTIONS.values() for line in lines)), TYPES, ANONYMOUS),
    marks=MARKS,
    identifier=identifier,
    string=string,
    literal=literal,
    hidden=HIDDEN,
    table_functions=frozenset({"explode", "posexplode"}),
)
