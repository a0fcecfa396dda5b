"""DuckDB's own parser, which has the last word about what a text means."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import duckdb

_NEAR = re.compile(r'syntax error at or near "(.*?)"')
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


class Unread(ValueError):
    """DuckDB's parser refuses a text: at the word `near`, which is empty where none is told, `offset` characters in."""

    def __init__(self, said: str, near: str, offset: int | None) -> None:
        """Take DuckDB's message, and the place where it stopped."""
        super().__init__(said)
        self.near = near
        self.at_end = "end of input" in said or said.startswith("unterminated")
        self.offset = offset


def read(text: str) -> dict[str, Any]:
    """Return DuckDB's own tree of one SELECT.  Raises Unread; RecursionError for one that is too deep for JSON."""
    (serialized,) = own_parser().execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0]
    document = json.loads(serialized)
    if document["error"]:
        said = str(document.get("error_message"))
        near, at = _NEAR.search(said), document.get("position")
        offset = len(text.encode()[: int(at)].decode(errors="ignore")) if at else None
        raise Unread(said, near.group(1) if near else "", offset if near else None)
    if len(document["statements"]) != 1:
        raise Unread("It is not one SELECT.", "", None)
    node: dict[str, Any] = document["statements"][0]
    return node
