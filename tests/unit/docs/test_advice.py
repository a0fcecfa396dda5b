"""Every advice can be followed where it is read: what its text names is there for somebody in a browser.

The texts are read from the source, wherever a problem is told to a person of a notebook or a page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import altair as alt
import pandas as pd
import polars as pl
import pytest

import swap
from swap.client import habits
from swap.query.language.allow import FUNCTION_NAMES
from swap.settings import Limits
from swap.web import routes

SOURCE = Path(swap.__file__).parent
TOLD = ("catalog", "client", "connectors", "gateway", "lab", "notebooks", "policy", "query", "web")
WRITTEN_IN_SQL = frozenset(
    [
        "AND",
        "AS",
        "BY",
        "CASE",
        "CAST",
        "CROSS",
        "DECIMAL",
        "DISTINCT",
        "DOUBLE",
        "ELSE",
        "END",
        "EXCEPT",
        "FROM",
        "GROUP",
        "HAVING",
        "IN",
        "INTERSECT",
        "INTERVAL",
        "IS",
        "JOIN",
        "LEFT",
        "LIMIT",
        "LIST",
        "NOT",
        "NULL",
        "ON",
        "OR",
        "ORDER",
        "OVER",
        "SELECT",
        "TEXT",
        "THEN",
        "TRY_CAST",
        "UNION",
        "UNNEST",
        "USING",
        "VALUES",
        "VARCHAR",
        "WHEN",
        "WHERE",
        "WITH",
    ]
)
OTHER_CAPITALS = frozenset(["API", "DELETE", "HTTP", "JSON", "NUL", "PATH", "POST", "SQL", "SWAP", "URL", "UTC", "UTF"])
"""What stands in capitals and is no SQL."""
ANY_PAGE = frozenset({"Its", "This"})
PAGES = {"Data": "/data", "Help": "/help", "Home": "/", "home": "/", "Notebooks": "/notebooks", "Server": "/server"}


@cache
def advice() -> tuple[tuple[str, str], ...]:
    """Return where each text stands, and the text; what is put in while the program runs is …."""
    found = []
    for package in TOLD:
        for path in sorted((SOURCE / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            advising = {"Problem", *(each.name for each in ast.walk(tree) if _advises(each))}  # type: ignore[attr-defined]
            found += [(f"{path.relative_to(SOURCE)}:{line}", text) for line, text in _texts(tree, advising)]
    return tuple(found)


def _advises(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        each.arg in {"todo", "why", "hint"} for each in (*node.args.args, *node.args.kwonlyargs)
    )


def _texts(tree: ast.AST, advising: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the texts that are given to a problem, or to what makes one, or are kept to be given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in advising:
            parts: list[ast.AST] = [*node.args, *(each.value for each in node.keywords)]
        elif isinstance(node, ast.Assign) and any(
            getattr(each, "id", "") in {"todo", "why", "hint", "_INSTEAD"} for each in node.targets
        ):
            parts = [node.value]
        elif isinstance(node, ast.FunctionDef) and node.name == "_remedy":
            parts = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None]
        else:
            continue
        for part in parts:
            yield from _strings(part)


def _strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.JoinedStr):
        yield (
            node.lineno,
            "".join(each.value if isinstance(each, ast.Constant) else "…" for each in node.values),  # type: ignore[misc]  # noqa: PD011 — no frame
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def wrong(text: str) -> list[str]:
    """Return what a text names that its reader has not."""
    text = re.sub(r"python -m [\w.]+|\bAS \w+\(", "", text)  # a program; a table's name for its columns
    named = [*re.findall(r"\bdocs/\S+|\S+\.md\b", text)]
    named += [f"{call}()" for call in re.findall(r"([\w.…]*\w)\(", text) if not _is_there(call)]
    named += [f"swap.{name}" for name in re.findall(r"\bswap\.(\w+)", text) if name not in {*swap.__all__, "toml"}]
    named += [
        word
        for word in re.findall(r"\b[A-Z][A-Z_]{2,}\b", text)
        if word not in WRITTEN_IN_SQL | OTHER_CAPITALS and not word.startswith("SWAP_")
    ]
    named += [f"limits.{name}" for name in re.findall(r"\blimits\.(\w+)", text) if name not in Limits.model_fields]
    for page in re.findall(r"\b([A-Z]\w+) page\b|\b(Help) lists\b|\b(home) page\b", text):
        named += [name for name in page if name and name not in ANY_PAGE and not _has_page(PAGES.get(name, "?"))]
    return named


def _is_there(call: str) -> bool:
    owner, _, name = call.rpartition(".")
    if not owner and not call.startswith("."):
        return name.lower() in FUNCTION_NAMES | {"cast", "try_cast", "decimal", "using", "list", "next", "iter"} or (
            hasattr(swap.Result, name)
        )
    if owner == "swap":
        return name in swap.__all__
    frames = (swap.Result, pd.DataFrame, pd.Series, pl.DataFrame, alt.Chart, pd.Timestamp, pd.Series.dt, pd)
    return name in habits._SAME or any(hasattr(each, name) for each in frames)


def _has_page(path: str) -> bool:
    return any(each.path == path or each.path.startswith(f"{path.rstrip('/')}/") for each in routes.ROUTES)


def test_many_texts_are_read() -> None:
    texts = {text for _, text in advice()}

    assert len(texts) > 300
    assert "The Data page lists every table that you may see." in texts
    assert any("nullif(…, 0)" in text for text in texts)
    assert any("tables={" in text for text in texts)


@pytest.mark.parametrize(
    "place", [place for place, text in advice() if re.search(r"[(/]|\.\w|[A-Z]{3}|page|Help", text)]
)
def test_what_an_advice_names_is_there_for_its_reader(place: str) -> None:
    for text in (text for where, text in advice() if where == place):
        assert wrong(text) == [], text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("See docs/reference/sql.md.", ["docs/reference/sql.md."]),
        ("Use TRY(…) there.", ["TRY()", "TRY"]),
        ("Or SET x = 1.", ["SET"]),
        ("Write swap.show().", ["swap.show()", "swap.show"]),
        ("result.to_excel_sheet()", ["result.to_excel_sheet()"]),
        ("The setting is limits.memroy.", ["limits.memroy"]),
        ("The Rights page says so.", ["Rights"]),
        ("Use load_csv(…).", ["load_csv()"]),
    ],
)
def test_an_advice_that_cannot_be_followed_is_found(text: str, named: list[str]) -> None:
    assert wrong(text) == named
