"""A page of a result as text: the HTML a notebook keeps, and the aligned columns of a console.

Both are made from the same page that our renderer shows, so a notebook reads the same without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

MAX_CELL_CHARACTERS = 60
_HEAD = "text-align:{side};padding:2px 8px;border-bottom:1px solid #a2a9b1"
_CELL = "text-align:{side};padding:1px 8px;font-variant-numeric:tabular-nums"


def grouped(value: str | None, column: Mapping[str, Any]) -> str:
    """Return a value as it is read: thousands separated where the column says so, null as null."""
    if value is None:
        return "null"
    if not column.get("group"):
        return value
    whole, point, rest = value.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{rest}" if digits.isdigit() else value


def size(count: int) -> str:
    """Return a number of bytes in kB to TB.

    >>> size(14_000_000), size(999)
    ('14 MB', '999 bytes')
    """
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def facts(result: Mapping[str, Any]) -> str:
    """Return the line above the table: rows × columns, seconds, bytes read and here."""
    columns = result["columns"]
    parts = [f"{result['rows']:,} {'row' if result['rows'] == 1 else 'rows'} × {len(columns)} {'column' if len(columns) == 1 else 'columns'}",
             f"{result['seconds']:.1f} s"]
    if result.get("source_bytes"):
        parts.append(f"{size(result['source_bytes'])} read")
    parts.append(f"{size(result['bytes'])} here")
    return "  ".join(parts)


def html(result: Mapping[str, Any]) -> str:
    """Return the first page as an HTML table that needs neither style sheet nor script."""
    columns, rows = result["columns"], result["page"]["rows"]
    title = f"<b>{escape(result['name'])}</b>  " if result.get("name") else ""
    heads = "".join(
        f'<th scope="col" style="{_HEAD.format(side=column["align"])}">{escape(column["name"])}<br>'
        f'<small style="font-weight:normal">{escape(column["type"])}</small></th>' for column in columns
    )
    body = "".join(
        "<tr>" + "".join(
            f'<td style="{_CELL.format(side=column["align"])}">'
            + ("<i>null</i>" if value is None else f"<bdi>{escape(grouped(value, column))}</bdi>") + "</td>"
            for value, column in zip(row, columns, strict=True)
        ) + "</tr>" for row in rows
    )
    notices = "".join(f"<p>{escape(notice)}</p>" for notice in result.get("notices", ()))
    more = f"<p><small>{_shown(result)}</small></p>"
    return f"<div><p>{title}{escape(facts(result))}</p><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{more}{notices}</div>"


def plain(result: Mapping[str, Any]) -> str:
    """Return the first page as aligned text."""
    columns, rows = result["columns"], result["page"]["rows"]
    cells = [[column["name"] for column in columns], [column["type"] for column in columns]]
    cells += [[_cut(grouped(value, column)) for value, column in zip(row, columns, strict=True)] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = [
        "  ".join(cell.rjust(width) if column["align"] == "right" else cell.ljust(width)
                  for cell, width, column in zip(row, widths, columns, strict=True)).rstrip()
        for row in cells
    ]
    rule = "  ".join("-" * width for width in widths)
    title = f"{result['name']}  " if result.get("name") else ""
    return "\n".join([title + facts(result), *lines[:2], rule, *lines[2:], _shown(result), *result.get("notices", ())])


def _shown(result: Mapping[str, Any]) -> str:
    shown = len(result["page"]["rows"])
    return f"1–{shown} of {result['rows']:,}" if shown else "No rows."


def _cut(text: str) -> str:
    text = text.replace("\n", "⏎")
    return text if len(text) <= MAX_CELL_CHARACTERS else text[: MAX_CELL_CHARACTERS - 1] + "…"
