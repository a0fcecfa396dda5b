"""A notebook that holds one output of each of SWAP's kinds, as a kernel would have saved it."""

from __future__ import annotations

from typing import Any

PROGRESS = "application/vnd.swap.progress+json"
RESULT = "application/vnd.swap.result+json"
ERROR = "application/vnd.swap.error+json"
CHART = "application/vnd.vegalite.v6+json"
HOSTILE = "<img src=x onerror=window.attacked=1>"

SQL = (
    "%%swap by_country\nSELECT v.country_code, c.name AS country, count(*) AS hours\n"
    "FROM   lake.wmf.pageview_hourly v\nWHERE  v.year = 2026 AND v.access_method = 'mobile web'\nGROUP BY 1, 2"
)
MISTAKE = "SELECT page_titel, sum(view_count) FROM lake.wmf.pageview_hourly WHERE year = 2026 GROUP BY 1"
PYTHON = 'import swap\nx = swap.sql("""SELECT count(*) AS n\nFROM lake.wmf.pageview_hourly""")\nprint("SELECT 1")'

COLUMNS = [
    {"name": "country", "type": "text", "align": "left", "group": False},
    {"name": "views", "type": "bigint", "align": "right", "group": True},
    {"name": "page_id", "type": "integer", "align": "right", "group": False},
]
ROWS: list[list[str | None]] = [
    ["India", "1204118", "6412"],
    ["United States", "981440", "148203"],
    [None, "402087", "6412"],
    [HOSTILE, "377912", None],
    *([f"Country {number}", str(1000 + number), str(number)] for number in range(6)),
]

STAGES: list[dict[str, Any]] = [
    {
        "key": "rights",
        "label": "Checked your rights",
        "detail": "2 tables in 2 sources",
        "state": "done",
        "start": 0,
        "end": 0.03,
    },
    {
        "key": "wait:lake",
        "label": "Waited for lake",
        "detail": "position 2, then 1",
        "state": "done",
        "start": 0.03,
        "end": 5.1,
    },
    {"key": "run:lake", "label": "Running in lake", "detail": "38 files", "state": "active", "start": 5.1, "end": None},
    {
        "key": "run:mediawiki",
        "label": "Running in mediawiki",
        "detail": "",
        "state": "active",
        "start": 5.2,
        "end": None,
    },
    {
        "key": "fetch:lake",
        "label": "Fetching rows from lake",
        "detail": "120,000 of about 310,000 rows, 40 MB",
        "state": "active",
        "start": 9.0,
        "end": None,
        "expected": {"start": 9.0, "end": 312.5},
    },
    {
        "key": "combine",
        "label": "Combine",
        "detail": "about 12 min",
        "state": "todo",
        "start": None,
        "end": None,
        "expected": {"start": 312.5, "end": 1027.5},
    },
]
DONE = [
    {
        **stage,
        "state": "done",
        "start": stage["start"] if stage["start"] is not None else 19.0,
        "end": stage["end"] or 19.0,
    }
    for stage in STAGES
]


def run(query_id: str) -> dict[str, Any]:
    return {
        "id": query_id,
        "name": "by_country",
        "revision": 3,
        "state": "running",
        "headline": "Running in lake and mediawiki",
        "elapsed": 12.5,
        "expected_end": 1027.5,
        "stages": STAGES,
        "note": None,
    }


def result() -> dict[str, Any]:
    return {
        "version": 1,
        "id": "qdone",
        "name": "by_country",
        "rows": 310482,
        "seconds": 27.9,
        "source_bytes": 9_700_000_000,
        "bytes": 14_000_000,
        "summary": "waited 5.1 s · lake 16.5 s",
        "stages": DONE,
        "notices": ["SELECT * left out city: the rule below-country locks it."],
        "home": "http://localhost:8000",
        "columns": COLUMNS,
        "variable": "by_country",
        "chart": {"kind": "bar", "x": "views", "y": "country"},
        "page": {"offset": 0, "rows": ROWS},
    }


def error(category: str, title: str, statement: str, **more: Any) -> dict[str, Any]:
    problem = {
        "category": category,
        "title": title,
        "why": "",
        "todo": "",
        "suggestions": [],
        "line": None,
        "column": None,
        "rule": None,
        "ask": None,
        "source": None,
        "extra": {},
        **more,
    }
    return {"version": 1, "id": None, "error": problem, "statement": statement}


