from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from swap.connectors.side_by_side import WAITING, side_by_side


def test_everything_is_yielded_however_many_go_on_at_once() -> None:
    iterations = [iter(range(at * 100, at * 100 + 50)) for at in range(9)]

    assert sorted(side_by_side(iterations, 2)) == [at * 100 + each for at in range(9) for each in range(50)]


def test_no_more_go_on_at_once_and_none_waits_for_another() -> None:
    both, going = threading.Barrier(2), threading.Semaphore(2)

    def one() -> Iterator[int]:
        assert going.acquire(blocking=False)
        both.wait(10)
        yield 1
        going.release()

    assert list(side_by_side([one() for _ in range(4)], 2)) == [1] * 4


def test_what_one_raises_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(side_by_side([broken(), iter(())], 2))


def test_nobody_runs_ahead_and_closing_ends_them() -> None:
    ended, made = threading.Event(), []

    def endless() -> Iterator[int]:
        try:
            while True:
                made.append(1)
                yield 1
        finally:
            ended.set()

    going = side_by_side([endless()], 1)
    assert next(going) == 1
    assert len(made) <= WAITING + 2
    going.close()

    assert ended.wait(10)
