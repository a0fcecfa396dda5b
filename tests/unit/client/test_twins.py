"""What the kernel and the browser each compute must agree: `lab/tests/twins.test.ts` runs the same cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swap.client.complete import sql_at

CASES = json.loads(Path(__file__).with_name("twins.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("marked", "found"), CASES["sql_at"])
def test_sql_stands_where_the_browser_finds_it(marked: str, found: list[str | int] | None) -> None:
    at = sql_at(marked.replace("|", ""), marked.index("|"))

    assert at == (found and tuple(found))