def unknown_name() -> dict[str, Any]:
    return error(
        "unknown-name",
        "page_titel is not a column of lake.wmf.pageview_hourly.",
        MISTAKE,
        line=1,
        column=8,
        todo="Nothing was run. Nearest columns that you may read:",
        suggestions=[
            {
                "label": "Use page_title",
                "replace": "page_titel",
                "by": "page_title",
                "type": "text",
                "detail": "Title with underscores",
            },
            {"label": "All 18 columns", "href": "/data/lake/wmf/pageview_hourly"},
            {"label": "Attack", "href": "javascript:alert(1)"},
        ],
    )


def chart() -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {"text": "views by country", "subtitle": "top 2"},
        "data": {"values": [{"country": "India", "views": 12}, {"country": "Malta", "views": 3}]},
        "mark": "bar",
        "encoding": {"x": {"field": "views", "type": "quantitative"}, "y": {"field": "country", "type": "nominal"}},
        "usermeta": {"embedOptions": {"actions": True, "ast": False, "loader": {"http": {}}}},
    }


def points() -> dict[str, Any]:
    """Return points of three series, as any Altair chart has them."""
    return {
        "data": {"values": [{"a": number, "b": number % 5, "who": "xyz"[number % 3]} for number in range(30)]},
        "mark": {"type": "point", "filled": True},
        "encoding": {
            "x": {"field": "a", "type": "quantitative"},
            "y": {"field": "b", "type": "quantitative"},
            "color": {"field": "who", "type": "nominal"},
        },
    }


def hostile_chart() -> dict[str, Any]:
    return {
        "data": {"url": "http://outside.example/data.json"},
        "mark": "image",
        "transform": [{"calculate": "constructor.constructor('window.attacked=2')()", "as": "x"}],
        "encoding": {"url": {"value": "http://outside.example/beacon.png"}},
    }


def cell(number: int, source: str, output: tuple[str, Any] | None = None) -> dict[str, Any]:
    outputs = (
        []
        if output is None
        else [
            {
                "output_type": "display_data",
                "metadata": {},
                "data": {output[0]: output[1], "text/plain": "as plain text"},
            }
        ]
    )
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {},
        "execution_count": number,
        "source": source,
        "outputs": outputs,
    }


def notebook() -> dict[str, Any]:
    """Return the notebook; its cells are numbered from 1."""
    return document(
        [
            cell(1, SQL, (PROGRESS, run("qrun"))),
            cell(2, SQL, (PROGRESS, run("qgone"))),
            cell(3, SQL, (RESULT, result())),
            cell(4, 'by_country.chart("bar")', (CHART, chart())),
            unknown_column(5),
            locked_column(6),
            cell(
                7,
                "%%swap\nSELECT 1",
                (
                    ERROR,
                    error(
                        "source-down",
                        "logs does not answer; lake and mediawiki do.",
                        "SELECT 1",
                        why="SWAP waited 5 s, then gave up.",
                    ),
                ),
            ),
            cell(8, "hostile", (CHART, hostile_chart())),
            cell(9, "broken", (RESULT, {"version": 99})),
            cell(10, PYTHON),
            cell(11, "points", (CHART, points())),
        ]
    )


def unknown_column(number: int) -> dict[str, Any]:
    """Return a cell whose statement names a column that is not there."""
    return cell(number, "%%swap\n" + MISTAKE, (ERROR, unknown_name()))


def locked_column(number: int) -> dict[str, Any]:
    """Return a cell whose statement names a column that a rule locks."""
    statement = "SELECT city FROM lake.wmf.pageview_hourly"
    told = error(
        "forbidden",
        "You may not read the column city.",
        statement,
        rule="below-country",
        why="The rule below-country locks places smaller than a country.",
        ask="data-privacy",
        suggestions=[{"label": "Use country_code instead", "replace": "city", "by": "country_code"}],
    )
    return cell(number, f"%%swap\n{statement}", (ERROR, told))


def document(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a notebook of cells."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "swap", "display_name": "Python (SWAP)", "language": "python"},
            "language_info": {"name": "python"},
        },
    }


def page(offset: int, limit: int, sort: str | None, contains: str, *, descending: bool) -> dict[str, Any]:
    """Return a page as the gateway would: the stored rows, sorted by a number or filtered if asked."""
    rows = [row for row in ROWS if any(contains.casefold() in (value or "").casefold() for value in row)]
    total = len(rows) if contains else 310482
    if sort is not None:
        at = [column["name"] for column in COLUMNS].index(sort)
        rows.sort(key=lambda row: int(row[at] or 0) if at else row[at] or "", reverse=descending)  # type: ignore[arg-type, return-value]
    rows = (rows * 10)[:limit] if not contains else rows[:limit]
    return {"columns": COLUMNS, "rows": rows, "offset": offset, "total": total}
