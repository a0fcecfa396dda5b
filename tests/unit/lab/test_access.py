"""What each word of the gateway changes."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import sse

from swap.lab.access import SILENCE_SECONDS, Access, Change, Listener, State, read_event

LIVE_1, LIVE_2 = Access("live", 1), Access("live", 2)


def test_the_first_word_cuts_nothing() -> None:
    assert State().hear(LIVE_1) == Change(cut=False, refuse=False)


def test_ended_cuts_and_refuses() -> None:
    state = State()
    state.hear(LIVE_1)
    assert state.hear(Access("ended", 2)) == Change(cut=True, refuse=True)
    assert state.ended


def test_ended_said_twice_cuts_once() -> None:
    state = State()
    state.hear(Access("ended", 2))
    assert state.hear(Access("ended", 2)) == Change(cut=False, refuse=True)


def test_live_again_opens() -> None:
    state = State()
    state.hear(Access("ended", 2))
    state.hear(LIVE_2)
    assert not state.ended


def test_a_newer_epoch_ends_what_was_open_even_if_the_end_itself_was_missed() -> None:
    state = State()
    state.hear(LIVE_1)
    assert state.hear(LIVE_2) == Change(cut=True, refuse=False)


def test_the_same_word_again_changes_nothing() -> None:
    state = State()
    state.hear(LIVE_2)
    assert state.hear(LIVE_2) == Change(cut=False, refuse=False)


def test_the_epoch_never_goes_back() -> None:
    state = State()
    state.hear(Access("live", 5))
    state.hear(Access("ended", 0))
    assert state.epoch == 5


@pytest.mark.parametrize(
    "line",
    [
        "",
        ": still here",
        "event: x",
        "data: nonsense",
        'data: {"access": "maybe", "epoch": 1}',
        'data: {"access": "live"}',
        "data: []",
        'data: {"access": "live", "epoch": null}',
    ],
)
def test_lines_that_say_nothing_about_access_are_passed_over(line: str) -> None:
    assert read_event(line) is None


def test_a_quiet_line_is_not_taken_for_a_dead_one() -> None:
    assert SILENCE_SECONDS >= 2.5 * sse._PING_INTERVAL


@pytest.mark.parametrize(
    ("status", "body", "heard"),
    [
        (401, "", [Access("ended", 0)]),
        (403, "", [Access("ended", 0)]),
        (500, "", []),
        (404, 'data: {"access": "ended", "epoch": 3}\n\n', []),
        (200, ': still here\n\ndata: {"access": "live", "epoch": 3}\n\n', [Access("live", 3)]),
    ],
)
def test_only_a_refusal_of_our_credential_and_the_gateways_own_word_are_heard(
    status: int, body: str, heard: list[Access]
) -> None:
    words: list[Access] = []

    async def ask() -> None:
        listener = Listener("http://gateway", "credential", words.append)
        await listener._client.aclose()
        answer = httpx.MockTransport(lambda _: httpx.Response(status, text=body))
        listener._client = httpx.AsyncClient(transport=answer)
        await listener.ask(5)
        await listener.stop()

    asyncio.run(ask())

    assert words == heard
