"""The notebook that a report of reportupdater's becomes: what it came from, its period, its statement, its rows.

Pure values.  One that cannot run as it was says why, and has the query as it was.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

from swap import content
from swap.notebooks.model import KERNEL
from swap.reports.tsv import Unit
from swap.taking_in.updater import times
from swap.taking_in.updater.config import Entry, Kind
from swap.taking_in.updater.template import Statement

_UNITS: Final = {Unit.DAYS: "day", Unit.WEEKS: "week", Unit.MONTHS: "month"}
_QUERIES: Final = {Kind.SQL: "MySQL", Kind.HIVE: "Hive", Kind.SCRIPT: "script"}
_LANGUAGES: Final = {Kind.SQL: "sql", Kind.HIVE: "sql", Kind.SCRIPT: ""}
_WEEKS: Final = " The report's weeks begin on Sunday; by hand, it is the last week from Monday on."


def made(
    entry: Entry,
    folder: str,
    into: str,
    query: str,
    statement: Statement,
    dialect: str,
    missing: Collection[date] = (),
) -> dict[str, Any]:
    """Return the notebook of a report that runs; it says which periods are missing in its files."""
    head, period = _text(_head(entry, folder, into, query, missing)), _period(entry)
    if entry.explode:
        return _notebook([head, _code(period), _code(_values(entry)), _code(_many(entry, statement, dialect))])
    given = "".join(f"\n{name} = {python}" for name, python in statement.params.items())
    line = " ".join(["%%swap", *(["--dialect", dialect] if dialect else []), "rows"])
    cells = [_code(period + given), _code(f"{line}\n{statement.text}"), _code("swap.data_file(rows)")]
    return _notebook([head, *cells])


def unmade(
    entry: Entry, folder: str, into: str, query: str, why: str, missing: Collection[date] = ()
) -> dict[str, Any]:
    """Return the notebook of a report that somebody has to write anew: why, its query, and how its rows go on."""
    said = [
        _head(entry, folder, into, query, missing),
        f"**It does not run by itself yet**: {why}.",
        "What it was:\n\n" + _fenced(query, _LANGUAGES[entry.kind]),
    ]
    if entry.kind is Kind.SCRIPT:
        given = "".join(f", then a value of `{name}`" for name in entry.explode)
        said.append(
            f"It was called with the first day of its period and the first day after it{given}, and printed rows."
        )
    call = ", ".join(["rows", *(f"{name}=…" for name in entry.explode)])
    weeks = " (for weeks from Sunday on as cron has it, `0 0 * * 0`, in UTC)" if entry.unit is Unit.WEEKS else ""
    said.append(
        f"Write below what makes its rows, with the period's day in the first column, and let `swap.data_file({call})`"
        f" show them. Then choose *Run regularly*{weeks}, and ask those who run SWAP to import the folder again: they"
        " tie the report to its file."
    )
    return _notebook([_text("\n\n".join(said)), _code(_period(entry))])


def _head(entry: Entry, folder: str, into: str, query: str, missing: Collection[date]) -> str:
    """Return what it came from, what it was told, where its rows go, and how those come there that are missing."""
    of = f"`{folder}/config.yaml`, query `{entry.query}` (SHA-256 `{content.digest(query.encode())[:16]}…`)"
    told = [
        f"every {_UNITS[entry.unit]} since {entry.starts}",
        *([f"{entry.lag_seconds:,} seconds after its end"] if entry.lag_seconds else []),
        *([f"the file has the last {entry.most:,}"] if entry.most else []),
    ]
    file = "/".join((into, entry.key, *(f"<{name}>" for name in entry.explode)))
    lines = [
        f"# {entry.key}",
        f"Taken over from reportupdater: {of}, {_QUERIES[entry.kind]}; {', '.join(told)}.",
        f"A run is about the {_UNITS[entry.unit]} that `swap.period` says, in UTC."
        + (_WEEKS if entry.unit is Unit.WEEKS else ""),
        f"The rows of a run go into `{file}.tsv`; by hand, they are shown.",
    ]
    if missing:
        lines.append(
            "When it was taken over, periods were missing. On the report's page, run them as *Earlier periods*:"
            f" {times.spoken(entry.unit, missing)}; and those that are over before the report is resumed."
        )
    if entry.sends:
        lines.append("Its numbers went to Graphite as well; they do not any more.")
    return "\n\n".join(lines)


def _period(entry: Entry) -> str:
    """Return the cell that says which period it is about."""
    return f'import swap\n\nperiod = swap.period.or_last("{_UNITS[entry.unit]}")\nstart, end = period.start, period.end'


def _values(entry: Entry) -> str:
    listed = [f"    {_quoted(name)}: {_list(values)}," for name, values in entry.explode.items()]
    return "\n".join(["values = {", *listed, "}"])


def _list(values: tuple[str, ...]) -> str:
    if len(values) <= 6:
        return f"[{', '.join(map(_quoted, values))}]"
    return "[\n" + "".join(f"        {_quoted(value)},\n" for value in values) + "    ]"


def _many(entry: Entry, statement: Statement, dialect: str) -> str:
    """Return the cell that asks for each combination of values, one statement each."""
    lines = [f"STATEMENT = {_long(statement.text)}", ""]
    indent = ""
    for name in entry.explode:
        lines.append(f'{indent}for {name} in values["{name}"]:')
        indent += "    "
    text = "STATEMENT"
    for word, name in statement.names.items():
        text += f'.replace("{word}", {name})'
    lines += [
        f"{indent}statement = {text}",
        f"{indent}rows = swap.sql(",
        f"{indent}    statement,",
        *([f"{indent}    {_params(statement.params)},"] if statement.params else []),
        *([f'{indent}    dialect="{dialect}",'] if dialect else []),
        f"{indent})",
        f"{indent}swap.data_file(rows, {', '.join(f'{name}={name}' for name in entry.explode)})",
    ]
    return "\n".join(lines)


def _params(params: Mapping[str, str]) -> str:
    """Return the parameters as Python."""
    return "{" + ", ".join(f'"{name}": {python}' for name, python in params.items()) + "}"


def _long(text: str) -> str:
    """Return a text of several lines as Python."""
    if '"""' in text or text.endswith('"') or any(not each.isprintable() and each not in "\n\t" for each in text):
        return _quoted(text)
    return f'{"r" if chr(92) in text else ""}"""\n{text}\n"""'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _fenced(text: str, language: str) -> str:
    """Return a text as Markdown shows it as it is, whatever stands in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cells": [{**cell, "id": f"taken-over-{number}"} for number, cell in enumerate(cells, 1)],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
