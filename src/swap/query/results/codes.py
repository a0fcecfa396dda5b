"""Which columns of numbers are codes: years, hours, ids, flight numbers.

A code says which one, not how much.  It is never grouped by thousands, and no chart measures it unasked.
Only a column's name tells; what is not known here counts as a quantity.
"""

from __future__ import annotations

import re

_CALENDAR = re.compile(
    "year|quarter|month|week|day|hour|minute|second|weekday|decade|century|isoyear|isodow|dow|doy"
    "|dayofweek|dayofmonth|dayofyear|weekofyear|yearweek|yearmonth|yyyymm|yyyymmdd|ymd|hhmm|hhmmss"
)
_NAMING = re.compile(
    "id|uuid|uid|gid|oid|pid|code|key|num|no|nr|zip|zipcode|postcode|namespace|status|flight|version|port"
    "|asn|isbn|issn|ean|phone|fips"
)
_SPANS = frozenset({"per", "a", "each", "every", "last", "past", "this"})
"""Words before a unit of time that make an amount of it: views_per_day."""
_PICKING = frozenset({"min", "max", "any_value", "arbitrary", "first", "last", "mode", "median"})
"""Functions that return a value of the column itself."""
_TAKING = frozenset({"extract", "date_part", "datepart"})
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_]+")
_CLOCK = re.compile(r"(^|_)(dep|arr|departure|arrival)_time$")
"""Times of flights, which come as HHMM."""


def is_code(name: str) -> bool:
    """Tell whether a number in a column of this name says which, and not how much.

    >>> [is_code(name) for name in ("page_id", "flightNumber", "max(year)", "hour", "hours", "views_per_hour")]
    [True, True, True, True, False, False]
    """
    if called := _CALL.fullmatch(name):
        function, inner = called[1].casefold(), called[2]
        return bool(_CALENDAR.fullmatch(function)) or function in _TAKING or (function in _PICKING and is_code(inner))
    words = [word.casefold() for word in _WORD.findall(name)]
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if _CALENDAR.fullmatch(last):
        return before not in _SPANS
    if last == "number":
        return before != ""
    return bool(_NAMING.fullmatch(last) or _CLOCK.search(name.casefold()))
