"""Read the finished statement a second time, with DuckDB's own parser, and refuse what it would do beyond the plan.

Two parsers may disagree about a text.  Whatever sqlglot believed, here stand the tables and functions
that DuckDB will see: inputs and CTEs, listed functions, and nothing that reads a file or a setting.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from swap.errors import Problem, QueryRefused
from swap.query.allow import FUNCTION_NAMES, OPERATORS

_TABLE_TYPES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "COLUMN_DATA"})
_TABLE_FUNCTIONS = frozenset({"unnest"})

_reader = threading.local()


def verify(text: str, inputs: Sequence[str]) -> None:
    """Check the text that the combiner will run.  Raises QueryRefused."""
    (serialized,) = _connection().execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0]
    document = json.loads(serialized)
    if document.get("error") or len(document.get("statements", ())) != 1:
        raise _refused(str(document.get("error_message") or "It is not one SELECT."))
    tree = document["statements"][0]
    ctes = {entry["key"].casefold() for node in _dicts(tree) for entry in _ctes(node)}
    for node in _dicts(tree):
        _check_table(node, {name.casefold() for name in inputs} | ctes)
        if "function_name" in node:
            name = str(node["function_name"]).casefold()
            if node.get("schema") or node.get("catalog") or name not in FUNCTION_NAMES | OPERATORS:
                raise _refused(f"The function {name} is not one that SWAP runs.")


def _check_table(node: dict[str, Any], known: set[str]) -> None:
    kind = node.get("type")
    if "table_name" in node and kind == "BASE_TABLE":
        if node.get("schema_name") or node.get("catalog_name") or node.get("at_clause") or node["table_name"].casefold() not in known:
            raise _refused(f"There is no table {node['table_name']}.")
    elif kind == "TABLE_FUNCTION":
        if str(node["function"].get("function_name")).casefold() not in _TABLE_FUNCTIONS:
            raise _refused("Table functions are not part of the SQL that SWAP runs.")
    elif "sample" in node and "query_location" in node and kind not in _TABLE_TYPES:
        raise _refused(f"{kind} is not part of the SQL that SWAP runs.")
    if node.get("sample"):
        raise _refused("SAMPLE is not part of the SQL that SWAP runs.")


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return found["map"] if isinstance(found, dict) else []


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _connection() -> duckdb.DuckDBPyConnection:
    connection = getattr(_reader, "connection", None)
    if connection is None:
        connection = duckdb.connect(":memory:")
        for setting in ("threads=1", "autoload_known_extensions=false", "autoinstall_known_extensions=false",
                        "python_enable_replacements=false", "enable_external_access=false", "lock_configuration=true"):
            connection.execute(f"SET {setting}")
        _reader.connection = connection
    return connection


def _refused(title: str) -> QueryRefused:
    return QueryRefused(Problem(title, why="Nothing was run. The SQL that SWAP runs is a closed list.", todo="See docs/reference/sql.md."))
