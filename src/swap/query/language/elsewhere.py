"""What people write who come from Hive, MySQL or another database, and the words for it here.

The dialect is DuckDB's and stays that: a word of another one is never guessed at, since two databases seldom mean
quite the same by it.  It is refused with what to write; docs/reference/sql.md has the same table.
"""

from __future__ import annotations

import re

FUNCTIONS = {
    "approx_percentile": "approx_quantile(x, 0.5)",
    "array": "[x, y]",
    "array_join": "array_to_string(list, ',')",
    "array_max": "list_max(list)",
    "array_min": "list_min(list)",
    "array_remove": "list_filter(list, lambda e: e <> x)",
    "array_size": "len(list)",
    "array_union": "list_distinct(list_concat(list, list))",
    "arrays_zip": "list_zip(list, list)",
    "char_length": "length(text)",
    "character_length": "length(text)",
    "collect_list": "list(x)",
    "collect_set": "list(DISTINCT x)",
    "curdate": "current_date",
    "curtime": "current_localtime()",
    "date_format": "strftime(ts, '%Y-%m-%d')",
    "dayofweek_iso": "isodow(day)",
    "explode": "unnest(list)",
    "find_in_set": "list_position(string_split(text, ','), 'a')",
    "format_number": "format('{:,}', x)",
    "from_unixtime": "to_timestamp(x)",
    "get_json_object": "json ->> '$.a'",
    "isnull": "x IS NULL",
    "isnotnull": "x IS NOT NULL",
    "json_tuple": "json ->> '$.a'",
    "json_unquote": "json ->> '$.a'",
    "locate": "position('a' IN text)",
    "map_concat": "map_from_entries(list_concat(map_entries(m), map_entries(n)))",
    "months_between": "date_diff('month', day, day)",
    "named_struct": "{'a': x, 'b': y}",
    "nvl": "coalesce(x, y)",
    "nvl2": "CASE WHEN x IS NOT NULL THEN y ELSE z END",
    "percentile": "quantile_cont(x, 0.5)",
    "percentile_approx": "approx_quantile(x, 0.5)",
    "posexplode": "unnest(list)",
    "rand": "random()",
    "regexp": "regexp_matches(text, 'a+')",
    "regexp_like": "regexp_matches(text, 'a+')",
    "rlike": "regexp_matches(text, 'a+')",
    "sequence": "range(1, 10)",
    "size": "len(list)",
    "sort_array": "list_sort(list)",
    "space": "repeat(' ', 3)",
    "std": "stddev(x)",
    "str_to_date": "strptime(text, '%Y-%m-%d')",
    "substring_index": "split_part(text, ',', 1)",
    "to_char": "strftime(ts, '%Y-%m-%d')",
    "to_date": "CAST(text AS DATE)",
    "to_json_string": "to_json(x)",
    "to_unix_timestamp": "epoch(ts)",
    "try": "TRY_CAST(text AS INTEGER)",
    "truncate": "trunc(x)",
    "unix_timestamp": "epoch(ts)",
    "utc_timestamp": "current_timestamp",
}
"""The function of another database, without case, to an expression that does it here."""

STATEMENTS = {
    **dict.fromkeys(("SHOW", "USE"), "swap.tables() lists the tables; write their names in full: source.schema.table."),
    **dict.fromkeys(
        ("DESCRIBE", "DESC", "SUMMARIZE"), 'swap.describe("source.schema.table") tells of a table\'s columns.'
    ),
    "EXPLAIN": "Run it: the cell shows what each source was asked.",
    "SET": "There is nothing to set. Values are parameters: swap.sql(…, params={…}).",
    "VALUES": "Write SELECT * FROM (VALUES …) AS v(a, b).",
    **dict.fromkeys(
        ("ALTER", "COPY", "CREATE", "DELETE", "DROP", "INSERT", "MERGE", "REPLACE", "TRUNCATE", "UPDATE", "WITH"),
        'SWAP reads and changes nothing. Keep a result in Python, and ask it too: swap.sql(…, tables={"mine": frame}).',
    ),
}
"""The first word of a statement that is no SELECT, to what helps."""

_FORMS = (
    (r"`", 'Names that need quotes stand in double ones: "name".'),
    (r"\b(?:RLIKE|REGEXP)\b", "For a pattern write regexp_matches(text, 'a+') or text ~ 'a+'."),
    (r"\bLIMIT\s+\d+\s*,", "Write LIMIT 10 OFFSET 5 for the ten rows after the first five."),
    (r"\bWITH\s+(?:ROLLUP|CUBE)\b", "Write GROUP BY ROLLUP (a, b) or GROUP BY CUBE (a, b)."),
    (r"\b(?:SORT|CLUSTER|DISTRIBUTE)\s+BY\b", "Write ORDER BY."),
    (r"\bLATERAL\s+VIEW\b", "For a row for each element of a list, write FROM t, unnest(t.list) AS u(element)."),
    (r"->", "Put brackets around what is found: (j -> 'a') = 'b'."),
    (r"(?<!\w)\w{1,99}\.\w{1,99}\.\*", "For all fields of a struct write unnest(t.column)."),
    (r"\$\w{0,99}\$", "Texts stand in single quotes: 'it''s'."),
    (r"<=>", "Write a IS NOT DISTINCT FROM b."),
    (r"\bDIV\b", "Write a // b."),
    (r"\bTABLESAMPLE\b|\bUSING\s+SAMPLE\b", "For a sample write WHERE random() < 0.01."),
    (r"\bPIVOT\b|\bUNPIVOT\b", "Write sum(x) FILTER (WHERE y = 'a') for each column, or pivot the result in pandas."),
    (
        r"\[[^\[\]]{0,99}\bfor\b[^\[\]]{0,99}\bin\b",
        "Write list_transform(list, lambda x: x + 1) or list_filter(list, lambda x: x > 1).",
    ),
)
_QUOTED = re.compile(r"'[^']*+(?:''[^']*+)*+'?|\"[^\"]*+(?:\"\"[^\"]*+)*+\"?|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
"""A text, a quoted name or a comment, to the end where it has none of its own: so one pass finds them all."""


NEARBY = 1_000
"""Characters before and behind a place that are looked at: one can be made to take long to look through."""


def instead(text: str, at: int | None = None) -> str:
    """Return what to write here for the first form of another database near a place; "" for none."""
    begin = max(0, (at or 0) - NEARBY)
    # Of the whole text, and as long as it was: a part of it may begin within quotes.
    plain = _QUOTED.sub(_blank, text)[begin : (at or NEARBY) + NEARBY]
    return next((todo for form, todo in _FORMS if re.search(form, plain, re.IGNORECASE | re.DOTALL)), "")


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])
