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


def matches(text: str, cursor: int) -> tuple[str, list[tuple[str, str]]]:
    """Return the fragment before the cursor and (text, type) of what could stand in its place."""
    found = sql_at(text, cursor)
    if found is None:
        return "", []
    try:
        answer = transport.default().call(
            "POST", "/v1/complete", {"sql": found.text, "offset": found.offset}, seconds=WAIT_SECONDS
        )
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
