"""What a cell shows, as MIME bundles (docs/reference/cell-formats.md): progress, a result, an error.

Everything that comes from a source or a statement is escaped; nothing here talks to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from swap.client import axes, text
from swap.errors import SwapError, to_json

PROGRESS = "application/vnd.swap.progress+json"
RESULT = "application/vnd.swap.result+json"
ERROR = "application/vnd.swap.error+json"
LONG = 2000
"""Characters of one value that are kept in a notebook."""

Bundle = dict[str, Any]

_MARKS = {"done": "✓", "active": "▸", "todo": "·"}
_HEAD = "text-align:{align};padding:2px 8px;border-bottom:1px solid #a2a9b1;vertical-align:bottom;white-space:nowrap"
_CELL = (
    "text-align:{align};padding:2px 8px;white-space:{space};max-width:400px;"
    "overflow-wrap:break-word;font-variant-numeric:tabular-nums"
)
_NEAR = "text-align:left;padding:0 12px 0 0"
_QUIET = "opacity:.72;font-weight:normal"


def progress(state: Mapping[str, Any], name: str | None) -> Bundle:
    """Return the bundle of a run that goes on."""
    return {PROGRESS: {**state, "name": name}, "text/plain": progress_text(state)}


def progress_text(state: Mapping[str, Any]) -> str:
    """Return a run's state as lines."""
    lines = [progress_line(state)]
    for stage in state.get("stages") or ():
        took = ""
        if stage.get("start") is not None:
            end = stage["end"] if stage.get("end") is not None else state["elapsed"]
            took = text.seconds(max(0.0, end - stage["start"]))
        lines.append(
            "  ".join(
                part
                for part in (f"  {_MARKS.get(stage['state'], '·')} {stage['label']}", stage.get("detail") or "", took)
                if part
            )
        )
    if state.get("note"):
        lines.append(f"  {state['note']}")
    return text.safe("\n".join(lines))


def progress_line(state: Mapping[str, Any]) -> str:
    """Return a run's state on one line."""
    left = text.left(state["expected_end"] - state["elapsed"]) if state.get("expected_end") is not None else ""
    return ", ".join(part for part in (state["headline"], text.seconds(state["elapsed"]), left) if part)


def result(
    state: Mapping[str, Any], page: Mapping[str, Any], name: str | None, home: str, variable: str | None = None
) -> Bundle:
    """Return the bundle of a finished run with its first page; `variable` is what holds its result."""
    page = {**page, "rows": [[_kept(value) for value in row] for row in page["rows"]]}
    data = {
        "version": 1,
        "id": state["id"],
        "name": name,
        "rows": page["total"],
        "seconds": state["elapsed"],
        "source_bytes": sum((state.get("source_bytes") or {}).values()),
        "bytes": state.get("bytes", 0),
        "summary": state.get("summary", ""),
        "stages": state.get("stages") or [],
        "notices": state.get("notices") or [],
        "home": home,
        "columns": page["columns"],
        "variable": variable,
        "chart": axes.suggested(page["columns"]),
        "page": {"offset": page["offset"], "rows": page["rows"]},
    }
    return {RESULT: data, "text/html": _result_html(state, page, name), "text/plain": result_text(state, page, name)}


def summary(state: Mapping[str, Any], page: Mapping[str, Any] | None, name: str | None) -> str:
    """Return a finished run on one line: name, size, time; its notices below."""
    columns = page["columns"] if page else state.get("columns") or ()
    rows = page["total"] if page else state.get("rows", 0)
    line = f"{text.count(rows, 'row')} × {text.count(len(columns), 'column')}, {text.seconds(state['elapsed'])}"
    return text.safe("\n".join([f"{name}: {line}" if name else line, *(state.get("notices") or ())]))


def result_text(state: Mapping[str, Any], page: Mapping[str, Any], name: str | None) -> str:
    """Return the first page as aligned text."""
    return f"{text.table(page['columns'], page['rows'], first=page['offset'] + 1)}\n\n{summary(state, page, name)}"


