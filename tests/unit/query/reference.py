"""DuckDB itself, against which what SWAP makes of a statement is held."""

from __future__ import annotations

import duckdb


def connected(*statements: str) -> duckdb.DuckDBPyConnection:
    """Return a database of its own, in UTC, after these statements."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    for statement in statements:
        connection.execute(statement)
    return connection


def answer(rows: duckdb.DuckDBPyConnection, statement: str) -> str | None:
    """Return types and values; None where DuckDB refuses the statement, or stops at a value."""
    try:
        table = rows.sql(statement).to_arrow_table()
    except duckdb.Error:
        return None
    return repr([(str(field.type), column.to_pylist()) for field, column in zip(table.schema, table, strict=True)])
