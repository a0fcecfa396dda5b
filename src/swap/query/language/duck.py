"""DuckDB's own parser, which has the last word about what a text means."""

from __future__ import annotations

import threading

import duckdb

_here = threading.local()
_database: duckdb.DuckDBPyConnection | None = None
_opening = threading.Lock()


def own_parser() -> duckdb.DuckDBPyConnection:
    """Return this thread's connection to one empty DuckDB, which reads texts and runs none of them."""
    connection = getattr(_here, "connection", None)
    if connection is None:
        _here.connection = connection = _opened().cursor()
    return connection


def _opened() -> duckdb.DuckDBPyConnection:
    global _database  # noqa: PLW0603 — opening one takes longer than all that a statement is read for
    with _opening:
        if _database is None:
            _database = duckdb.connect(
                ":memory:",
                config={
                    "threads": 1,
                    "autoload_known_extensions": False,
                    "autoinstall_known_extensions": False,
                    "enable_external_access": False,
                    "lock_configuration": True,
                },
            )
        return _database
