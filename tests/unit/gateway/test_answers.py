"""Models below HTTP become JSON in one way."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from swap.errors import Forbidden, Problem, Suggestion, to_json
from swap.gateway.answers import answer
from swap.query.model import RunState
from swap.query.run.state import ResultColumn, RunView, Span, StageView


def test_a_run_is_told_whole() -> None:
    error = Forbidden(Problem("No.", suggestions=(Suggestion("Use country"),), extra={"value": 1}))
    seen = RunView(
        id="q1",
        revision=12,
        state=RunState.FAILED,
        headline="Failed",
        elapsed=21.4,
        stages=(StageView("run:lake", "Ran in lake", "", "done", 5.1, 18.3, Span(5.0, 18.0)),),
        source_rows={"lake": 3},
        columns=(ResultColumn("views", "bigint"),),
        error=error,
        expires_at=datetime(2026, 11, 23, tzinfo=UTC),
    )

    told = json.loads(json.dumps(answer(seen)))

    assert told == {
        "id": "q1",
        "revision": 12,
        "state": "failed",
        "headline": "Failed",
        "elapsed": 21.4,
        "expected_end": None,
        "stages": [
            {
                "key": "run:lake",
                "label": "Ran in lake",
                "detail": "",
                "state": "done",
                "start": 5.1,
                "end": 18.3,
                "expected": {"start": 5.0, "end": 18.0},
            }
        ],
        "rows": 0,
        "bytes": 0,
        "source_rows": {"lake": 3},
        "source_bytes": {},
        "summary": "",
        "notices": [],
        "note": "",
        "columns": [{"name": "views", "type": "bigint"}],
        "error": json.loads(json.dumps(to_json(error))),
        "expires_at": "2026-11-23T00:00:00+00:00",
    }
