"""A start followed from the hub's events, with a hub that says what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from swap.errors import Problem, Unavailable
from swap.launch.start import SPARE_SECONDS, Begun, Failure, Step, failure_data, step_event
from swap.web.hub import Hub, ServerKind, kind
from swap.web.starts import USUAL_SECONDS, Starts


class SaidHub(Hub):
    """A hub that tells the events it was given; `None` stands for a stream that breaks."""

    def __init__(
        self,
        *streams: list[dict[str, Any]] | None,
        state: ServerKind = ServerKind.STARTING,
        refuses: str = "",
        fails: bool = False,
    ) -> None:
        self.streams = list(streams)
        self.now = state
        self.refuses = refuses
        self.fails = fails
        self.asked = 0

    async def start(self, person_id: str) -> bool:
        del person_id
        self.asked += 1
        if self.refuses:
            raise Unavailable(Problem("Your server did not start.", why=self.refuses))
        return not self.fails

    async def state(self, person_id: str) -> ServerKind:
        del person_id
        return self.now

    @asynccontextmanager
    async def progress(self, person_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        del person_id
        events = self.streams.pop(0) if self.streams else []
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


REQUESTED = {"progress": 0, "message": "Server requested"}
HOME, PROCESS = step_event(Begun(Step.HOME, 0.0)), step_event(Begun(Step.PROCESS, 0.0))
READY = {"progress": 100, "ready": True}


def test_the_hubs_steps_are_drawn_in_words_of_ours() -> None:
    made, start = run(SaidHub([REQUESTED, HOME, PROCESS, step_event(Begun(Step.ANSWER, 0.0, 4711)), READY]))
    assert start.state == "ready"
    assert [(step.said, step.detail(60)) for step in start.steps] == [
        ("Opened your home directory", ""),
        ("Started your Jupyter server", ""),
        ("It answered", "process 4711"),
    ]
    assert all(step.ended is not None for step in start.steps)
    assert made.usual_seconds < USUAL_SECONDS


def test_every_step_the_hub_may_tell_has_words() -> None:
    _, start = run(SaidHub([*(step_event(Begun(step, 0.0)) for step in Step), READY]))
    assert len({step.label for step in start.steps} | {step.said for step in start.steps}) == 2 * len(Step)


def turn(ahead: int) -> dict[str, Any]:
    return step_event(Begun(Step.TURN, 0.0, ahead=ahead))


def test_a_start_that_waits_tells_its_place_each_time_it_changes() -> None:
    async def follow() -> list[str]:
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        class Telling(SaidHub):
            @asynccontextmanager
            async def progress(self, person_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
                del person_id

                async def events() -> AsyncIterator[dict[str, Any]]:
                    while True:
                        yield await told.get()

                yield events()

        made = starts(Telling())
        start, seen = made.begin("paaaaaaaaa"), []
        for event in (turn(3), turn(1), turn(0), HOME):
            changed = start.changed
            told.put_nowait(event)
            await asyncio.wait_for(changed.wait(), 60)
            seen.append(start.steps[0].detail(60))
        await made.close()
        return seen

    assert asyncio.run(follow()) == [
        "3 more start before yours.",
        "One more starts before yours.",
        "Yours is the next to start.",
        "",
    ]


def test_a_start_that_waits_is_not_given_up_and_what_it_waited_is_not_how_long_a_start_takes() -> None:
    """The time that a start may take counts from its turn; 0.5 s here, of which the hub takes all before it."""

    class Slow(SaidHub):
        @asynccontextmanager
        async def progress(self, person_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
            del person_id

            async def events() -> AsyncIterator[dict[str, Any]]:
                yield turn(1)
                await asyncio.sleep(1.0)
                yield HOME
                yield READY

            yield events()

    made, start = run(Slow(), seconds=0.5 - 2 * SPARE_SECONDS)
    assert start.state == "ready"
    assert made.waited(start) >= 1.0
    assert made.usual_seconds < 0.5


def test_words_of_the_hub_are_never_a_step() -> None:
    later = {"progress": 10, "step": {"step": "a step of a later hub", "seconds": 0.0, "pid": None}}
    _, start = run(SaidHub([{"progress": 50, "message": "Spawning server..."}, later, HOME, READY]))
    assert [step.key for step in start.steps] == [Step.HOME]


def test_a_start_that_others_asked_for_is_shown_as_old_as_it_is() -> None:
    old = [step_event(Begun(Step.HOME, 60.0)), step_event(Begun(Step.PROCESS, 45.0))]
    made, start = run(SaidHub([*old, READY]), request=False)
    assert made.elapsed(start) >= 60.0
    assert [round(step.began) for step in start.steps] == [0, 15]
    assert round(start.steps[0].ended) == 15


def test_a_broken_stream_is_taken_up_again() -> None:
    _, start = run(SaidHub([HOME, PROCESS], None, [HOME, PROCESS, READY]))
    assert start.state == "ready"
    assert len(start.steps) == 2


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([{"failed": True, "html_message": failure_data(Failure("The disk is full."))}], "The disk is full."),
        ([], "The hub does not say why."),
        (None, "The hub does not say why."),
    ],
)
def test_a_start_that_has_failed_when_the_hub_answers_is_told_with_its_reason(
    told: list[dict[str, Any]] | None, why: str
) -> None:
    hub = SaidHub(told, fails=True, state=ServerKind.STOPPED)
    _, start = run(hub)
    assert (start.state, start.problem.why) == ("failed", why)


def test_a_hub_that_breaks_off_while_it_says_why_is_asked_again() -> None:
    failed = {"failed": True, "html_message": failure_data(Failure("The disk is full."))}
    _, start = run(SaidHub(None, None, [failed], fails=True, state=ServerKind.STOPPED))
    assert (start.state, start.problem.why) == ("failed", "The disk is full.")


def test_a_failure_that_was_missed_is_learned_afterwards() -> None:
    """The hub tells it to whoever asks; that nothing runs any more is not yet the whole answer."""
    failed = {"failed": True, "html_message": failure_data(Failure("The disk is full."))}
    _, start = run(SaidHub(None, [failed], state=ServerKind.STOPPED))
    assert (start.state, start.problem.why) == ("failed", "The disk is full.")


def test_a_server_that_became_ready_between_two_looks_is_ready() -> None:
    _, start = run(SaidHub(state=ServerKind.RUNNING))
    assert start.state == "ready"


def test_a_failure_keeps_reason_and_log_apart() -> None:
    failure = Failure("It ended by itself, with status 1.", "Traceback\nboom")
    event = {"failed": True, "message": "Spawn failed: in the hub's words", "html_message": failure_data(failure)}
    _, start = run(SaidHub([HOME, PROCESS, event]))
    assert start.state == "failed"
    assert start.problem.why == "It ended by itself, with status 1."
    assert start.log == "Traceback\nboom"
    assert start.reference == "srv-0001"


def test_a_failure_of_jupyterhubs_own_is_not_quoted() -> None:
    _, start = run(SaidHub([HOME, {"failed": True, "message": "Spawn failed: Timeout"}]))
    assert (start.state, start.problem.why) == ("failed", "The hub does not say why.")


def test_a_refused_start_fails_with_the_hubs_reason() -> None:
    _, start = run(SaidHub(refuses="You are not signed in any more."))
    assert (start.state, start.problem.why) == ("failed", "You are not signed in any more.")


def test_a_start_that_never_ends_is_given_up() -> None:
    _, start = run(SaidHub(), seconds=0.5 - 2 * SPARE_SECONDS)
    assert start.state == "failed"
    assert "no answer within" in start.problem.why


def test_following_a_start_nobody_asked_for_ends_quietly() -> None:
    hub = SaidHub(state=ServerKind.STOPPED)
    _, start = run(hub, request=False)
    assert start.state == "cancelled"
    assert start.problem is None
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
