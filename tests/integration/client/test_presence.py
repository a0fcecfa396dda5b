"""A query is there for its kernel: while the process lives it goes on, whatever is closed, and ends when that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

import swap
from integration.gateway.gateways import Gateway, Person
from swap.client import presence as ours
from swap.client.transport import Gateway as Client
from swap.query.run.presence import GONE_SECONDS, Presence

BIG = "SELECT n FROM lake.big.numbers"
pytestmark = pytest.mark.usefixtures("notebook_side")


class Clock:
    """Real time, and as much more as a test has let pass."""

    def __init__(self) -> None:
        self.more = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.more


@pytest.fixture
def clock(swap_gateway: Gateway) -> Clock:
    made = Clock()
    swap_gateway.app.state.parts.queries.presence = Presence(made)
    return made


def lines(gateway: Gateway) -> int:
    return sum(gateway.app.state.parts.queries.presence._lines.values())


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def held(gateway: Gateway) -> threading.Event:
    gate = gateway.lake.behaviour.gate = threading.Event()
    return gate


def test_a_query_that_no_cell_waits_for_goes_on_while_its_kernel_is_there(swap_gateway: Gateway, clock: Clock) -> None:
    gate = held(swap_gateway)
    first, second = swap.sql(BIG, wait=False), swap.sql(f"{BIG} WHERE n < 10", wait=False)
    until(lambda: lines(swap_gateway) == 1)
    clock.more += 10 * GONE_SECONDS

    swap_gateway.app.state.parts.queries.look_after()

    gate.set()
    assert (len(first), len(second)) == (50_000, 10)
    until(lambda: lines(swap_gateway) == 0 and ours._holder is None)
    assert ours._waited_for == set()


@pytest.mark.parametrize("wait", [True, False])
def test_a_query_of_a_process_that_was_killed_is_cancelled_at_the_source(
    swap_gateway: Gateway, ann: Person, clock: Clock, wait: bool
) -> None:
    held(swap_gateway)
    code = f"import swap, time; swap.sql({BIG!r}, wait={wait}); time.sleep(600)"
    kernel = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    until(lambda: lines(swap_gateway) == 1)
    queries = swap_gateway.app.state.parts.queries
    (run,) = queries.under_way(ann.id, "k1")

    clock.more += GONE_SECONDS
    queries.look_after()
    assert not run.cancelled.is_set()

    kernel.send_signal(signal.SIGKILL)
    kernel.wait(10)
    until(lambda: lines(swap_gateway) == 0)
    queries.look_after()
    assert not run.cancelled.is_set(), "not before a minute has passed"
    clock.more += GONE_SECONDS
    queries.look_after()

    assert ann.ended(run.id)["state"] == "cancelled"
    assert swap_gateway.lake.running == 0


def test_a_query_that_is_kept_goes_on_without_its_process(swap_gateway: Gateway, ann: Person, clock: Clock) -> None:
    gate = held(swap_gateway)
    code = f"import swap; print(swap.sql({BIG!r}, wait=False, keep=True).id)"
    query_id = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, check=True, capture_output=True, text=True
    ).stdout.strip()
    clock.more += 10 * GONE_SECONDS

    swap_gateway.app.state.parts.queries.look_after()

    gate.set()
    assert ann.ended(query_id)["state"] == "done"


def test_a_line_that_was_cut_is_opened_anew(
    swap_gateway: Gateway, clock: Clock, cut_side: Client, proxy: object
) -> None:
    assert cut_side
    gate = held(swap_gateway)
    result = swap.sql(BIG, wait=False)
    until(lambda: lines(swap_gateway) == 1)
    proxy.cut()
    until(lambda: lines(swap_gateway) == 1)
    clock.more += GONE_SECONDS

    swap_gateway.app.state.parts.queries.look_after()

    gate.set()
    assert len(result) == 50_000
