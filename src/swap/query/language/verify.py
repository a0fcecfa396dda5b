"""Read the finished statement a second time, with DuckDB's own parser, and refuse what it would do beyond the plan.

Two parsers may disagree about a text.  Whatever sqlglot believed, here stand the tables and functions
that DuckDB will see: inputs, queries in WITH where they are in sight, all under names of ours, and listed
functions; nothing that reads a file or a setting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from swap.errors import Problem, QueryRefused
from swap.query.language.allow import FUNCTION_NAMES, OPERATORS, TABLE_FUNCTIONS
from swap.query.language.duck import Unread, read

_TABLE_TYPES = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "COLUMN_DATA"}
)
_CALLED = FUNCTION_NAMES | OPERATORS


def verify(text: str, inputs: Collection[str], named: Collection[str] = ()) -> None:
    """Check the text that the combiner will run.

    It reads these inputs, and names these queries in WITH, each once.  Raises QueryRefused.
    """
    try:
        statement = read(text)
    except RecursionError:
        raise too_deep() from None
    except Unread as error:
        raise _refused(str(error)) from None
    left = set(named)
    for node, known in _nodes(statement, frozenset(inputs)):
        _check_table(node, known)
        for name in (entry["key"] for entry in _ctes(node)):
            if name not in left:
                raise _refused("WITH names a query that is not the plan's.")
            left.remove(name)
        if node.get("type") == "CTE_NODE" or node.get("cte_name", "") not in {"", *named}:
            raise _refused("WITH names a query that is not the plan's.")
        if "function_name" in node:
            name = str(node["function_name"]).casefold()
            if node.get("schema") or node.get("catalog") or name not in _CALLED:
                raise _refused(f"The function {name} is not one that SWAP runs.")


def too_deep() -> QueryRefused:
    """Return the error for a statement that is too deep for one of its readers."""
    return QueryRefused(
        Problem(
            "The statement is nested too deeply.",
            why="Nothing was run. Long chains of operators nest too.",
            todo=(
                'Use fewer in one expression: IN (…), concat(…), or a table of your own: swap.sql(…, tables={"mine":'
                " frame})."
            ),
        )
    )


def _check_table(node: dict[str, Any], known: frozenset[str]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        path = (node.get("qualified_name") or {}).get("path")
        if (
            path not in (None, [node["table_name"]])
            or node.get("schema_name")
            or node.get("catalog_name")
            or node.get("at_clause")
            or node["table_name"] not in known
        ):
            raise _refused(f"There is no table {node['table_name']}.")
    elif kind == "TABLE_FUNCTION":
        if str(node["function"].get("function_name")).casefold() not in TABLE_FUNCTIONS:
            raise _refused("Table functions are not part of the SQL that SWAP runs.")
    elif "sample" in node and "query_location" in node and kind not in _TABLE_TYPES:
        raise _refused(f"{kind} is not part of the SQL that SWAP runs.")
    if node.get("sample"):
        raise _refused("SAMPLE is not part of the SQL that SWAP runs.")


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return found["map"] if isinstance(found, dict) else []


def _nodes(tree: Any, inputs: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield each node with the tables in sight there.

    A query in WITH is for those after it and for the query that they stand before.
    """
    stack = [(tree, inputs)]
    while stack:
        item, known = stack.pop()
        if isinstance(item, list):
            stack.extend((each, known) for each in item)
        elif isinstance(item, dict):
            yield item, known
            for entry in _ctes(item):
                stack.append((entry["value"], known))
                known |= {entry["key"]}
            for key, value in item.items():
                if key != "cte_map":
                    # Of a recursive query only the right side sees its own rows.
                    sees = (
                        known | {str(item["cte_name"])}
                        if key == "right" and item.get("type") == "RECURSIVE_CTE_NODE"
                        else known
                    )
                    stack.append((value, sees))


def _refused(title: str) -> QueryRefused:
    return QueryRefused(
        Problem(title, why="Nothing was run. The SQL that SWAP runs is a closed list.", todo="Help lists what it is.")
    )
