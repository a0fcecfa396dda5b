"""Every listed function, with every kind of arguments that DuckDB lists for it, gives what DuckDB gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice, product

import duckdb
import pytest

from swap.query.language.allow import FUNCTION_NAMES
from swap.query.language.parse import parse
from swap.query.language.verify import verify
from swap.query.planning.rewrite import regenerate
from unit.query.reference import answer, connected

SAMPLES = {
    "VARCHAR": """
        'month' | s | 'ab,c' | '2026-01-02' | '%Y-%m-%d' | '$.x' | 'sum' | 'UTC' | '{"x": [1, 2]}' | '["INTEGER"]' | '[1]'
        | '0101' | 'ff'
    """,
    "BIGINT": "n | 2",
    "DOUBLE": "0.5::DOUBLE | n::DOUBLE",
    "FLOAT": "0.5::FLOAT",
    "DECIMAL": "2.25::DECIMAL(9, 2)",
    "BOOLEAN": "b",
    "DATE": "DATE '2026-02-28' | '2024-12-31'::DATE",
    "TIMESTAMP": "TIMESTAMP '2026-02-28 13:14:15.123456'",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ '2026-02-28 13:14:15+00'",
    "TIMESTAMP_NS": "'2026-02-28 13:14:15.123456789'::TIMESTAMP_NS",
    "TIME": "TIME '13:14:15'",
    "TIME WITH TIME ZONE": "TIMETZ '13:14:15+01'",
    "INTERVAL": "INTERVAL 3 DAY | INTERVAL '1 month'",
    "BLOB": "'ab'::BLOB | unhex('6162')",
    "BIT": "'0101'::BIT",
    "JSON": """'{"x": [1, 2]}'::JSON | '[1]'::JSON""",
    "ANY": "n | s | [n, 2] | DATE '2026-02-28' | {'a': n}",
    "None": "n | s | [n, 2] | (1, 2) | {'a': n} | lambda x: x > 1 | lambda x, y: x + y",
    "VARCHAR[]": "['month', 'day'] | ['$.x'] | [s]",
    "ANY[]": "[n, 2] | [s]",
    "T[]": "[n, 2] | [3, 1] | [s] | ['x', 'ASC']",
    "T[][]": "[[n], [2]]",
    "DOUBLE[]": "[0.25::DOUBLE, 0.5::DOUBLE]",
    "FLOAT[]": "[0.25::FLOAT, 0.5::FLOAT]",
    "T": "n | 1 | s",
    "MAP(K, V)": "map {'a': n}",
    "K": "'a'",
    "V": "1",
    "K[]": "['a']",
    "V[]": "[n]",
    "LAMBDA": "lambda x: x + 1 | lambda x, y: x + y | lambda x: x > 1",
    "TUPLE": "(n, s)",
    "TUPLE(K, V)[]": "[('a', n)]",
    "STRUCT": "{'x': n}",
    'STRUCT("year" BIGINT, "month" BIGINT, "day" BIGINT)': "{'year': 2026, 'month': 2, 'day': 3}",
    **{
        name: f"n::{name}"
        for name in (
            *("INTEGER", "SMALLINT", "TINYINT", "HUGEINT"),
            *("UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "UHUGEINT"),
        )
    },
}
UNNAMED = {"TIME_NS", "TIMESTAMPTZ_NS", "BIGNUM"}
"""Types that no CAST of SWAP's names."""
FLEETING = {"random", "now", "get_current_timestamp", "current_localtimestamp", "get_current_time", "current_localtime"}
"""Functions whose values differ from one call to the next."""
BY_HAND = {
    "coalesce": ["coalesce(n, 0)", "coalesce(s, NULL, 'x')"],
    "ifnull": ["ifnull(n, 0)"],
    "grouping": ["grouping(n), grouping(s) FROM t GROUP BY CUBE (n, s) ORDER BY ALL"],
    "current_time": ["typeof(current_time)"],
    "current_timestamp": ["typeof(current_timestamp)"],
    "percentile_cont": ["percentile_cont(0.5) WITHIN GROUP (ORDER BY n)"],
    "percentile_disc": ["percentile_disc(0.5) WITHIN GROUP (ORDER BY n DESC)"],
    "position": ["position('b' IN s)"],
    "like_escape": ["like_escape(s, 'A!%', '!')", "s LIKE 'A!%' ESCAPE '!'"],
    "not_like_escape": ["not_like_escape(s, 'A!%', '!')", "s NOT LIKE 'A!%' ESCAPE '!'"],
    "ilike_escape": ["ilike_escape(s, 'a!%', '!')", "s ILIKE 'a!%' ESCAPE '!'"],
    "not_ilike_escape": ["not_ilike_escape(s, 'a!%', '!')", "s NOT ILIKE 'a!%' ESCAPE '!'"],
    "array_to_string": ["array_to_string([n, 2], '-')"],
    "struct_insert": ["struct_insert({'a': n}, b := s)"],
    "unnest": ["unnest([n, 2])", "n, x FROM t, unnest([n, 2]) u(x) ORDER BY ALL"],
    "if": ["if(n > 1, 'a', 'b')", "if(n > 1, n + 1, n) * 2"],
}
"""Functions that DuckDB does not list: its parser knows them."""
COMBINATIONS = 200
_GROUP = "SELECT {name}({arguments}) AS x FROM t"
_ROWS = _GROUP + " ORDER BY n"
FORMS = {
    "scalar": [_ROWS],
    "macro": [_ROWS, _GROUP],
    "aggregate": [_GROUP, "SELECT {name}(DISTINCT {arguments} ORDER BY n) FILTER (WHERE n > 0) AS x FROM t"],
    "window": ["SELECT {name}({arguments}) OVER (ORDER BY n) AS x FROM t ORDER BY n"],
}
"""How a function of each kind is called."""


