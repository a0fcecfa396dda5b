"""The same story where the data is in an Apache Hive and a MariaDB: the Welcome notebook, unchanged, answers the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from lab import CHART, ERROR, RESULT, Notebook, open_welcome, outputs
from playwright.sync_api import Browser, expect
from stage import Demo, Person, visit

pytestmark = pytest.mark.acceptance

_VARY = {"id", "seconds", "source_bytes", "bytes", "summary", "stages", "home"}
"""What of a result tells how it was had, not what it is."""
_WHOLE = re.compile(r"u?(tinyint|smallint|integer|bigint)")


@pytest.fixture(scope="module")
def visitor(browser: Browser, real: Demo) -> Iterator[Person]:
    person = visit(browser, real, "ann")
    yield person
    person.context.close()


@pytest.fixture(scope="module")
def again(visitor: Person, real: Demo) -> Notebook:
    return open_welcome(visitor.page, real.url, real.state / "homes")


def answers(notebook: Notebook, count: int) -> list[tuple[str, Any]]:
    """Return (source, what it shows) of the code among the first cells; rows in an order of their own."""
    cells = notebook.saved()["cells"][:count]
    return [("".join(cell["source"]), _shown(cell)) for cell in cells if cell["cell_type"] == "code"]


def _shown(cell: dict[str, Any]) -> Any:
    if results := outputs(cell, RESULT):
        return [_comparable(each) for each in results]
    if errors := outputs(cell, ERROR):
        return [each["error"] for each in errors]
    if charts := outputs(cell, CHART):
        return [json.loads(json.dumps(each), object_hook=_in_order) for each in charts]
    said = json.dumps([output.get("text") or output.get("data") for output in cell["outputs"]])
    return re.sub(r", [\d.]+ (s|min)\b", "", said)


def _comparable(result: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in result.items() if key not in _VARY}
    # Whole numbers are as wide in MariaDB as MediaWiki makes them, and have no sign where it has none.
    columns = [column | {"type": _WHOLE.sub("integer", column["type"])} for column in result["columns"]]
    return kept | {"columns": columns, "page": sorted(result["page"]["rows"])}


def _in_order(found: dict[str, Any]) -> dict[str, Any]:
    """Sort the rows of a chart's data."""
    return {
        key: sorted(value, key=json.dumps) if key == "values" and isinstance(value, list) else value
        for key, value in found.items()
    }


@pytest.mark.timeout(600)
def test_welcome_answers_the_same_on_hive_and_mariadb(welcome: Notebook, again: Notebook) -> None:
    assert again.unfinished() == []
    count = len(again.saved()["cells"])
    expected, found = answers(welcome, count), answers(again, count)
    assert [source for source, _ in found] == [source for source, _ in expected]
    for (source, here), (_, there) in zip(found, expected, strict=True):
        if source.strip() != "swap.tables()":  # which tells of the stores
            assert here == there, source


def test_the_sources_are_hive_and_mariadb(visitor: Person, again: Notebook) -> None:
    output = again.run("swap.sources()").locator(".jp-OutputArea")
    expect(output).to_contain_text("lake")
    expect(output).to_contain_text(re.compile("hive", re.IGNORECASE))
    expect(output).to_contain_text(re.compile("mysql|mariadb", re.IGNORECASE))
    visitor.page.goto(f"{visitor.demo.url}/data")
    expect(visitor.page.locator("main")).to_contain_text(re.compile("Hive"))
