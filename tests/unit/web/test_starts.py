"""A start followed from the hub's events, with a hub that says what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from swap.errors import Problem, Unavailable
from swap.web.hub import Hub, ServerKind, kind, reason
from swap.web.starts import USUAL_SECONDS, Starts


class SaidHub(Hub):
    """A hub that tells the events it was given; `None` stands for a stream that breaks."""

    def __init__(
        self, *streams: list[dict[str, Any]] | None, state: ServerKind = ServerKind.STARTING, refuses: str = ""
    ) -> None:
        self.streams = list(streams)
        self.now = state
        self.refuses = refuses
        self.asked = 0
        self.takes_seconds = 0.0

    async def start(self, person_id: str, seconds: float) -> None:
        del person_id, seconds
        await asyncio.sleep(self.takes_seconds)
        self.asked += 1
        if self.refuses:
            raise Unavailable(Problem("Your server did not start.", why=self.refuses))

    async def state(self, person_id: str) -> ServerKind:
        del person_id
        return self.now

    @asynccontextmanager
    async def progress(self, person_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]] | None]:
        del person_id
        if not self.streams:
            yield None
            return
        events = self.streams.pop(0)
        if events is None:
            raise httpx.ReadError("gone")
        yield _each(events)


async def _each(events: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event


def starts(hub: Hub, seconds: float = 5.0) -> Starts:
    return Starts(hub, seconds, lambda: asyncio.get_running_loop().time(), lambda: "0001")


def run(hub: SaidHub, seconds: float = 5.0, **more: Any) -> Any:
    async def follow() -> Any:
        made = starts(hub, seconds)
        start = made.begin("paaaaaaaaa", **more)
        assert made.begin("paaaaaaaaa") is start, "a second start joins the first"
        for _ in range(400):
            if start.state != "starting":
                break
            await asyncio.sleep(0.01)
        await made.close()
        return made, start

    return asyncio.run(follow())


STEPS = {
    "progress": 25,
    "message": "x",
    "steps": [
        {
            "key": "home",
            "label": "Opening your home directory",
            "detail": "",
            "start": 0.0,
            "end": 0.1,
            "state": "done",
        },
        {
            "key": "process",
            "label": "Starting your Jupyter server",
            "detail": "",
            "start": 0.1,
            "end": None,
            "state": "active",
        },
    ],
    "why": "",
    "log": "",
}
READY = {"progress": 100, "ready": True}


def test_the_spawners_steps_are_the_steps() -> None:
    made, start = run(SaidHub([{"progress": 0, "message": "Server requested"}, STEPS, READY]))
    assert start.state == "ready"
    assert [step.said for step in start.steps] == ["Opened your home directory", "Started your Jupyter server"]
    assert made.usual_seconds < USUAL_SECONDS


def test_a_spawner_that_only_says_messages_has_steps_too() -> None:
    _, start = run(SaidHub([{"message": "One"}, {"message": "One"}, {"message": "Two"}, READY]))
    assert [step.label for step in start.steps] == ["One", "Two"]
    assert all(step.ended is not None for step in start.steps)


def test_a_broken_stream_is_taken_up_again() -> None:
    _, start = run(SaidHub([STEPS], None, [STEPS, READY]))
    assert start.state == "ready"
    assert len(start.steps) == 2


def test_a_server_that_became_ready_between_two_looks_is_ready() -> None:
    _, start = run(SaidHub(state=ServerKind.RUNNING))
    assert start.state == "ready"


def test_a_failure_keeps_reason_and_log_apart() -> None:
    _, start = run(
        SaidHub(
            [
                STEPS,
                {
                    "failed": True,
                    "message": "Spawn failed: It ended by itself, with status 1. The last it said: Traceback\nboom",
                },
            ]
        )
    )
    assert start.state == "failed"
    assert start.problem.why == "It ended by itself, with status 1."
    assert start.log == "Traceback\nboom"
    assert start.reference == "srv-0001"


def test_the_failure_of_the_start_before_is_not_this_ones() -> None:
    """The hub tells of the last failure until it has taken the next request."""
    old = {"failed": True, "message": "Spawn failed: old"}
    hub = SaidHub([old], [old], [STEPS, READY])
    hub.takes_seconds = 0.3
    _, start = run(hub)
    assert start.state == "ready"


def test_a_refused_start_fails_with_the_hubs_reason() -> None:
    _, start = run(SaidHub(refuses="You are not signed in any more."))
    assert (start.state, start.problem.why) == ("failed", "You are not signed in any more.")


def test_a_start_that_never_ends_is_given_up() -> None:
    _, start = run(SaidHub(), seconds=-14.5)
    assert start.state == "failed"
    assert "no answer within" in start.problem.why


def test_following_a_start_nobody_asked_for_ends_quietly() -> None:
    hub = SaidHub(state=ServerKind.STOPPED)
    _, start = run(hub, request=False)
    assert start.state == "cancelled"
    assert hub.asked == 0


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"ready": True, "pending": None}, ServerKind.RUNNING),
        ({"ready": False, "pending": "spawn"}, ServerKind.STARTING),
        ({"ready": True, "pending": "stop"}, ServerKind.STOPPING),
        ({"ready": False, "pending": None}, ServerKind.STOPPED),
    ],
)
def test_what_the_hub_says_of_a_server(server: dict[str, Any], expected: ServerKind) -> None:
    assert kind({"servers": {"": server}}) is expected
    assert kind({}) is ServerKind.STOPPED


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Spawn failed: The disk is full", "The disk is full."),
        ("Spawn failed", "The hub does not say why."),
        (None, "The hub does not say why."),
        ("It ended. It said nothing.", "It ended."),
        ("It ended. The last it said: x", "It ended."),
    ],
)
def test_reasons_are_sentences(message: str | None, said: str) -> None:
    assert reason(message) == said