@pytest.fixture(scope="module")
def rows() -> duckdb.DuckDBPyConnection:
    return connected(
        """CREATE TABLE t AS SELECT * FROM (VALUES
        (1, 'Ab,c', true), (2, '  d''e\\ ', false), (NULL, NULL, NULL)) v(n, s, b)"""
    )


@cache
def signatures() -> dict[str, list[tuple[str, tuple[str, ...], str | None]]]:
    """Return kind, types of arguments and type of any more of them, for each function as DuckDB lists it."""
    found: dict[str, list[tuple[str, tuple[str, ...], str | None]]] = {}
    listed = duckdb.connect(":memory:").execute(
        "SELECT DISTINCT function_name, function_type, parameter_types, varargs FROM duckdb_functions()"
        " WHERE function_type NOT IN ('table', 'table_macro') ORDER BY ALL"
    )
    for name, kind, types, more in listed.fetchall():
        found.setdefault(name, []).append((kind, tuple(map(str, types)), more))
    return found


def statements(form: str, name: str, types: tuple[str, ...]) -> Iterator[str]:
    values = [[each.strip() for each in SAMPLES[type_].split(" | ")] for type_ in types]
    for arguments in islice(product(*values), COMBINATIONS):
        yield form.format(name=name, arguments=", ".join(arguments))


def same(rows: duckdb.DuckDBPyConnection, name: str, statement: str) -> bool:
    """Run a statement as SWAP writes it, and compare.  Return whether DuckDB runs it at all."""
    expected = answer(rows, statement)
    if expected is None:
        return False
    again = regenerate(parse(statement, {}, 65_536))
    verify(again, ["t"])
    assert name in FLEETING or answer(rows, again) == expected, again
    return True


@pytest.mark.parametrize("name", sorted(FUNCTION_NAMES - BY_HAND.keys()))
def test_a_listed_function_gives_what_duckdb_gives(rows: duckdb.DuckDBPyConnection, name: str) -> None:
    ran = 0
    for kind, types, more in signatures()[name]:
        for full in [types, *([(*types, *[str(more)] * count) for count in (1, 2, 3)] if more else [])]:
            if not UNNAMED.intersection(full):
                for form in FORMS[kind]:
                    ran += any(same(rows, name, each) for each in statements(form, name, full))
    assert ran, f"no sample call of {name} runs in DuckDB"


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in BY_HAND.items() for call in calls])
def test_a_function_with_a_grammar_of_its_own_gives_what_duckdb_gives(
    rows: duckdb.DuckDBPyConnection, name: str, call: str
) -> None:
    assert same(rows, name, f"SELECT {call}" if " FROM " in call else f"SELECT {call} FROM t")
