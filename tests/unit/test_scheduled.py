"""Reports as TOML: what it says is read back as it was, whatever people called their notebooks."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

from swap import scheduled
from swap.catalog.model import TableName
from swap.reports.model import Awaited, Chosen, Missed, Overlap, Report, State
from swap.reports.schedule import Schedule

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_reports_are_told_as_toml_that_is_read_back_as_it_was() -> None:
    schedule = Schedule.read("month 31 06:00", "Europe/Berlin")
    waits = (Awaited(TableName("lake", "wmf", "a.b"), ("year",)),)
    values = {"wiki": '"; x = 1\x1b[31m', "days": -7, "share": 0.5, "is_exact": True}
    chosen = Chosen(waits, timedelta(hours=6), values)
    report = Report("ab", "n", 3, "p", schedule, Missed.ALL, Overlap.SKIP, State.PAUSED, frozenset(), 0, NOW, chosen)
    path = 'a\n[[report]]\nid = "x"/\x1b]0;\x07.ipynb'
    text = scheduled.as_toml([(report, "ann", path), (report, "bob", "b.ipynb")])
    assert "\x1b" not in text, "what a terminal would follow"
    first, second = tomllib.loads(text)["report"]
    assert (first["person"], first["notebook"], second["person"]) == ("ann", path, "bob")
    assert (first["schedule"], first["time_zone"]) == ("month 31 06:00", "Europe/Berlin")
    assert (first["missed"], first["overlap"], first["state"], first["version"]) == ("all", "skip", "paused", 3)
    assert (first["waits_for"], first["late_after_hours"]) == ([["lake", "wmf", "a.b"]], 6.0)
    assert first["parameters"] == values
    assert str(Schedule.read(first["schedule"], first["time_zone"])) == str(schedule)


def test_no_report_is_no_line() -> None:
    assert tomllib.loads(scheduled.as_toml([])) == {"report": []}
