"""The memory that combiners share: who waits for it, and how long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from swap.errors import QueryCancelled
from swap.query.execution.memory import Memory, half_of_the_machine

EACH = 100


class Query:
    """One that takes the memory of a combiner, in a thread of its own."""

    def __init__(self, memory: Memory, person: str) -> None:
        self.person = person
        self.waits = threading.Event()
        self.has = threading.Event()
        self.cancelled = False
        self.said: list[str] = []
        self.error: Exception | None = None
        self._memory = memory
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            self._memory.take(self.person, lambda: self.cancelled, self._hear)
            self.has.set()
        except QueryCancelled as error:
            self.error = error

    def _hear(self, said: str) -> None:
        self.said.append(said)
        self.waits.set()

    def cancel(self) -> None:
        """Give up, and wait until that is heard."""
        self.cancelled = True
        self._memory.wake()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def holds() -> Callable[..., Memory]:
    def hold(places: int, *persons: str) -> Memory:
        memory = Memory(places * EACH, EACH)
        for person in persons:
            assert Query(memory, person).has.wait(10)
        return memory

    return hold


def waiting(memory: Memory, person: str) -> Query:
    query = Query(memory, person)
    assert query.waits.wait(10)
    return query


def test_a_combiner_that_does_not_fit_waits_until_one_has_ended(holds: Callable[..., Memory]) -> None:
    memory = holds(2, "ann", "bob")
    query = waiting(memory, "eve")
    assert not query.has.is_set()

    memory.give_back("bob")

    assert query.has.wait(10)
    assert "memory for putting results together is in use" in query.said[0]
    assert query.said[-1] == ""


def test_who_came_first_goes_first(holds: Callable[..., Memory]) -> None:
    memory = holds(1, "ann")
    first, second = waiting(memory, "bob"), waiting(memory, "eve")

    memory.give_back("ann")

    assert first.has.wait(10)
    assert not second.has.is_set()
    memory.give_back("bob")
    assert second.has.wait(10)


def test_one_person_never_has_all_of_it(holds: Callable[..., Memory]) -> None:
    memory = holds(4, "ann", "ann")
    third = waiting(memory, "ann")

    assert Query(memory, "bob").has.wait(10)
    assert not third.has.is_set()
    assert "2 of your queries" in third.said[0]


def test_a_cancel_ends_the_waiting_and_holds_up_nobody(holds: Callable[..., Memory]) -> None:
    memory = holds(1, "ann")
    first, second = waiting(memory, "bob"), waiting(memory, "eve")

    first.cancel()
    memory.give_back("ann")

    assert isinstance(first.error, QueryCancelled)
    assert second.has.wait(10)


def test_one_combiner_runs_even_where_none_fits() -> None:
    assert Query(Memory(EACH - 1, EACH), "ann").has.wait(10)


def test_half_of_the_machine_is_more_than_nothing() -> None:
    assert half_of_the_machine() > 1 << 20
