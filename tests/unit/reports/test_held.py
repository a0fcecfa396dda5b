from __future__ import annotations

from datetime import UTC, datetime, timedelta

from swap.client.period import Interval
from swap.reports import service
from swap.reports.expected import Expectation
from swap.reports.model import Run, RunState

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def edition(day: int, number: int, *failed: str) -> Run:
    """Return an edition of a day that is held if something failed."""
    return Run(
        id=f"r{day}-{number}",
        report_id="r",
        due_at=BEGIN,
        asked_by=None,
        period=Interval(BEGIN + day * DAY, BEGIN + (day + 1) * DAY),
        version=1,
        state=RunState.DONE,
        failures=0,
        start_at=BEGIN,
        started_at=BEGIN,
        ended_at=BEGIN,
        edition=number,
        digest="d",
        said=None,
        cell=None,
        expected=tuple(Expectation(name, False, "", "") for name in failed),
        is_held=bool(failed),
    )


def test_an_edition_is_told_of_as_held_until_a_newer_one_of_its_period_is_there() -> None:
    held = edition(2, 1, "rows")
    assert service.first_held([held, edition(1, 1)]) is held
    assert service.first_held([edition(2, 2), held, edition(1, 1)]) is None
    assert service.first_held([edition(3, 1), held]) is held
    assert service.first_held([]) is None


def test_what_failed_is_named_as_far_as_there_is_room() -> None:
    assert edition(1, 1, "a", "b", "c").unmet == "a, b, c"
    assert edition(1, 1, "a", "b", "c", "d", "e").unmet == "a, b, c, 2 more"
