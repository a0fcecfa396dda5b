"""Which hub tokens are over, who is let in, and what is left of a connection that was cut."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.web import HTTPError

from swap.lab.access import Access, State
from swap.lab.guard import CLOSE_CODE, Logins, cut, guard_identity


def test_a_token_from_before_a_sign_out_is_over() -> None:
    logins = Logins(State())
    logins.remember("old", "ann")
    logins.end()
    assert logins.is_over("old")
    assert logins.last_answer("old") is None


def test_a_token_from_after_it_is_not() -> None:
    logins = Logins(State())
    logins.end()
    logins.remember("new", "ann")
    assert not logins.is_over("new")
    assert logins.last_answer("new") == "ann"


def test_an_old_token_stays_over_after_several_sign_outs() -> None:
    logins = Logins(State())
    logins.remember("old", "ann")
    logins.end()
    logins.remember("newer", "ann")
    logins.end()
    assert logins.is_over("old")
    assert logins.is_over("newer")


def test_a_token_never_seen_is_the_hubs_to_judge() -> None:
    assert not Logins(State()).is_over("unknown")


def test_the_token_itself_is_not_kept() -> None:
    logins = Logins(State())
    logins.remember("t0ken", "ann")
    assert "t0ken" not in repr(vars(logins))


class Hub:
    """The hub's identity provider: it knows one token, or answers with an error."""

    def __init__(self) -> None:
        self.status = 200
        self.hub_auth = SimpleNamespace(get_token=lambda handler: handler.token)
        self.state = State()
        self.logins = Logins(self.state)
        self.get_user = self._get_user
        guard_identity(self, self.state, self.logins)

    async def _get_user(self, handler: Any) -> str | None:
        if self.status != 200:
            raise HTTPError(self.status)
        return "ann" if handler.token == "t" else None

    def let_in(self, token: str = "t") -> str | None:
        return asyncio.run(self.get_user(SimpleNamespace(token=token, current_user=None)))


def test_while_the_hub_is_away_its_last_answer_stands() -> None:
    hub = Hub()
    assert hub.let_in() == "ann"
    hub.status = 503

    assert hub.let_in() == "ann"
    with pytest.raises(HTTPError):
        hub.let_in("another")


def test_a_refusal_of_the_hub_is_no_absence() -> None:
    hub = Hub()
    assert hub.let_in() == "ann"
    hub.status = 403

    with pytest.raises(HTTPError, match="403"):
        hub.let_in()


def test_nobody_is_let_in_while_access_is_ended_whatever_the_hub_says() -> None:
    hub = Hub()
    hub.state.hear(Access("ended", 1))

    with pytest.raises(HTTPError, match="403"):
        hub.let_in()


class Socket:
    """An open websocket, and what is still heard of it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.done: list[Any] = []
        self.ws_connection: Any = SimpleNamespace(_abort=lambda: self.done.append("dropped"))

    def on_message(self, message: str) -> None:
        self.heard.append(message)

    def close(self, code: int, reason: str) -> None:
        self.done.append((code, reason))
        self.ws_connection = None


def test_what_a_cut_connection_still_says_is_not_heard() -> None:
    socket = Socket()

    assert cut([socket]) == 1  # type: ignore[list-item]

    socket.on_message("run this")
    assert socket.heard == []
    assert socket.done == [(CLOSE_CODE, "access ended"), "dropped"]
    assert cut([socket]) == 0  # type: ignore[list-item]
