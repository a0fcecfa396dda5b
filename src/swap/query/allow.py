"""What a statement may be made of: the closed lists that parse and verify check against.

A construct that no list names is refused, whatever it is.  docs/reference/sql.md says the same in
words; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

CLAUSES = frozenset(["Select", "Union", "Except", "Intersect", "With", "CTE", "TableAlias", "From", "Join", "Table", "Subquery", "Where", "Group", "Having", "Order", "Ordered", "Limit", "Fetch", "LimitOptions", "Offset", "Distinct", "Qualify", "Window", "WindowSpec", "Values", "Tuple", "Lateral", "Unnest", "Rollup", "Cube", "GroupingSets", "Column", "Identifier", "Star", "Alias", "Literal", "Boolean", "Null", "Var", "Paren", "And", "Or", "Xor", "Not", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "NullSafeEQ", "NullSafeNEQ", "Between", "In", "Is", "Like", "ILike", "SimilarTo", "Glob", "Escape", "RegexpLike", "RegexpILike", "RegexpFullMatch", "Exists", "Any", "All", "Add", "Sub", "Mul", "Div", "IntDiv", "Mod", "Pow", "Neg", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitwiseLeftShift", "BitwiseRightShift", "DPipe", "Cast", "TryCast", "DataType", "DataTypeParam", "ColumnDef", "Case", "If", "Interval", "IntervalSpan", "AtTimeZone", "Collate", "Bracket", "Slice", "Dot", "Struct", "PropertyEQ", "Array", "Map", "ToMap", "Lambda", "Filter", "IgnoreNulls", "RespectNulls", "WithinGroup", "JSONPath", "JSONPathRoot", "JSONPathKey", "JSONPathSubscript", "JSONPathWildcard", "JSONPathSlice", "JSONPathUnion"])
"""Node classes of sqlglot that are not functions."""

FUNCTIONS = {
    "aggregates": """
        any_value approx_count_distinct approx_quantile arg_max arg_min array_agg avg bit_and bit_or bit_xor bool_and bool_or
        corr count count_if count_star covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat grouping
        histogram kurtosis last list listagg mad max max_by mean median min min_by mode product quantile quantile_cont
        quantile_disc regr_count regr_r2 regr_slope regr_intercept skewness stddev stddev_pop stddev_samp string_agg sum
        var_pop var_samp variance
    """,
    "windows": "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    "numbers": """
        abs acos asin atan atan2 bit_count cbrt ceil ceiling cos cot degrees even exp factorial floor fmod gamma gcd greatest
        isfinite isinf isnan lcm least ln log log10 log2 mod pi pow power radians random round round_even sign sin sqrt tan trunc xor
    """,
    "text": """
        ascii bar chr concat concat_ws contains ends_with format instr left length len levenshtein damerau_levenshtein
        jaccard jaro_similarity jaro_winkler_similarity hamming lower lcase lpad ltrim md5 nfc_normalize ord parse_path position
        prefix printf regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat
        replace reverse right rpad rtrim sha256 split split_part starts_with string_split string_split_regex str_split str_split_regex strip_accents
        strlen strpos substr substring suffix to_base64 from_base64 translate trim ucase unicode upper url_decode url_encode
        hex unhex to_hex from_hex encode decode base64 octet_length bit_length like_escape ilike_escape not_like_escape
        not_ilike_escape hash
    """,
    "dates and times": """
        age century current_date current_localtime current_localtimestamp current_time current_timestamp date_add date_diff
        date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch
        epoch_ms epoch_us epoch_ns era get_current_time get_current_timestamp hour isodow isoyear julian last_day make_date
        make_time make_timestamp make_timestamptz microsecond millennium millisecond minute month monthname now quarter second
        strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours
        to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years
        today try_strptime week weekday weekofyear year yearweek
    """,
    "conditions": "coalesce constant_or_null if ifnull nullif typeof",
    "lists, structs and maps": """
        array_aggregate array_append array_concat array_contains array_distinct array_extract array_filter array_has array_has_all
        array_has_any array_intersect array_length array_position array_prepend array_reverse array_reverse_sort array_slice array_sort
        array_to_string array_transform array_unique array_value cardinality element_at flatten generate_series list_aggregate list_any_value
        list_append list_avg list_cat list_concat list_contains list_count list_distinct list_element list_extract list_filter
        list_first list_has list_has_all list_has_any list_intersect list_last list_max list_median list_min list_position
        list_prepend list_reduce list_resize list_reverse list_reverse_sort list_slice list_sort list_sum list_transform
        list_unique list_value list_zip map map_contains map_entries map_extract map_from_entries map_keys map_values range row
        struct_extract struct_insert struct_pack unnest
    """,
    "JSON": """
        json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text json_extract_string
        json_group_array json_group_object json_keys json_object json_structure json_transform json_type json_valid json_value
        to_json
    """,
}
"""Functions a person may call, by their names in a statement, group by group."""

OPERATORS = frozenset(["+", "-", "*", "/", "//", "%", "**", "^", "&", "|", "<<", ">>", "~", "!", "||", "->", "->>", "@>", "<@", "&&", "~~", "!~~", "~~*", "!~~*", "~~~", "!~~~", "^@", "@", "<->", "<=>"])
"""Operators, as DuckDB's parser names them: they are functions there."""

