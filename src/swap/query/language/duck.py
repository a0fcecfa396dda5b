"""DuckDB's own parser, which has the last word about what a text means."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

import duckdb

_NEAR = re.compile(r'syntax error at or near "(.*?)"')
_CARET = re.compile(r"LINE (\d+): (.*)\n( *)\^")
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


@dataclass(frozen=True, slots=True)
class Unread:
    """Where DuckDB stopped reading a text: the word there, and its offset, where DuckDB says so."""

    near: str
    offset: int | None


def unread(text: str) -> Unread | None:
    """Return where DuckDB's parser refuses a text; None when it reads it."""
    try:
        own_parser().extract_statements(text)
    except duckdb.Error as error:
        near = _NEAR.search(str(error))
        return Unread(near.group(1), _offset(str(error), near.group(1), text)) if near else Unread("", None)
    return None


def _offset(said: str, near: str, text: str) -> int | None:
    """Return the offset of the word that the caret points at, unless only a part of the line is shown."""
    found = _CARET.search(said)
    if found is None:
        return None
    lines = text.split("\n")
    number, column = int(found.group(1)), len(found.group(3)) - len(f"LINE {found.group(1)}: ")
    if number > len(lines) or column < 0 or not lines[number - 1].startswith(near, column):
        return None
    return sum(len(each) + 1 for each in lines[: number - 1]) + column
