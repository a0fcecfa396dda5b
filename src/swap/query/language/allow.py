"""What a statement may be made of: the closed lists that parse and verify check against.

A construct that no list names is refused, whatever it is.  docs/reference/sql.md says the same in
words; a test compares the two.  A line is a group, and says why it may be there.
"""

from __future__ import annotations

from dataclasses import dataclass


def words(*groups: str) -> frozenset[str]:
    """Return the words of some lines."""
    return frozenset(word for group in groups for word in group.split())


CLAUSES = words(
    "Select Union Except Intersect Values Subquery",  # queries
    "With CTE TableAlias From Join Table Lateral Unnest",  # where rows come from; resolve gives each name its meaning
    "Where Group Having Order Ordered Limit Fetch LimitOptions Offset Distinct Qualify",  # clauses of a query
    "Rollup Cube GroupingSets",  # groups of groups
    "Window WindowSpec Filter IgnoreNulls RespectNulls WithinGroup",  # what a function is computed over
    "Column Identifier Star Alias Dot",  # names; resolve knows each or refuses it
    "Literal Boolean Null Var Paren Tuple Interval IntervalSpan",  # values that are written down
    "And Or Xor Not",  # conditions put together
    "EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Between In Is Exists Any All",  # comparisons
    "Like ILike SimilarTo Glob Escape RegexpLike RegexpILike RegexpFullMatch",  # patterns
    "Add Sub Mul Div IntDiv Mod Pow Neg DPipe",  # arithmetic, and texts put together
    "BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift",  # bits
    "Cast TryCast DataType DataTypeParam ColumnDef Collate AtTimeZone",  # types; TYPES says which
    "Case If",  # choices
    "Bracket Slice Struct PropertyEQ Array Map ToMap Lambda",  # lists, structs and maps
    # Places in JSON
    "JSONPath JSONPathRoot JSONPathKey JSONPathSubscript JSONPathWildcard JSONPathSlice JSONPathUnion",
)
"""Node classes of sqlglot that are not functions."""

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "aggregates": (
        "avg count count_if count_star favg fsum max min product sum",  # numbers of a group
        "any_value arg_max arg_min first last max_by min_by mode",  # one value of a group
        # All values of a group; the combiner's memory limit holds
        "array_agg group_concat histogram list listagg string_agg",
        "bit_and bit_or bit_xor bool_and bool_or",  # bits and truth
        # How values lie
        "approx_count_distinct approx_quantile entropy geomean geometric_mean kurtosis mad mean median",
        # How they lie
        "percentile_cont percentile_disc quantile quantile_cont quantile_disc",
        # How they spread
        "skewness stddev stddev_pop stddev_samp var_pop var_samp variance",
        "corr covar_pop covar_samp regr_count regr_intercept regr_r2 regr_slope",  # two columns together
        "grouping",  # which groups of groups a row is for
    ),
    "windows": (
        # Pure: rows around a row
        "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    ),
    "numbers": (
        "abs bit_count ceil ceiling even floor mod fmod round round_even sign trunc xor",  # rounding and remainders
        "cbrt exp factorial gamma gcd lcm ln log log10 log2 pi pow power sqrt",  # powers
        "acos asin atan atan2 cos cot degrees radians sin tan",  # angles
        "greatest isfinite isinf isnan least random",  # comparisons; random gives no promise, and needs none
    ),
    "text": (
        # Making it; lengths are the memory limit's
        "bar chr concat concat_ws format lpad ltrim printf repeat rpad rtrim trim",
        # Taking it apart
        "left replace reverse right split split_part string_split str_split substr substring translate",
        "ascii bit_length length len octet_length ord strlen unicode",  # measuring it
        "contains ends_with instr position prefix starts_with strpos suffix",  # finding in it
        "like_escape ilike_escape not_like_escape not_ilike_escape",  # what LIKE … ESCAPE becomes
        "regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace",  # RE2: linear in the text
        "regexp_split_to_array string_split_regex str_split_regex",  # the same, splitting
        "damerau_levenshtein hamming jaccard jaro_similarity jaro_winkler_similarity levenshtein",  # how alike two are
        "lcase lower nfc_normalize strip_accents ucase upper",  # letters
        "base64 decode encode from_base64 from_hex hex to_base64 to_hex unhex url_decode url_encode",  # other spellings
        "hash md5 sha256",  # digests, of what may be read anyway
        "parse_path",  # a path as text; no file is touched
    ),
    "dates and times": (
        # A part of one
        "century day dayname dayofmonth dayofweek dayofyear decade epoch epoch_ms epoch_us epoch_ns era hour",
        # A part of one
        "isodow isoyear julian last_day microsecond millennium millisecond minute month monthname quarter second",
        # A part of one
        "timezone timezone_hour timezone_minute week weekday weekofyear year yearweek date_part datepart",
        "age date_add date_diff date_sub date_trunc datediff datesub datetrunc time_bucket",  # counting with them
        # Making and writing
        "make_date make_time make_timestamp make_timestamptz strftime strptime to_timestamp try_strptime",
        "to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes",  # spans
        "to_months to_quarters to_seconds to_weeks to_years",  # spans
        # This moment, which is no secret
        "current_date current_time current_timestamp current_localtime current_localtimestamp",
        "get_current_time get_current_timestamp now today",  # the same under other names
    ),
    "conditions": (
        "coalesce constant_or_null if ifnull nullif typeof",  # choices; typeof tells a type, not a value
    ),
    "lists, structs and maps": (
        "array_append array_concat array_prepend array_value list_append list_cat list_concat",  # making
        "list_prepend list_value list_zip",  # making
        "generate_series list_resize range",  # making from a number; the memory limit holds
        "array_contains array_has array_has_all array_has_any array_position cardinality list_contains",  # looking in
        "list_has list_has_all list_has_any list_position map_contains",  # looking in
        "array_extract array_slice element_at list_element list_extract list_slice struct_extract",  # taking out
        "array_distinct array_intersect array_length array_unique list_distinct list_intersect list_unique",  # as sets
        "array_reverse array_reverse_sort array_sort list_reverse list_reverse_sort list_sort",  # in order
        # With a lambda, whose body is checked like all else
        "array_filter array_transform list_filter list_reduce list_transform",
        "array_aggregate list_aggregate list_any_value list_avg list_count list_first list_last",  # summing up
        "list_max list_median list_min list_sum array_to_string flatten unnest",  # summing up and opening
        "map map_entries map_extract map_from_entries map_keys map_values",  # maps
        "row struct_insert struct_pack",  # structs
    ),
    "JSON": (
        "json json_array json_group_array json_group_object json_object to_json",  # making
        "json_array_length json_contains json_exists json_keys json_structure json_type json_valid",  # looking in
        # Taking out
        "json_extract json_extract_path json_extract_path_text json_extract_string json_transform json_value",
    ),
}
"""Functions a person may call, by their names in a statement, group by group.

Each is pure: it reads no file, no setting, no catalog and no clock but the statement's own, and changes nothing.
"""