FUNCTION_NAMES = frozenset(name for group in FUNCTIONS.values() for name in group.split())

FUNCTION_NODES = frozenset(["Abs", "Acos", "AnyValue", "ApproxDistinct", "ApproxQuantile", "ArgMax", "ArgMin", "ArrayAgg", "ArrayAppend", "ArrayConcat", "ArrayContainedBy", "ArrayContains", "ArrayContainsAll", "ArrayDistinct", "ArrayFilter", "ArrayIntersect", "ArrayMax", "ArrayMin", "ArrayOverlaps", "ArrayPosition", "ArrayPrepend", "ArrayReverse", "ArraySize", "ArraySlice", "ArraySort", "ArrayToString", "Ascii", "Asin", "Atan", "Atan2", "Avg", "BitLength", "BitwiseAndAgg", "BitwiseOrAgg", "BitwiseXorAgg", "Cbrt", "Ceil", "Chr", "Coalesce", "Concat", "ConcatWs", "Contains", "Corr", "Cos", "Cot", "Count", "CountIf", "CovarPop", "CovarSamp", "CumeDist", "CurrentDate", "CurrentTime", "CurrentTimestamp", "DateAdd", "DateBin", "DateDiff", "DateFromParts", "Day", "DayOfMonth", "DayOfWeek", "DayOfWeekIso", "DayOfYear", "Dayname", "Decode", "Degrees", "DenseRank", "Encode", "EndsWith", "Exp", "Explode", "Extract", "Factorial", "First", "FirstValue", "Flatten", "Floor", "Format", "FromBase64", "GenerateSeries", "Greatest", "GroupConcat", "Grouping", "Hex", "Hour", "IsInf", "IsNan", "JSONArray", "JSONExtract", "JSONExtractScalar", "JSONKeyValue", "JSONKeys", "JSONObject", "JSONType", "JarowinklerSimilarity", "Kurtosis", "Lag", "Last", "LastDay", "LastValue", "Lead", "Least", "Left", "Length", "Levenshtein", "Ln", "Localtime", "Localtimestamp", "Log", "LogicalAnd", "LogicalOr", "Lower", "MD5", "MapFromEntries", "MapKeys", "Max", "Median", "Min", "Minute", "Mode", "Month", "Monthname", "NthValue", "Ntile", "Nullif", "Pad", "ParseJSON", "PercentRank", "PercentileCont", "PercentileDisc", "Pi", "Quantile", "Quarter", "Radians", "Rand", "Rank", "RegexpExtract", "RegexpExtractAll", "RegexpReplace", "RegexpSplit", "RegrCount", "RegrIntercept", "RegrR2", "RegrSlope", "Repeat", "Replace", "Reverse", "Right", "Round", "RowNumber", "SHA2", "Second", "Sign", "Sin", "Skewness", "Split", "SplitPart", "Sqrt", "StartsWith", "Stddev", "StddevPop", "StddevSamp", "StrPosition", "StrToTime", "StructExtract", "Substring", "Sum", "Tan", "TimeFromParts", "TimeToStr", "TimeToUnix", "TimestampFromParts", "TimestampTrunc", "ToBase64", "ToDays", "Transform", "Translate", "Trim", "Trunc", "Typeof", "Unhex", "Unicode", "UnixToTime", "Upper", "Variance", "VariancePop", "Week", "WeekOfYear", "Year"])
"""sqlglot's classes for functions of the list above (those without a class of their own are `Anonymous`)."""

NODES = CLAUSES | FUNCTION_NODES
ANONYMOUS = frozenset({"Anonymous", "AnonymousAggFunc", "CombinedAggFunc", "ParameterizedAgg"})

TYPES = frozenset(["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "UTINYINT", "USMALLINT", "UINT", "UBIGINT", "UINT128", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "TEXT", "CHAR", "NCHAR", "NVARCHAR", "BINARY", "VARBINARY", "DATE", "DATE32", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ", "TIMESTAMPNTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATETIME", "INTERVAL", "UUID", "JSON", "BLOB", "LIST", "ARRAY", "STRUCT", "MAP", "BIT", "NULL", "UNKNOWN"])
"""Types a CAST may name (sqlglot's names)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The lists together.  There is one, `ALLOWED`; tests make wider ones to see that an attack then gets further."""

    nodes: frozenset[str] = NODES
    functions: frozenset[str] = FUNCTION_NAMES
    types: frozenset[str] = TYPES
    anonymous: frozenset[str] = ANONYMOUS


ALLOWED = Allowed()
