from __future__ import annotations

from typing import Any

from swap.client import show
from swap.errors import Forbidden, Problem, Suggestion, UnknownName

STATE: dict[str, Any] = {
    "id": "q1",
    "revision": 9,
    "state": "done",
    "headline": "Done",
    "elapsed": 27.9,
    "rows": 12,
    "bytes": 14,
    "source_bytes": {"lake": 9, "wiki": 1},
    "summary": "lake 16.5 s",
    "notices": ["SELECT * left out city."],
    "stages": [],
    "error": None,
}
PAGE: dict[str, Any] = {
    "columns": [
        {"name": "<b>name", "type": "text", "align": "left", "group": False},
        {"name": "views", "type": "bigint", "align": "right", "group": True},
    ],
    "rows": [["<script>alert(1)</script>", "1204118"], [None, None]],
    "offset": 0,
    "total": 310482,
}


def test_a_result_has_our_type_html_and_text() -> None:
    bundle = show.result(STATE, PAGE, "by_country", "http://localhost:8000")

    data = bundle[show.RESULT]
    assert (data["version"], data["name"], data["rows"], data["source_bytes"], data["home"]) == (
        1,
        "by_country",
        310482,
        10,
        "http://localhost:8000",
    )
    assert data["page"]["rows"][0] == ["<script>alert(1)</script>", "1204118"]
    assert "by_country: 310,482 rows × 2 columns, 27.9 s\nSELECT * left out city." in bundle["text/plain"]
    assert "1,204,118" in bundle["text/html"]
    assert "1–2 of 310,482 · lake 16.5 s" in bundle["text/html"]


def test_nothing_of_a_source_becomes_html() -> None:
    html = show.result(STATE, PAGE, "<i>x", "")["text/html"]

    assert "<script" not in html
    assert "<b>name" not in html
    assert "<i>" not in html


def test_a_long_value_is_cut_before_it_is_stored() -> None:
    page = {**PAGE, "rows": [["x" * 100_000, "1"]]}

    bundle = show.result(STATE, page, None, "")

    assert len(bundle[show.RESULT]["page"]["rows"][0][0]) == show.LONG
    assert sum(len(str(part)) for part in bundle.values()) < 6000


def test_progress_lists_what_happens() -> None:
    state = {
        **STATE,
        "state": "running",
        "headline": "Fetching rows from lake",
        "elapsed": 21.4,
        "note": "lake runs 8 queries at a time.",
        "stages": [
            {
                "key": "rights",
                "label": "Checked your rights",
                "detail": "3 tables",
                "state": "done",
                "start": 0.0,
                "end": 0.03,
            },
            {
                "key": "fetch:lake",
                "label": "Fetching rows from lake",
                "detail": "120,000 rows",
                "state": "active",
                "start": 18.3,
                "end": None,
            },
            {"key": "combine", "label": "Combine", "detail": "", "state": "todo", "start": None, "end": None},
        ],
    }

    bundle = show.progress(state, "by_country")

    assert bundle[show.PROGRESS]["name"] == "by_country"
    assert bundle["text/plain"].splitlines() == [
        "Fetching rows from lake, 21.4 s",
        "  ✓ Checked your rights  3 tables  0.03 s",
        "  ▸ Fetching rows from lake  120,000 rows  3.1 s",
        "  · Combine",
        "  lake runs 8 queries at a time.",
    ]


def test_the_time_left_is_said_while_it_is_known_and_not_over() -> None:
    state = {**STATE, "headline": "Combining", "elapsed": 21.4}

    assert show.progress_line({**state, "expected_end": 27.3}) == "Combining, 21.4 s, about 6 s left"
    assert show.progress_line({**state, "expected_end": 21.7}) == "Combining, 21.4 s"
    assert show.progress_line({**state, "expected_end": None}) == "Combining, 21.4 s"


def test_an_error_says_what_why_what_to_do_and_what_is_near() -> None:
    error = UnknownName(
        Problem(
            "page_titel is not a column.",
            why="Nothing was run.",
            line=1,
            column=8,
            suggestions=(
                Suggestion("Use page_title", "page_titel", "page_title", "text", "Title"),
                Suggestion("All columns", href="/data"),
            ),
        )
    )

    bundle = show.error(error, None, "SELECT page_titel")

    assert bundle["text/plain"].splitlines() == [
        "page_titel is not a column.",
        "Line 1, column 8. Nothing was run.",
        "  page_title  text  Title",
    ]
    assert bundle[show.ERROR]["error"]["category"] == "unknown-name"
    assert bundle[show.ERROR]["error"]["suggestions"][0]["by"] == "page_title"
    assert "<code>page_title</code>" in bundle["text/html"]


def test_an_error_is_no_html_and_no_escape_sequence() -> None:
    bundle = show.error(Forbidden(Problem("<img src=x>\x1b[2J")), "q1", "")

    assert "<img" not in bundle["text/html"]
    assert "\x1b" not in bundle["text/plain"]