AGGREGATES = words(*FUNCTIONS["aggregates"])
NAMING = words("array_aggregate list_aggregate")
"""Functions whose second argument is the name of an aggregate."""
TABLE_FUNCTIONS = words("generate_series range unnest")
"""Functions that may stand in FROM: their rows are made of their arguments alone, as many as the limits let pass."""

FUNCTION_NAMES = words(*(line for lines in FUNCTIONS.values() for line in lines))

OPERATORS = words(
    "+ - * / // % ** ^ @ !",  # arithmetic
    "& | << >> ~",  # bits
    "||",  # texts and lists put together
    "-> ->>",  # places in JSON
    "@> <@ && ^@ <-> <=>",  # lists, prefixes, distances
    "~~ !~~ ~~* !~~* ~~~ !~~~",  # LIKE, ILIKE and GLOB
)
"""Operators, as DuckDB's parser names them: they are functions there."""

FUNCTION_NODES = words(
    # Functions that sqlglot knows: dialect.py says why no more
    "Count Explode Coalesce FirstValue LastValue NthValue Lag Lead PercentileCont PercentileDisc",
    "Extract StrPosition Substring Trim",  # those with a grammar of their own
    "CurrentDate CurrentTime CurrentTimestamp Localtime Localtimestamp",  # those without brackets
    "Abs ArrayContainedBy ArrayContainsAll ArrayOverlaps JSONExtract JSONExtractScalar StartsWith",  # operators
)
"""sqlglot's classes for what it takes for functions; all others are `Anonymous`, and go by their names."""

NODES = CLAUSES | FUNCTION_NODES
ANONYMOUS = frozenset({"Anonymous", "AnonymousAggFunc", "CombinedAggFunc", "ParameterizedAgg"})

TYPES = words(
    "BOOLEAN NULL UNKNOWN BIT",  # truth, nothing, bits
    "TINYINT SMALLINT INT BIGINT INT128 UTINYINT USMALLINT UINT UBIGINT UINT128",  # integers
    "FLOAT DOUBLE DECIMAL",  # other numbers
    "VARCHAR TEXT CHAR NCHAR NVARCHAR BINARY VARBINARY BLOB UUID JSON",  # text and bytes
    "DATE DATE32 TIME TIMETZ DATETIME INTERVAL",  # days, times, spans
    "TIMESTAMP TIMESTAMPTZ TIMESTAMPLTZ TIMESTAMPNTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS",  # moments
    "LIST ARRAY STRUCT MAP",  # made of others
)
"""Types a CAST may name (sqlglot's names)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The lists together.  There is one, `ALLOWED`; tests make wider ones to see that an attack then gets further."""

    nodes: frozenset[str] = NODES
    functions: frozenset[str] = FUNCTION_NAMES
    types: frozenset[str] = TYPES
    anonymous: frozenset[str] = ANONYMOUS


ALLOWED = Allowed()
