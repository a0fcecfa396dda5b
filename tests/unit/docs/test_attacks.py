from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TESTS = ROOT / "tests"
ROW = r"[AHRSFJP][0-9]{2}"
ROWS = [
    (row, state, where)
    for rows, state, where in re.findall(
        rf"^\| ({ROW}(?:, {ROW})*) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$",
        (ROOT / "docs" / "reference" / "attacks.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    for row in rows.split(", ")
]


@pytest.mark.parametrize(("row", "state", "where"), ROWS)
def test_every_row_is_denied_or_tried_somewhere_or_says_why_not(row: str, state: str, where: str) -> None:
    assert state.startswith(("denied", "tried", "not applicable")), row
    files = re.findall(r"`([a-z/_]+\.py)`", where)
    assert all((TESTS / file).exists() for file in files)
    if not state.startswith("not applicable"):
        assert any("def test_" in (TESTS / file).read_text(encoding="utf-8") for file in files)


def test_each_row_stands_there_once() -> None:
    rows = [row for row, _, _ in ROWS]
    assert len(rows) > 50
    assert sorted(set(rows)) == sorted(rows)


def test_every_row_that_a_test_says_it_tries_is_listed_with_that_test() -> None:
    listed = {row: where for row, state, where in ROWS if not state.startswith("not applicable")}
    missing = [
        (row, file)
        for path in TESTS.rglob("test_*.py")
        if (file := str(path.relative_to(TESTS))) != "unit/docs/test_attacks.py"
        for row in sorted(
            set(re.findall(rf"\b{ROW}\b(?=[:,]| and )", _said(path)))
            | {row.upper() for row in re.findall(r"def test_([ahrsfjp][0-9]{2})_", path.read_text(encoding="utf-8"))}
        )
        if file not in listed.get(row, "")
    ]
    assert missing == []


def _said(path: Path) -> str:
    """Return a test file's docstrings and headings: where it says which rows it tries."""
    text = path.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^# ── .*$|\"\"\".*?\"\"\"", text, re.MULTILINE | re.DOTALL))
