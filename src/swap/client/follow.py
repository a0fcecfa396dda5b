"""Follow a run until it has ended, through lost connections, and stop it when the person interrupts."""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from swap.client.failures import Interrupted
from swap.client.transport import Gateway, lines
from swap.errors import NotFound, Problem, SwapError, Unavailable

QUIET_SECONDS = 0.3
"""What ends sooner shows no progress: the gateway holds its first answer for so long."""
SILENCE_SECONDS = 15.0
"""The gateway shows every five that the line is alive."""
GIVE_UP_SECONDS = 120.0
"""How long a gateway is tried for that does not answer, or cannot without its database."""
STOP_SECONDS = 15.0
"""How long an interrupted query is waited for."""
PROGRAM = secrets.token_hex(8)
"""What this process is called: a kernel that was restarted is another one, under the same id."""
ENDED = frozenset({"done", "failed", "cancelled"})

State = dict[str, Any]


def state_of(gateway: Gateway, query_id: str) -> State:
    """Return a run's state now."""
    with gone(query_id):
        return gateway.call("GET", f"/v1/queries/{query_id}", query={"after": -1})


def follow(gateway: Gateway, query_id: str) -> Iterator[State]:
    """Yield a run's state at each change, and at its end.

    While the gateway does not answer, or nobody gives a token for it, the last state is yielded as one that says so:
    the query itself may go on.
    """
    state: State = {}
    heard_at = time.monotonic()
    lost_at: float | None = None
    while True:
        try:
            for state in _told(gateway, query_id):
                lost_at, heard_at = None, time.monotonic()
                yield state
                if state["state"] in ENDED:
                    return
            time.sleep(0.1)  # the line has ended, and is opened anew
        except (Unavailable, TimeoutError) as error:
            now = time.monotonic()
            lost_at = now if lost_at is None else lost_at
            if isinstance(error, Unavailable) and now - lost_at > GIVE_UP_SECONDS:
                raise
            if state:
                yield _lost(state, now - lost_at, now - heard_at)
            time.sleep(min(2.0, 0.2 + (now - lost_at) / 4))


def _told(gateway: Gateway, query_id: str) -> Iterator[State]:
    """Yield what the gateway tells of a run on one connection, which tells of all of this kernel's."""
    known = False
    for state in told(gateway):
        if state is not None:
            if state["id"] == query_id:
                known = True
                yield state
        elif not known:  # it has ended, or is not this kernel's
            known = True
            yield state_of(gateway, query_id)


def told(gateway: Gateway) -> Iterator[State | None]:
    """Yield the states of this kernel's runs on one connection; None once all are told, and as a sign of life.

    While it is open, the gateway knows that this process is there to take the answers.
    """
    with gateway.open("GET", "/v1/queries", query={"program": PROGRAM}, seconds=SILENCE_SECONDS) as answer:
        for line in lines(answer):
            yield json.loads(line) if line else None


def stop(gateway: Gateway, query_id: str) -> Interrupted:
    """Cancel a run at its sources, wait for its end, and return what the person is told."""
    began = time.monotonic()
    why = "The query may go on for a moment: SWAP has not yet said that it ended."
    try:
        gateway.call("DELETE", f"/v1/queries/{query_id}", seconds=STOP_SECONDS)
        while time.monotonic() - began < STOP_SECONDS:
            state = state_of(gateway, query_id)
            if state["state"] in ENDED:
                why = _stopped(state)
                break
            time.sleep(0.05)
    except (SwapError, TimeoutError):
        why = "SWAP could not be told; the query ends by itself, at its time limit at the latest."
    except KeyboardInterrupt:
        pass  # interrupted again: the person does not want to wait for the confirmation either
    return Interrupted(Problem("Cancelled: by you", why=why))


@contextmanager
def gone(query_id: str, when: str = "") -> Iterator[None]:
    """Say of a query that the gateway no longer knows that its result is gone, and since when."""
    try:
        yield
    except NotFound:
        why = (
            f"SWAP kept it until {when}."
            if when
            else "SWAP keeps results for a while only, and this one's time is over."
        )
        raise NotFound(
            Problem("This result is gone.", why=why, todo="Run the cell again.", extra={"id": query_id})
        ) from None


@contextmanager
def held_interrupt() -> Iterator[None]:
    """Hold an interrupt back until the end of the block; a second one comes through at once.

    A query that was accepted while its id was on its way could not be cancelled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = False
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def hold(number: int, frame: Any) -> None:
        nonlocal held
        if held and callable(before):
            before(number, frame)
        held = True

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt


def _lost(state: State, seconds: float, unheard: float) -> State:
    note = f"Not connected to SWAP since {seconds:.0f} s. Trying again: if SWAP itself goes on, so does the query."
    return {**state, "headline": "Not connected to SWAP", "elapsed": state["elapsed"] + unheard, "note": note}


def _stopped(state: State) -> str:
    if state["state"] != "cancelled":
        return f"It had already ended ({state['state']})."
    sources = [
        stage["key"][4:]
        for stage in state.get("stages") or ()
        if stage["key"].startswith("run:") and stage.get("start") is not None
    ]
    where = f" in {' and '.join(sources)}" if sources else ""
    with suppress(KeyError, TypeError):
        return f"Stopped{where} after {state['elapsed']:.1f} s."
    return f"Stopped{where}."
