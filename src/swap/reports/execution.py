"""One execution of a claimed run: a program is told what to do over a socket, watched, and heard.

Nothing that it answers is trusted: it is bounded, and may be what the notebook's own code made up.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from swap.errors import Problem, SwapError, Unavailable
from swap.launch.report import Begins, Ended, Going
from swap.people.tokens import Token
from swap.reports.model import Claimed, Outcome

EXECUTED_BYTES: Final = 200_000_000
"""Of what a run answers; what is kept of it has a limit of its own."""
RENEW_SECONDS: Final = 15.0
_SPARE_SECONDS: Final = 150.0
"""What a run may take beside its time: its kernel starts and ends."""
_LOOK_SECONDS: Final = 0.5
_PIECE_BYTES: Final = 262_144
_MOST_MEMORY: Final = 1 << 50
_REMEDY: Final = (
    "Open its notebook in JupyterLab, mend and save it, accept that version on the report's page, and run it again."
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watch:
    """How whoever holds a run stays in touch with it."""

    renew: Callable[[], bool]
    """Renew the lease; tell whether the run is still ours, and is to go on."""
    stopping: threading.Event
    news: threading.Event = field(default_factory=threading.Event)
    """Something changed: the lease is renewed at once."""


def execute(
    begins: Begins, claimed: Claimed, document: dict[str, Any], token: Token, most_seconds: float, watch: Watch
) -> Outcome | None:
    """Run a notebook to its end; return what became of it, or None if it was ended: not ours any more, or we stop.

    Raises SwapError, OSError for one that could not be started.
    """
    seconds = claimed.report.seconds(most_seconds)
    told = json.dumps(
        {
            "token": token.value,
            "expires_at": token.expires_at.isoformat(),
            "seconds": seconds,
            "cell_seconds": claimed.report.cell_seconds,
            "period": [
                moment.astimezone(claimed.report.schedule.zone).isoformat()
                for moment in (claimed.run.period.start, claimed.run.period.end)
            ],
            "notebook": document,
        }
    )
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            going = begins.begin(claimed.report.person_id, f"{claimed.run.id}-{claimed.epoch}", theirs.fileno())
        try:
            answer = _exchange(ours, told.encode(), seconds + _SPARE_SECONDS, watch)
        except BaseException:
            with contextlib.suppress(SwapError, OSError):
                going.end()
            raise
        if answer is None:
            with contextlib.suppress(SwapError, OSError):
                going.end()
            return None
        return _outcome(answer, _ended(going, answer))


def _ended(going: Going, answer: bytes) -> Ended:
    """End a run.  Raises SwapError, OSError for one that never ran."""
    try:
        return going.end()
    except Unavailable:
        # Where it left much, that takes long to take away: what it answered counts all the same.
        if not answer:
            raise
        return Ended("")


def _exchange(channel: socket.socket, told: bytes, seconds: float, watch: Watch) -> bytes | None:
    """Tell a run what to do; return what it answers until its end, or of its time, or None if it is to be ended."""
    answer, left = bytearray(), memoryview(told)
    until, renewed = time.monotonic() + seconds, time.monotonic()
    channel.setblocking(False)
    with selectors.DefaultSelector() as ready, contextlib.suppress(ConnectionError):
        ready.register(channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while (now := time.monotonic()) < until and len(answer) <= EXECUTED_BYTES:
            if watch.stopping.is_set():
                return None
            if now - renewed >= RENEW_SECONDS or watch.news.is_set():
                watch.news.clear()
                renewed = now
                if not watch.renew():
                    return None
            for _, events in ready.select(_LOOK_SECONDS):
                if events & selectors.EVENT_WRITE:
                    left = left[channel.send(left[:_PIECE_BYTES]) :]
                    if not left:
                        channel.shutdown(socket.SHUT_WR)
                        ready.modify(channel, selectors.EVENT_READ)
                if events & selectors.EVENT_READ:
                    piece = channel.recv(_PIECE_BYTES)
                    if not piece:
                        return bytes(answer)
                    answer += piece
    return b"" if len(answer) > EXECUTED_BYTES else bytes(answer)


def _outcome(answer: bytes, ended: Ended) -> Outcome:
    """Return what a program that has ended answered."""
    try:
        said = json.loads(answer)
        document, title, cell = said["notebook"], str(said["title"]), int(said["cell"] or 0)
        may_pass, memory = bool(said["may_pass"]), min(max(int(said["memory_bytes"]), 0), _MOST_MEMORY)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        log.warning("A run of a report answered nothing that can be read.")
        why = ended.met or "It was ended from outside, perhaps because the machine had no memory left."
        return Outcome(
            None, Problem("The run ended before it could say why.", why=why), may_pass=not ended.met, log=ended.said
        )
    if not title:
        return Outcome(document, memory_bytes=memory, log=ended.said)
    todo = "It is tried again." if may_pass else _REMEDY
    problem = Problem(_plain(title[:300]), why=ended.met, todo=todo)
    return Outcome(document, problem, cell, may_pass=may_pass, memory_bytes=memory, log=ended.said)


def _plain(text: str) -> str:
    """Return a text with nothing in it that cannot be kept or shown: part of it is a name that the notebook chose."""
    return "".join(each if each.isprintable() else "·" for each in text)
