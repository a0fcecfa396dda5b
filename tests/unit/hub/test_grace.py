"""How long a directory may be away."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from swap.hub.grace import Grace

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_time_since_the_last_answer_counts(tmp_path):
    grace = Grace(tmp_path / "seen", 900, NOON)

    assert not grace.is_over(NOON + 15 * MINUTE)
    assert grace.is_over(NOON + 16 * MINUTE)
    grace.answered(NOON + 16 * MINUTE)
    assert not grace.is_over(NOON + 31 * MINUTE)


def test_a_restart_does_not_begin_it_anew(tmp_path):
    Grace(tmp_path / "seen", 900, NOON)

    assert Grace(tmp_path / "seen", 900, NOON + 14 * MINUTE).is_over(NOON + 16 * MINUTE)


def test_when_it_is_not_known_since_when_it_is_over(tmp_path):
    grace = Grace(tmp_path / "seen", 900, NOON)
    (tmp_path / "seen").unlink()

    assert grace.is_over(NOON)


def test_without_an_end_nothing_is_remembered(tmp_path):
    grace = Grace(tmp_path / "seen", math.inf, NOON)

    assert not grace.is_over(NOON + 10_000 * MINUTE)
    assert list(tmp_path.iterdir()) == []
