from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from swap.client.follow import gone, held_interrupt
from swap.errors import NotFound


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let an interrupt arrive: a shell starts what it puts into the background deaf to them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(times: int, then: list[str]) -> None:
    with held_interrupt():
        for _ in range(times):
            # To this thread: two that are sent to the process may become one on another thread's way.
            signal.raise_signal(signal.SIGINT)
        then.append("through")


def test_an_interrupt_is_held_until_the_block_is_through() -> None:
    before = signal.getsignal(signal.SIGINT)
    then: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(1, then)

    assert then == ["through"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_comes_through_at_once() -> None:
    then: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(2, then)

    assert then == []


def refused() -> None:
    with held_interrupt():
        signal.raise_signal(signal.SIGINT)
        raise NotFound


def test_an_error_in_the_block_is_not_lost_to_an_interrupt() -> None:
    with pytest.raises(NotFound):
        refused()


def test_what_the_gateway_no_longer_knows_is_gone() -> None:
    with (
        pytest.raises(
            NotFound, match=r"This result is gone\. SWAP kept it until 2026-11-24 12:41 UTC\. Run the cell again\."
        ),
        gone("q1", "2026-11-24 12:41 UTC"),
    ):
        raise NotFound
