"""The worker: it sleeps until something is due or it is told to look, makes what is due, claims runs and executes them.

Any number of workers may run, on any host: what one does follows from the database alone.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from swap.errors import Problem, SwapError, Unavailable
from swap.launch import room
from swap.launch.report import Begins
from swap.notebooks import editions
from swap.reports import data, edition_store, execution, parameters, queue, released, runs, store
from swap.reports.execution import Watch
from swap.reports.files import Files, NotWritten
from swap.reports.model import Claimed, Outcome, RunState

LOOK_SECONDS: Final = 60.0
"""It looks as often also when nothing is due, so that a clock that was set is followed."""
REST_SECONDS: Final = 0.2
"""At the least between two looks: what another worker holds just now is not ours to wait for."""
CLAIMED: Final = 250
"""Runs that are claimed in one transaction."""
ROOM_SECONDS: Final = 2.0
"""After which a run that waits for room on this machine is looked at again."""
AGAIN_SECONDS: Final = 1.0
"""After which a database that was away is asked again."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker works with."""

    engine: Engine
    url: str
    """The database's, to hear of what changed."""
    begins: Begins
    """Who begins runs."""
    key: str
    at_once: int
    run_seconds: float
    person_bytes: int
    """That one person's notebooks may take."""
    new_id: Callable[[], str]
    files: Files | None = None
    """Where data files are, if the site has any."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    has_memory: Callable[[], bool] = room.has_memory
    """Whether this machine has memory for one more run."""


class Worker:
    """One worker.  `run` returns after `stop`, when nothing that it began is left."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._url = make_url(means.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._stopping = threading.Event()
        self._rope, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, threading.Event] = {}
        """What runs here, and what tells it that something changed."""
        self._waits_for_room = False

    def stop(self) -> None:
        """End soon; what runs is given back, for whoever comes."""
        self._stopping.set()
        self.wake()

    def wake(self) -> None:
        """Look at once."""
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    def run(self) -> None:
        """Work until told to stop."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._url, autocommit=True, connect_timeout=5, application_name="swap-worker"
                ) as conn:
                    # Before the first look: what comes after it is heard of.
                    conn.execute(f"LISTEN {store.CHANNEL}")
                    self._work(conn)
            except (psycopg.Error, Unavailable):
                log.warning("The database does not answer; the worker asks again.")
                self._stopping.wait(AGAIN_SECONDS)
            except Exception:
                log.exception("A look at what is due failed; it is done again")
                self._stopping.wait(AGAIN_SECONDS)
        for each in list(self._threads):
            each.join()
        self._bell.close()
        self._rope.close()

    def _work(self, news: psycopg.Connection[Any]) -> None:
        with selectors.DefaultSelector() as something:
            something.register(news, selectors.EVENT_READ)
            something.register(self._bell, selectors.EVENT_READ)
            while not self._stopping.is_set():
                self._look()
                if something.select(self._rest()):
                    self._tell_runs()
                for _ in news.notifies(timeout=0):
                    pass
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)

    @property
    def _room(self) -> int:
        """How many runs more may begin here."""
        with self._lock:
            return max(self._means.at_once - len(self._threads), 0)

    def _rest(self) -> float:
        """Return for how long nothing is to be done."""
        if not self._room:
            return LOOK_SECONDS
        if self._waits_for_room:
            return ROOM_SECONDS
        with self._means.engine.connect() as conn:
            wakes_at = queue.wakes_at(conn)
        if wakes_at is None:
            return LOOK_SECONDS
        return min(max((wakes_at - self._means.now()).total_seconds(), REST_SECONDS), LOOK_SECONDS)

    def _look(self) -> None:
        """Make what is due and claim it; then look for data, make what can go on, and write what was released."""
        while self._plan() == runs.AT_ONCE:
            pass
        while self._room and not self._stopping.is_set() and self._has_room() and self._claim():
            pass
        # Behind what is due, which is not to be late for them; a file may be large.
        while self._data():
            pass
        while self._resume():
            pass
        while released.write(self._means.engine, self._means.files, self._means.now()):
            pass

    def _has_room(self) -> bool:
        """Tell whether a run may begin here now: people who wait for their servers come before, and memory is left."""
        with self._means.engine.connect() as conn:
            gives_way = queue.gives_way(conn, self._means.now())
        self._waits_for_room = gives_way or not self._means.has_memory()
        return not self._waits_for_room

    def _tell_runs(self) -> None:
        """Let runs see whether they are to go on: one may have been cancelled, or its report ended."""
        with self._lock:
            for each in self._threads.values():
                each.set()

    def _plan(self) -> int:
        with self._means.engine.begin() as conn:
            return runs.plan(conn, self._means.now(), self._means.new_id)

    def _data(self) -> bool:
        with self._means.engine.begin() as conn:
            return data.look(conn, self._means.now())

    def _resume(self) -> bool:
        with self._means.engine.begin() as conn:
            return runs.resume(conn, self._means.now(), self._means.new_id)

    def _claim(self) -> bool:
        """Claim runs and begin them; tell whether there may be more."""
        try:
            with self._means.engine.begin() as conn:
                found = runs.claim(conn, self._means.now(), min(self._room, CLAIMED))
        except IntegrityError:  # another worker began another run of the same report in this moment
            return True
        for each in found:
            if isinstance(each, Claimed):
                news = threading.Event()
                thread = threading.Thread(target=self._execute, args=(each, news), name=f"run {each.run.id}")
                with self._lock:
                    self._threads[thread] = news
                thread.start()
        return bool(found)

    # ── One run, in a thread of its own: what it starts ends with that thread ───────────────────────
    def _execute(self, claimed: Claimed, news: threading.Event) -> None:
        try:
            outcome = self._outcome(claimed, news)
            if outcome is not None:
                self._until_done(lambda: self._finish(claimed, outcome))
            elif self._stopping.is_set():
                self._until_done(lambda: self._give_back(claimed), tries=3)
        except Exception:
            log.exception("A run of a report failed here; another worker claims it when its lease is over")
        finally:
            with self._lock:
                self._threads.pop(threading.current_thread())
            self.wake()

    def _outcome(self, claimed: Claimed, news: threading.Event) -> Outcome | None:
        means = self._means
        with means.engine.begin() as conn:
            document = editions.bare(conn, claimed.report.notebook_id, claimed.report.version)
        document = parameters.inject(document, claimed.run.parameters or {})
        token = runs.token(means.key, claimed, means.now(), means.run_seconds + LOOK_SECONDS)
        watch = Watch(lambda: self._renew(claimed), self._stopping, news)
        try:
            return execution.execute(means.begins, claimed, document, token, means.run_seconds, watch)
        except SwapError as error:
            why = " ".join(part for part in (error.problem.title, error.problem.why) if part)
        except OSError as error:
            why = f"This machine could not start it: {error.strerror or type(error).__name__}."
        return Outcome(None, Problem("The run could not be started.", why=why), may_pass=True)

    def _renew(self, claimed: Claimed) -> bool:
        try:
            with self._means.engine.begin() as conn:
                return runs.renew(conn, claimed, self._means.now())
        except Unavailable:  # it is ours until the lease is over, and whoever claims it then has another epoch
            return True

    def _finish(self, claimed: Claimed, outcome: Outcome) -> None:
        try:
            with self._means.engine.begin() as conn:
                state = runs.finish(conn, claimed, outcome, self._means.now(), self._means.person_bytes)
                # The last step before the transaction ends: an edition whose rows are not in their file is none.
                if state is RunState.DONE and not edition_store.is_held(conn, claimed.run.id):
                    self._keep_rows(claimed, outcome)
        except Unavailable:
            raise
        except NotWritten as error:
            with self._means.engine.begin() as conn:
                state = runs.finish(
                    conn, claimed, replace(outcome, problem=error.problem), self._means.now(), self._means.person_bytes
                )
        except SwapError as error:
            with self._means.engine.begin() as conn:
                state = runs.finish(conn, claimed, runs.not_kept(error), self._means.now())
        log.info("run %s of report %s: %s", claimed.run.id, claimed.report.id, state or "not ours any more")

    def _keep_rows(self, claimed: Claimed, outcome: Outcome) -> None:
        if self._means.files is not None:
            days = released.days(claimed.run.period, claimed.report.schedule.zone)
            self._means.files.keep(claimed.report.id, days, outcome.document)

    def _give_back(self, claimed: Claimed) -> None:
        with self._means.engine.begin() as conn:
            runs.give_back(conn, claimed, self._means.now())

    def _until_done(self, work: Callable[[], None], tries: int = 600) -> None:
        """Do something in the database, also when it is away for a while."""
        for _ in range(tries):
            try:
                work()
            except Unavailable:
                time.sleep(AGAIN_SECONDS)
            else:
                return
