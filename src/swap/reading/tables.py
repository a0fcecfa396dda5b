"""A result of SWAP's, as its cell stored it, as a table: names, types, the first rows, and how many there are."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

COLUMNS = 500
ROWS = 100
VALUE_LENGTH = 2_000
_NUMBER = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?")


def result(value: Any) -> Markup | None:
    """Return the table, or None for what is no result."""
    columns, rows = _columns(value), _rows(value)
    if not columns or rows is None:
        return None
    head = Markup("").join(
        Markup('<th scope="col"{}>{}<span class="ty">{}</span></th>').format(_side(column), *_named(column))
        for column in columns
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(_cell(column, each) for column, each in zip(columns, row, strict=False))
        )
        for row in rows
    )
    caption = _caption(value, len(rows))
    return Markup(
        '<figure class="out"><div class="scroll" tabindex="0" role="group" aria-label="Result"><table class="dt">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div><figcaption>{}</figcaption></figure>"
    ).format(head, body, caption)


def _columns(value: Any) -> list[dict[str, Any]]:
    found = value.get("columns") if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)][:COLUMNS] if isinstance(found, list) else []


def _rows(value: Any) -> list[list[Any]] | None:
    page = value.get("page") if isinstance(value, dict) else None
    rows = page.get("rows") if isinstance(page, dict) else None
    return [each for each in rows[:ROWS] if isinstance(each, list)] if isinstance(rows, list) else None


def _named(column: dict[str, Any]) -> tuple[str, str]:
    name, kind = column.get("name"), column.get("type")
    return (name[:200] if isinstance(name, str) else "", kind[:200] if isinstance(kind, str) else "")


def _side(column: dict[str, Any]) -> Markup:
    return Markup(' class="num"') if column.get("align") == "right" else Markup()


def _cell(column: dict[str, Any], value: Any) -> Markup:
    if value is None:
        inside = Markup('<span class="nul">null</span>')
    elif value == "":
        inside = Markup('<span class="nul">""</span>')
    else:
        text = value[:VALUE_LENGTH] if isinstance(value, str) else str(value)[:VALUE_LENGTH]
        inside = Markup("<bdi>{}</bdi>").format(_grouped(text) if column.get("group") is True else text)
    return Markup("<td{}>{}</td>").format(_side(column), inside)


def _grouped(text: str) -> str:
    """Return a number with separators of thousands; what is no number as it is.

    >>> _grouped("-1204118.50"), _grouped("1e5")
    ('-1,204,118.50', '1e5')
    """
    if not _NUMBER.fullmatch(text):
        return text
    whole, dot, part = text.lstrip("-").partition(".")
    grouped = f"{int(whole):,}" if len(whole) < 40 else whole
    return f"{'-' if text.startswith('-') else ''}{grouped}{dot}{part}"


def _caption(value: dict[str, Any], shown: int) -> str:
    rows = value.get("rows")
    summary = value.get("summary")
    known = rows if isinstance(rows, int) and type(rows) is not bool and 0 <= rows < 10**15 else shown
    count = f"{known:,} row{'' if known == 1 else 's'}" if known == shown else f"{shown:,} of {known:,} rows"
    return f"{count} · {summary[:300]}" if isinstance(summary, str) and summary else count
