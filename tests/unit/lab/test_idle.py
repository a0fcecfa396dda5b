"""When nothing has happened for long enough, and what is looked at before that ends a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from logging import getLogger
from types import SimpleNamespace

import pytest

from swap.lab.idle import Idle, Watch

START = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


@dataclass
class World:
    """A clock, what runs, and what was done about it."""

    now: float = 1000.0
    runs: str = ""
    seen: list[datetime] = field(default_factory=list)
    begins_meanwhile: bool = False
    told_hub: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self.began = self.now
        self.idle = Idle(24, 3, lambda: self.now)
        self.watch = Watch(
            self.idle, seen=lambda: self.seen, works=self._works, tell=self._tell, end=self._end, log=getLogger("test")
        )

    async def _works(self) -> str:
        if self.begins_meanwhile:
            self.seen.append(START + timedelta(hours=24))
        return self.runs

    async def _tell(self) -> None:
        self.told_hub += 1

    def _end(self) -> None:
        self.ended += 1

    def look(self, hours: float) -> None:
        """Look so many hours after the start."""
        self.now = self.began + hours * 3600
        asyncio.run(self.watch.look())


def asked(method: str = "GET", status: int = 200, accept: str = "*/*") -> SimpleNamespace:
    request = SimpleNamespace(method=method, headers={"Accept": accept})
    return SimpleNamespace(request=request, get_status=lambda: status)


def test_a_server_ends_when_nothing_has_happened_for_its_hours() -> None:
    world = World()
    for hour in (10, 20, 21, 23.9):
        world.look(hour)
        assert not world.ended
    world.look(24)
    assert world.ended == 1


def test_people_are_told_in_the_last_hours_and_only_then() -> None:
    world = World()
    world.look(20.9)
    assert world.idle.stops_at is None
    world.look(21)
    stops_at = world.idle.stops_at
    assert stops_at is not None
    assert abs(stops_at - datetime.now(UTC) - timedelta(hours=3)) < timedelta(minutes=1)
    world.look(22)
    assert world.idle.stops_at == stops_at, "the same moment, however often it is told"


def test_what_runs_keeps_it_and_nobody_is_told() -> None:
    world = World(runs="a cell runs")
    for hour in range(48):
        world.look(hour)
        assert world.idle.stops_at is None
    assert not world.ended


def test_from_the_end_of_what_ran_it_is_the_whole_time_again() -> None:
    world = World(runs="a cell runs")
    world.look(23)
    world.runs = ""
    world.look(46.9)
    assert not world.ended
    world.look(47)
    assert world.ended


def test_what_kernels_and_terminals_say_counts() -> None:
    world = World(seen=[START])
    world.look(1)
    world.seen.append(START + timedelta(hours=5))
    world.look(5)
    world.look(28.9)
    assert not world.ended
    world.look(29)
    assert world.ended


def test_a_cell_that_begins_while_the_gateway_is_asked_is_not_ended() -> None:
    world = World(seen=[START])
    world.begins_meanwhile = True
    world.look(24)
    assert not world.ended


def test_the_hub_is_told_as_soon_as_what_it_knows_is_wrong() -> None:
    """It would have the portal tell people of a stop that does not come."""
    world = World(runs="a cell runs")
    world.look(19)
    assert world.told_hub == 0
    world.look(21)
    assert world.told_hub == 1

    world.runs = ""
    world.look(43)
    assert (world.idle.stops_at is not None, world.told_hub) == (True, 1)
    world.idle.happened()  # somebody keeps it
    world.look(43.1)
    assert (world.idle.stops_at, world.told_hub) == (None, 2)


@pytest.mark.parametrize(
    ("request_", "counts"),
    [
        (asked("POST"), True),
        (asked("PUT", 201), True),
        (asked("DELETE", 204), True),
        (asked(accept="text/html,application/xhtml+xml"), True),
        (asked(), False),
        (asked("HEAD"), False),
        (asked("POST", 403), False),
        (asked(status=403, accept="text/html"), False),
    ],
)
def test_changes_and_opened_pages_count_and_a_page_that_lies_open_does_not(
    request_: SimpleNamespace, counts: bool
) -> None:
    world = World()
    world.now += 3600
    world.idle.saw(request_)  # type: ignore[arg-type]
    assert (world.idle.seconds == 0) == counts


def test_zero_hours_are_never_over() -> None:
    moments = iter([0.0, *[1e9] * 10])
    idle = Idle(0, 0, lambda: next(moments))
    assert not idle.close
    assert not idle.over
    assert idle.stops_at is None
    assert idle.look_seconds > 1


def test_it_is_looked_several_times_before_people_are_told() -> None:
    for told_hours in (9.0, 0.001):
        idle = Idle(told_hours * 8, told_hours)
        assert idle.look_seconds * 4 <= told_hours * 3600 / 3 + 1e-6
