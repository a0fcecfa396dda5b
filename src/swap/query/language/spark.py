"""Spark's dialect: its closed lists, and how its names and values are written.

A session in which such a statement runs has Spark's own meaning of quotes, reads no files by their names and puts
nothing in the place of variables (`connectors/hive/connector.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlglot import parser
from sqlglot.dialects.spark import Spark
from sqlglot.parsers.spark import SparkParser

from swap.connectors.hive import types
from swap.errors import Problem, QueryRefused
from swap.query.language import hive
from swap.query.language.allow import ANONYMOUS, Allowed, words
from swap.query.language.native import Language, unfit

_GRAMMARS = {"CAST", "TRY_CAST", "EXTRACT", "SUBSTR", "SUBSTRING", "TRIM"}

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "aggregates": (
        "any_value approx_count_distinct approx_percentile array_agg avg bit_and bit_or bit_xor bool_and bool_or",
        "collect_list collect_set corr count count_if covar_pop covar_samp every first grouping histogram_numeric",
        "kurtosis last max max_by mean median min min_by mode percentile percentile_approx regr_count regr_intercept",
        "regr_r2 regr_slope skewness std stddev stddev_pop stddev_samp sum var_pop var_samp variance",
    ),
    "windows": ("cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",),
    "numbers": (
        "abs acos asin atan atan2 bin bit_count bround cbrt ceil ceiling conv cos cosh cot degrees exp expm1 factorial",
        "floor greatest hex hypot least ln log log10 log1p log2 mod nanvl negative pi pmod positive pow power radians",
        "rand rint round shiftleft shiftright sign signum sin sinh sqrt tan tanh try_add try_divide try_multiply",
        "try_subtract width_bucket",
    ),
    "text": (
        "ascii base64 bit_length btrim char_length character_length chr concat concat_ws contains crc32 decode elt",
        "encode endswith find_in_set format_number hash initcap instr lcase left length levenshtein locate lower lpad",
        "ltrim md5 octet_length parse_url regexp_count regexp_extract regexp_extract_all regexp_instr regexp_replace",
        "regexp_substr repeat replace reverse right rpad rtrim sentences sha sha1 sha2 soundex space split split_part",
        "startswith str_to_map substr substring_index translate ucase unbase64 unhex upper url_decode url_encode",
        "xxhash64",
    ),
    "dates and times": (
        "add_months date_add date_diff date_format date_from_unix_date date_sub date_trunc datediff day dayname",
        "dayofmonth dayofweek dayofyear from_unixtime from_utc_timestamp hour last_day make_date make_timestamp minute",
        "month monthname months_between next_day now quarter second timestamp_micros timestamp_millis",
        "timestamp_seconds to_date to_timestamp to_unix_timestamp to_utc_timestamp trunc unix_date unix_micros",
        "unix_millis unix_seconds unix_timestamp weekday weekofyear year",
    ),
    "conditions": ("coalesce ifnull isnan isnotnull isnull nullif nvl nvl2",),
    "lists, structs and maps": (
        "array array_contains array_distinct array_except array_intersect array_join array_max array_min",
        "array_position array_remove array_union arrays_overlap arrays_zip cardinality element_at explode flatten map",
        "map_concat map_contains_key map_entries map_from_arrays map_from_entries map_keys map_values named_struct",
        "posexplode size slice sort_array struct try_element_at",
    ),
    "JSON": ("get_json_object json_array_length json_object_keys",),
}
"""Functions a person may call.  Each is pure: no file, no class of Java's, no program, no account, no setting.

Nor any that makes as much as a number in it says, but texts: `sequence`, `array_repeat`, `format_string`.
"""

TYPES = hive.TYPES | words("TIMESTAMPTZ TIMESTAMPLTZ TIMESTAMPNTZ")
HIDDEN = words("_metadata input__file__name")
"""What Spark adds to each table: the file that a row is from."""


class Parser(SparkParser):
    """Reads functions as calls of a name, types as they are written, and a JOIN without ON as one."""

    ADD_JOIN_ON_TRUE = False
    FUNCTIONS: ClassVar = {"COUNT": SparkParser.FUNCTIONS["COUNT"]}
    FUNCTION_PARSERS: ClassVar = {
        name: read for name, read in SparkParser.FUNCTION_PARSERS.items() if name in _GRAMMARS
    }

    def _parse_types(self, *args: Any, **how: Any) -> Any:
        """Read a type with its length: sqlglot takes VARCHAR(3) for STRING."""
        return parser.Parser._parse_types(self, *args, **how)  # noqa: SLF001 — its own, past its parent's


class Dialect(Spark):
    """What statements are read in."""

    Parser = Parser


def identifier(name: str) -> str:
    """Return a name, quoted.  Raises QueryRefused for one of several lines."""
    return types.identifier(_of_one_line(name))


def string(value: str) -> str:
    """Return a text as a literal.  Raises QueryRefused for one of several lines."""
    return types.string(_of_one_line(value))


def _of_one_line(text: str) -> str:
    """Return a text that Spark's answer to EXPLAIN, which quotes nothing, can hold without a line of the text's own."""
    if "\n" in text or "\r" in text:
        raise QueryRefused(
            Problem(
                "A name or a text of several lines cannot stand in a statement for Spark.",
                why="Nothing was run. Spark could not say beforehand, line by line, what the statement reads.",
                todo="Leave dialect out, or write the line's end as chr(10).",
            )
        )
    return text


def literal(value: Any, name: str) -> str:
    """Return a parameter's value as a literal of its own type.  Raises QueryRefused for a type that has none."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return f"CAST('{value.isoformat(' ')}' AS TIMESTAMP_NTZ)"
        return f"CAST('{value.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}Z' AS TIMESTAMP)"
    try:
        return hive.literal(value, name)
    except QueryRefused:
        raise unfit(value, name, "Spark") from None


LANGUAGE = Language(
    name="spark",
    title="Spark",
    dialect=Dialect,
    allowed=Allowed(hive.NODES, words(*(line for lines in FUNCTIONS.values() for line in lines)), TYPES, ANONYMOUS),
    marks=hive.MARKS,
    identifier=identifier,
    string=string,
    literal=literal,
    hidden=HIDDEN,
    table_functions=frozenset({"explode", "posexplode"}),
)
