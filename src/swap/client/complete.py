"""Completion of sources, tables and columns in consoles, from the gateway's catalog.

JupyterLab asks its own provider; this is for every other place that completes through the kernel.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from swap.client import transport
from swap.errors import SwapError

WAIT_SECONDS = 1.0
_CELL = re.compile(r"\s*%%swap(?=\s|$)[^\n]*\n")
_LINE = re.compile(r"(?:^|\n|=)[ \t]*%swap[ \t]+([^\n]*)$")
_HEAD = re.compile(r"\s*%%swap(?=\s)[^\n]*")
_OPTION = re.compile(r"(?:^|\s)(?:--dialect(?:[ \t]+|=)(\w*)|(-[-a-z]*))$")
_DIALECT = re.compile(r"\s*--dialect(?:[ \t]+|=)(\w+)(?:\s|$)")
DIALECTS = ("hive", "mysql", "spark")
"""A test compares them with the gateway's."""
_CALL = re.compile(r"swap\.sql\(\s*[rRfF]{0,2}(\"\"\"|'''|\"|')((?:(?!\1)[\s\S])*)$")


class Sql(NamedTuple):
    """The statement being typed, and where the cursor is in it."""

    text: str
    offset: int


def sql_at(text: str, cursor: int) -> Sql | None:
    """Return the SQL around the cursor, or None where there is no SQL.

    >>> sql_at('swap.sql("SELECT a FROM la', 26)
    Sql(text='SELECT a FROM la', offset=16)
    """
    head = _CELL.match(text)
    if head:
        return Sql(text[head.end() :], cursor - head.end()) if cursor >= head.end() else None
    before = text[:cursor]
    line = _LINE.search(before)
    if line:
        return Sql(line[1], len(line[1]))
    call = _CALL.search(before)
    if call is None:
        return None
    rest = text[cursor:]
    end = rest.find(call[1])
    return Sql(call[2] + (rest if end < 0 else rest[:end]), len(call[2]))


def option_at(text: str, cursor: int) -> tuple[str, tuple[str, ...]] | None:
    """Return what is typed of an option in a cell's first line, and what it can be; None elsewhere.

    >>> option_at("%%swap --dialect my", 19)
    ('my', ('mysql',))
    """
    head = _HEAD.match(text[:cursor])
    typed = _OPTION.search(head[0]) if head and head.end() == cursor else None
    if typed is None:
        return None
    if typed[1] is not None:
        return typed[1], tuple(name for name in DIALECTS if name.startswith(typed[1]))
    return typed[2], ("--dialect",) if "--dialect".startswith(typed[2]) else ()


def dialect_of(text: str, sql: Sql) -> tuple[str, Sql]:
    """Return the dialect that a cell's first line, or `%swap`'s own, names, and the statement without it.

    >>> dialect_of("%swap --dialect hive SELECT ", Sql("--dialect hive SELECT ", 22))
    ('hive', Sql(text='SELECT ', offset=7))
    """
    head = _CELL.match(text)
    if head:
        named = _DIALECT.match(head[0].strip().removeprefix("%%swap"))
        return (named[1] if named else ""), sql
    named = _DIALECT.match(sql.text[: sql.offset])
    return (named[1], Sql(sql.text[named.end() :], sql.offset - named.end())) if named else ("", sql)


def matches(text: str, cursor: int) -> tuple[str, list[tuple[str, str]]]:
    """Return the fragment before the cursor and (text, type) of what could stand in its place."""
    if option := option_at(text, cursor):
        return option[0], [(each, "option") for each in option[1]]
    found = sql_at(text, cursor)
    if found is None:
        return "", []
    dialect, found = dialect_of(text, found)
    asked = {"sql": found.text, "offset": found.offset, "dialect": dialect}
    try:
        answer = transport.default().call("POST", "/v1/complete", asked, seconds=WAIT_SECONDS)
        start = int(answer["start"])
        return found.text[start : found.offset], [(item["insert"], item.get("type") or "") for item in answer["items"]]
    except (SwapError, TimeoutError, KeyError):
        return "", []  # no popup is better than an error while somebody types


def register(shell: Any) -> None:
    """Let a shell's completer ask here too."""
    from IPython.core.completer import SimpleCompletion, context_matcher  # noqa: PLC0415 — only inside IPython

    def swap_matcher(context: Any) -> dict[str, Any]:
        before = context.full_text.split("\n")[: context.cursor_line]
        fragment, items = matches(context.full_text, sum(len(line) + 1 for line in before) + context.cursor_position)
        completions = [SimpleCompletion(text=insert, type=kind) for insert, kind in items]
        return {
            "completions": completions,
            "matched_fragment": fragment,
            "suppress": bool(completions),
            "ordered": True,
        }

    shell.Completer.custom_matchers.append(context_matcher(identifier="swap.sql", priority=1000)(swap_matcher))
