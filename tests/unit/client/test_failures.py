from __future__ import annotations

from swap.client import failures
from swap.errors import Problem


def test_an_interrupt_is_a_cancelled_query_and_a_keyboard_interrupt() -> None:
    stopped = failures.Interrupted(Problem("Cancelled: by you"))

    assert isinstance(stopped, KeyboardInterrupt)
    assert (stopped.category, str(stopped)) == ("cancelled", "Cancelled: by you")
