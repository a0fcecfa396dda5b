from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from swap import audit
from swap.notebooks import events
from swap.reports import events as report_events

EVENTS = (*audit.EVENTS, *events.EVENTS, *report_events.EVENTS)
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "audit.md"


def test_the_reference_names_every_event_and_every_field():
    described = dict(re.findall(r"^\| `([a-z-]+)` \| (.*)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))

    assert list(described) == [event.event for event in EVENTS]
    for event in EVENTS:
        own = [field.name for field in dataclasses.fields(event) if field.name not in {"person_id", "via"}]
        assert re.findall(r"`(\w+)`", described[event.event]) == own, event.event


def test_every_event_is_listed_and_says_what_it_is():
    values = (*vars(audit).values(), *vars(events).values(), *vars(report_events).values())
    defined = {value for value in values if isinstance(value, type) and issubclass(value, audit.Event)}

    assert defined - {audit.Event} == set(EVENTS)
    assert all(event.__doc__ for event in EVENTS)


def test_what_a_stranger_typed_is_cut_and_made_printable():
    assert audit.typed("x" * 1_000_000) == "x" * 64 + "…"
    assert audit.typed("x" * 64) == "x" * 64
    assert audit.typed("a\nb\x1b[31m\0") == "a·b·[31m·"
