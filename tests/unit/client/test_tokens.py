from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from swap.client.tokens import Tokens
from swap.errors import NotSignedIn, Unavailable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Server:
    """Answers on the socket with what it was told to, and remembers what was asked."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.answers: list[Any] = []
        self.asked: list[dict[str, str]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rwb") as lines:
                line = lines.readline()
                if not line:
                    return
                self.asked.append(json.loads(line))
                lines.write(self.answers.pop(0))

    def give(self, value: str, seconds: float) -> None:
        self.answers.append(
            json.dumps({"token": value, "expires_at": (NOW + timedelta(seconds=seconds)).isoformat()}).encode() + b"\n"
        )

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
        self._thread.join(5)
        self._listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "token.sock")
    yield made
    made.close()


def test_a_token_is_kept_for_four_fifths_of_its_life(server: Server) -> None:
    clock = [100.0]
    tokens = Tokens(server.path, clock=lambda: clock[0], now=lambda: NOW)
    server.give("one", 300)
    server.give("two", 300)

    assert tokens.get() == "one"
    clock[0] = 339.0
    assert tokens.get() == "one"
    clock[0] = 340.0
    assert tokens.get() == "two"


def test_a_step_of_the_machines_clock_does_not_keep_a_token(server: Server) -> None:
    clock, now = [0.0], [NOW]
    tokens = Tokens(server.path, clock=lambda: clock[0], now=lambda: now[0])
    server.give("one", 300)
    server.give("two", 300)
    tokens.get()

    now[0] -= timedelta(days=1)
    clock[0] = 299.0

    assert tokens.get() == "two"


def test_a_refused_token_is_asked_for_anew_and_another_threads_new_one_is_used(server: Server) -> None:
    tokens = Tokens(server.path, clock=lambda: 0.0, now=lambda: NOW)
    server.give("one", 300)
    server.give("two", 300)
    tokens.get()

    assert tokens.get(refused="one") == "two"
    assert tokens.get(refused="one") == "two"


def test_the_servers_refusal_is_passed_on(server: Server) -> None:
    server.answers.append(
        b'{"error": {"category": "not-signed-in", "title": "Your sign-in has ended.", "todo": "Sign in again."}}\n'
    )

    with pytest.raises(NotSignedIn, match=r"Your sign-in has ended\. Sign in again\."):
        Tokens(server.path).get()


@pytest.mark.parametrize(
    "answer", [b"", b"\n", b"nonsense\n", b"[]\n", b'{"token": 1}\n', b'{"token": "x", "expires_at": "tomorrow"}\n']
)
def test_a_server_that_answers_nonsense_is_a_server_that_does_not_answer(server: Server, answer: bytes) -> None:
    server.answers.append(answer)

    with pytest.raises(Unavailable, match="Restart your server from SWAP's home page"):
        Tokens(server.path).get()


def test_a_server_that_is_gone_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Restart your server from SWAP's home page"):
        Tokens(str(tmp_path / "nobody.sock")).get()


def test_the_kernel_says_which_it_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ipykernel_launcher.py", "-f", "/run/jupyter/kernel-0a1b.json", "--ext=swap"])
    server.give("one", 300)
    Tokens(server.path, now=lambda: NOW).get()

    assert server.asked == [{"kernel_id": "0a1b"}]