def page_html(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[str | None]], first: int = 1) -> str:
    """Return rows as a table that needs no style sheet.  A column that is `whole` is not broken into lines."""
    heads = "".join(
        f'<th scope="col" style="{_HEAD.format(align=column["align"])}">{escape(column["name"])}'
        f'<br><small style="{_QUIET}">{escape(column["type"])}</small></th>'
        for column in columns
    )
    body = "".join(
        f'<tr><td style="{_CELL.format(align="right", space="nowrap")}">'
        f'<small style="{_QUIET}">{first + index:,}</small></td>'
        + "".join(_cell(value, column) for value, column in zip(row, columns, strict=True))
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return (
        f'<table style="border-collapse:collapse"><thead><tr><th style="{_HEAD.format(align="right")}"></th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def error(failure: SwapError, query_id: str | None, statement: str) -> Bundle:
    """Return the bundle of an error."""
    data = {"version": 1, "id": query_id, "error": to_json(failure), "statement": statement}
    return {ERROR: data, "text/html": _error_html(failure), "text/plain": error_text(failure)}


def error_text(failure: SwapError) -> str:
    """Return an error as lines: what happened, why, what to do; then what is near."""
    problem = failure.problem
    where = f"Line {problem.line}, column {problem.column}." if problem.line and problem.column else ""
    lines = [
        problem.title,
        *(part for part in (" ".join(part for part in (where, problem.why) if part), problem.todo) if part),
    ]
    near = [each for each in problem.suggestions if each.by]
    width = max((len(each.by or "") for each in near), default=0)
    lines += [
        f"  {(each.by or ''):{width}}  {'  '.join(part for part in (each.type, each.detail) if part)}".rstrip()
        for each in near
    ]
    return text.safe("\n".join(lines))


def _result_html(state: Mapping[str, Any], page: Mapping[str, Any], name: str | None) -> str:
    rows, columns = page["rows"], page["columns"]
    facts = [
        f"{text.count(page['total'], 'row')} × {text.count(len(columns), 'column')}",
        text.seconds(state["elapsed"]),
    ]
    head = (f"<b>{escape(name)}</b> · " if name else "") + escape(" · ".join(facts))
    notices = "".join(f'<p style="margin:2px 0">{escape(notice)}</p>' for notice in state.get("notices") or ())
    first = page["offset"] + 1
    foot = f"{first:,}–{first - 1 + len(rows):,} of {page['total']:,}" if rows else "No rows"
    how = escape(" · ".join(part for part in (foot, state.get("summary", "")) if part))
    return (
        f'<div><p style="margin:2px 0">{head}</p>{notices}{page_html(columns, rows, first)}'
        f'<p style="margin:2px 0"><small style="{_QUIET}">{how}</small></p></div>'
    )


def _cell(value: str | None, column: Mapping[str, Any]) -> str:
    style = _CELL.format(
        align=column["align"], space="nowrap" if column["align"] == "right" or column.get("whole") else "pre-wrap"
    )
    if value is None:
        return f'<td style="{style}"><small style="{_QUIET}">null</small></td>'
    shown = text.grouped(value) if column.get("group") else value
    return f'<td style="{style}" dir="auto">{escape(shown if len(shown) <= 300 else shown[:299] + "…")}</td>'


def _error_html(failure: SwapError) -> str:
    problem = failure.problem
    near = "".join(
        f'<tr><td style="{_NEAR}"><code>{escape(each.by or "")}</code></td><td style="{_NEAR}">'
        f'<small style="{_QUIET}">{escape(each.type or "")}</small></td>'
        f'<td style="{_NEAR}">{escape(each.detail or "")}</td></tr>'
        for each in problem.suggestions
        if each.by
    )
    where = f"Line {problem.line}, column {problem.column}. " if problem.line and problem.column else ""
    paragraphs = "".join(
        f'<p style="margin:2px 0">{escape(part)}</p>' for part in (where + problem.why, problem.todo) if part
    )
    return (
        f'<div style="border:1px solid #72777d;padding:6px 10px">'
        f'<p style="margin:2px 0"><b>{escape(problem.title)}</b></p>'
        f"{paragraphs}{f'<table>{near}</table>' if near else ''}</div>"
    )


def _kept(value: str | None) -> str | None:
    return value if value is None or len(value) <= LONG else value[: LONG - 1] + "…"
