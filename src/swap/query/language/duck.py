"""DuckDB's own parser, which has the last word about what a text means."""

from __future__ import annotations

import threading

import duckdb

_here = threading.local()


def own_parser() -> duckdb.DuckDBPyConnection:
    """Return this thread's connection, which reads texts and runs none of them."""
    connection = getattr(_here, "connection", None)
    if connection is None:
        connection = duckdb.connect(":memory:")
        for setting in (
            "threads=1",
            "autoload_known_extensions=false",
            "autoinstall_known_extensions=false",
            "python_enable_replacements=false",
            "enable_external_access=false",
            "lock_configuration=true",
        ):
            connection.execute(f"SET {setting}")
        _here.connection = connection
    return connection
