"""Turns, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from swap.hub.turns import Turns


class Person:
    """Somebody who wants a turn, and what they were told."""

    def __init__(self, turns: Turns) -> None:
        self.ahead: list[int] = []
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._start(turns))

    async def _start(self, turns: Turns) -> None:
        async with turns.turn(self.ahead.append):
            self.began.set()
            await self.may_end.wait()

    async def begins(self) -> None:
        await asyncio.wait_for(self.began.wait(), 60)

    async def ends(self) -> None:
        self.may_end.set()
        await asyncio.wait({self.task})


async def settle() -> None:
    """Let everybody do what they can do now."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type] # every story is a coroutine


def test_so_many_at_a_time_and_whoever_comes_first_goes_first():
    async def story():
        turns = Turns(2, 1000)
        people = [Person(turns) for _ in range(5)]
        await settle()
        assert [each.began.is_set() for each in people] == [True, True, False, False, False]
        assert [each.ahead for each in people] == [[], [], [0], [1], [2]]
        await people[1].ends()
        await people[2].begins()
        assert [each.began.is_set() for each in people] == [True, True, True, False, False]
        assert [each.ahead for each in people[3:]] == [[1, 0], [2, 1]]
        for each in people:
            each.may_end.set()
        await asyncio.wait_for(asyncio.gather(*(each.task for each in people)), 60)
        last = Person(turns)
        await last.begins()
        assert last.ahead == [], "a free turn is told of to nobody"
        await last.ends()

    run(story)


def test_who_goes_away_while_waiting_holds_nobody_up():
    async def story():
        turns = Turns(1, 1000)
        first, second, third = (Person(turns) for _ in range(3))
        await settle()
        second.task.cancel()
        await asyncio.wait({second.task})
        assert third.ahead == [1, 0]
        await first.ends()
        await third.begins()
        await third.ends()
        await Person(turns).begins()

    run(story)


def test_a_turn_that_comes_as_one_goes_away_is_handed_on():
    async def story():
        turns = Turns(1, 1000)
        first, second, third = (Person(turns) for _ in range(3))
        await settle()
        first.may_end.set()
        while not first.task.done():  # so the second's turn has come, and it has not run since
            await asyncio.sleep(0)
            if first.task.done():
                second.task.cancel()
        await third.begins()
        assert second.task.cancelled()

    run(story)


def test_who_goes_away_in_the_moment_in_which_the_turn_is_handed_on_gets_none():
    async def story():
        turns = Turns(1, 1000)
        first, second, third = (Person(turns) for _ in range(3))
        await settle()
        first.may_end.set()
        second.task.cancel()
        await third.begins()
        assert first.task.done()
        assert not second.began.is_set()

    run(story)


def test_a_start_that_fails_hands_its_turn_on():
    async def story():
        turns = Turns(1, 1000)
        first, second = Person(turns), Person(turns)
        await settle()
        first.task.cancel()
        await second.begins()

    run(story)


def test_a_start_that_hangs_keeps_others_waiting_for_a_while_only():
    async def story():
        turns = Turns(1, 0.05)
        first, second = Person(turns), Person(turns)
        await second.begins()
        assert not first.task.done(), "it goes on without its turn"
        await second.ends()
        await first.ends()
        # And there is not one turn more than before.
        third, fourth = Person(turns), Person(turns)
        await third.begins()
        assert fourth.ahead == [0]

    run(story)
