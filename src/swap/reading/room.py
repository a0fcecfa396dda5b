"""Where notebooks are read: in processes of their own, one for each person, which end in time and know nothing else.

No process ever reads the notebooks of two people, and nothing that one of them says is taken for more than HTML, a
picture, or an error of its own person's notebook.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swap.errors import LimitExceeded, Problem, Unavailable, from_json
from swap.forking import Forked, ForkServer
from swap.reading import answers
from swap.reading.answers import Rendered
from swap.reading.kept import Kept

log = logging.getLogger(__name__)

SECONDS = 20.0
"""In which a notebook must be read."""
ANSWER_BYTES = 100_000_000
READERS, OF_ONE = 4, 2
"""Processes that work at once, and of these for one person; whoever comes when they are busy waits."""
WAITING = 8
"""Requests of one person that may wait: each holds a thread of the portal's."""
IDLE_SECONDS = 120.0
KEPT_BYTES = 100_000_000
"""Of read notebooks, and as much again of pictures."""
_TYPES = frozenset({"image/png", "image/jpeg", "image/svg+xml"})


class Room:
    """Reads notebooks for people; what was read is kept for a while, for its person alone."""

    def __init__(self, server: ForkServer, seconds: float = SECONDS) -> None:
        """Begin, with what forks processes that read (`program`)."""
        self._server = server
        self._seconds = seconds
        self._turns = threading.Condition()
        self._working: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._idle: OrderedDict[str, _Reader] = OrderedDict()
        self._sweeping = False
        self._rendered: Kept[tuple[str, str], Rendered] = Kept(KEPT_BYTES)
        self._pictures: Kept[tuple[str, str, str], tuple[bytes, str]] = Kept(KEPT_BYTES)

    def render(self, person_id: str, content: bytes) -> Rendered:
        """Return a notebook's file as HTML.  Raises Invalid, LimitExceeded, Unavailable."""
        return self.render_known(person_id, digest(content), lambda: content)

    def render_known(self, person_id: str, known_by: str, content: Callable[[], bytes]) -> Rendered:
        """Return a notebook as HTML; its file is only asked for when it is not kept under what it is known by.

        Raises Invalid, LimitExceeded, Unavailable.
        """
        key = person_id, known_by
        found = self._rendered.get(key)
        if found is None:
            told, html = self._ask(person_id, {}, content())
            try:
                found = answers.from_json({**told["rendered"], "html": html.decode("utf-8", "replace")})
            except (KeyError, TypeError) as error:
                raise _lost() from error
            self._rendered.put(key, found, len(html))
        return found

    def export(self, person_id: str, content: bytes, kind: str) -> bytes:
        """Return a notebook as a file to take along (`child.EXPORTS`).  Raises Invalid, LimitExceeded, Unavailable."""
        return self._ask(person_id, {"as": kind}, content)[1]

    def picture(
        self, person_id: str, content_digest: str, name: str, content: Callable[[], bytes]
    ) -> tuple[bytes, str]:
        """Return a picture of a notebook, and its type; the notebook is only asked for when it is not kept.

        Raises NotFound, LimitExceeded, Unavailable.
        """
        key = person_id, content_digest, name
        found = self._pictures.get(key)
        if found is None:
            told, picture = self._ask(person_id, {"picture": name}, content())
            if told.get("type") not in _TYPES:
                raise _lost()
            found = picture, told["type"]
            self._pictures.put(key, found, len(picture))
        return found

    def chart(self, person_id: str, name: str, content: Callable[[], bytes]) -> tuple[bytes, str]:
        """Return the specification of a notebook's chart, rebuilt, and its kind.

        Raises NotFound, LimitExceeded, Unavailable.
        """
        told, specification = self._ask(person_id, {"chart": name}, content())
        if told.get("type") not in answers.KINDS_OF_CHARTS:
            raise _lost()
        return specification, told["type"]

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            readers = list(self._idle.values())
            self._idle.clear()
        for each in readers:
            each.close()

    def _ask(self, person_id: str, asked: Mapping[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        with self._turn(person_id):
            with self._lock:
                reader = self._idle.pop(person_id, None)
            try:
                answer = self._answer(person_id, reader, asked, content)
            except Unavailable:
                if reader is None:
                    raise
                # It had ended while it waited, for another reason than this notebook.
                answer = self._answer(person_id, None, asked, content)
        if "error" in answer[0]:
            raise from_json(answer[0]["error"])
        return answer

    @contextmanager
    def _turn(self, person_id: str) -> Iterator[None]:
        """Wait until a process may work for a person, and let it.  Raises Unavailable."""
        with self._turns:
            if self._waiting[person_id] >= WAITING:
                raise _busy()
            self._waiting[person_id] += 1
            try:
                free = self._turns.wait_for(
                    lambda: self._working.total() < READERS and self._working[person_id] < OF_ONE, self._seconds
                )
            finally:
                _less(self._waiting, person_id)
            if not free:
                raise _busy()
            self._working[person_id] += 1
        try:
            yield
        finally:
            with self._turns:
                _less(self._working, person_id)
                self._turns.notify_all()

    def _answer(
        self, person_id: str, reader: _Reader | None, asked: Mapping[str, Any], content: bytes
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer of a process, or of a new one; it waits for the person's next notebook."""
        try:
            reader = reader or _Reader(self._server)
        except OSError as error:
            raise Unavailable(
                Problem("SWAP cannot read notebooks now.", why="No process could be started.", todo="Try again.")
            ) from error
        try:
            answer = reader.ask(asked, content, self._seconds)
        except BaseException:
            reader.close()
            raise
        self._give_back(person_id, reader)
        return answer

    def _give_back(self, person_id: str, reader: _Reader) -> None:
        reader.idle_since = time.monotonic()
        with self._lock:
            out = [former] if (former := self._idle.pop(person_id, None)) is not None else []
            self._idle[person_id] = reader
            while len(self._idle) > READERS:
                out.append(self._idle.popitem(last=False)[1])
            begin, self._sweeping = not self._sweeping, True
        for each in out:
            each.close()
        if begin:
            self._sweep_later()

    def _sweep_later(self) -> None:
        # One at a time: each waits in a thread.
        later = threading.Timer(IDLE_SECONDS, self._sweep)
        later.daemon = True
        later.start()

    def _sweep(self) -> None:
        """End the processes that nobody has asked for long."""
        before = time.monotonic() - IDLE_SECONDS
        with self._lock:
            out = {person: each for person, each in self._idle.items() if each.idle_since <= before}
            for person in out:
                del self._idle[person]
            again = self._sweeping = bool(self._idle)
        for each in out.values():
            each.close()
        if again:
            self._sweep_later()


class _Reader:
    """One process."""

    def __init__(self, server: ForkServer) -> None:
        self._forked: Forked = server.fork()
        self._server = server
        self.idle_since = 0.0

    def ask(self, asked: Mapping[str, Any], content: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return its answer.  Raises LimitExceeded when it has none in time, Unavailable when it ended."""
        # Whatever it waits for, it is ended then: a timeout of the socket counts from each piece anew.
        late = threading.Event()

        def end() -> None:
            late.set()
            self._forked.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            answers.send(self._forked.control, dict(asked), content)
            return answers.receive(self._forked.control, ANSWER_BYTES)
        except (EOFError, OSError, ValueError, TypeError, RecursionError) as error:
            if not late.is_set():
                log.warning("A reader of notebooks ended before it answered")
                raise _lost() from error
            raise LimitExceeded(
                Problem(
                    "This notebook takes too long to be read.",
                    why=f"SWAP stops after {seconds:.0f} seconds.",
                    todo="Open it in JupyterLab, or download it.",
                )
            ) from error
        finally:
            timer.cancel()

    def close(self) -> None:
        """End it."""
        self._forked.kill()
        self._forked.wait()
        self._server.reap(self._forked)
        with contextlib.suppress(OSError):
            self._forked.control.shutdown(socket.SHUT_RDWR)
        self._forked.close()


def digest(content: bytes) -> str:
    """Return what a file's content is known by."""
    return hashlib.sha256(content).hexdigest()


def _less(counter: Counter[str], person_id: str) -> None:
    """Count one less, and nobody who has none."""
    counter[person_id] -= 1
    if not counter[person_id]:
        del counter[person_id]


def _busy() -> Unavailable:
    return Unavailable(Problem("SWAP is reading other notebooks.", why="All its readers are busy.", todo="Try again."))


def _lost() -> Unavailable:
    return Unavailable(
        Problem(
            "This notebook could not be read.",
            why="The process that reads it ended before it answered.",
            todo="Try again; open it in JupyterLab if it stays so.",
        )
    )
