"""Admission: how many queries a source runs at a time, and how many of one person.

A query that needs several sources gets all of its places in one step or none, so that two queries can
never hold what the other waits for.  A place is a lease: a gateway that dies stops renewing it.
The database's clock is the only one.  Fairness between people comes later; order is first come, first served
among those that can start.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from swap.db.tables import admission
from swap.errors import LimitExceeded, Problem, Unavailable
from swap.query.model import NO_SOURCE
from swap.settings import Settings
from swap.settings.sources import RESULT_TABLES

LEASE_SECONDS = 20
RENEW_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.5
"""How often a waiting query looks for places that other gateways gave back."""
_LOCK = 0x53574150
"""The advisory lock under which places are counted and taken, one step at a time."""
_IN_LINE = (
    select(admission.c.query_id, admission.c.source, admission.c.person_id, admission.c.running)
    .where(admission.c.lease_until > func.now())
    .order_by(admission.c.ticket)
)


@dataclass(frozen=True, slots=True)
class Places:
    """What a source offers."""

    slots: int
    slots_per_person: int


WITHOUT_SOURCE = Places(8, 2)
"""Queries without a source, and of result tables, that run at a time; as many as one source has by default."""


def at_server(source: str, server: str) -> str:
    """Return the name of the line at one server of a source."""
    return f"{source} ({server})"


def source_of(line: str) -> str:
    """Return the source of a line.

    >>> source_of(at_server("mediawiki", "s1")), source_of("lake")
    ('mediawiki', 'lake')
    """
    return line.partition(" (")[0]


@dataclass(slots=True)
class _Asking:
    person_id: str
    sources: set[str]


class Queue:
    """The admission of one gateway's queries, in turn with every other gateway's."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._places = {
            name: Places(source.slots_in_all, source.slots_per_person) for name, source in settings.sources.items()
        }
        for name, source in settings.sources.items():
            for server, slots in source.server_slots.items():
                self._places[at_server(name, server)] = Places(slots, source.slots_per_person)
        self._places[NO_SOURCE] = self._places[RESULT_TABLES] = WITHOUT_SOURCE
        self._waiting_per_person = settings.limits.waiting_per_person
        self._changed = threading.Condition()
        self._ours: dict[str, tuple[str, tuple[str, ...], bool]] = {}
        self._stopping = threading.Event()
        self._renewer = threading.Thread(target=self._keep_renewing, name="admission-leases", daemon=True)

    def start(self) -> None:
        """Begin renewing leases."""
        self._renewer.start()

    def stop(self) -> None:
        """End; what still waits or runs loses its places when the leases end."""
        self._stopping.set()
        self.wake()
        self._renewer.join(timeout=2.0)

    def enqueue(self, conn: Connection, query_id: str, person_id: str, sources: Sequence[str]) -> bool:
        """Take a place in the line of each source, and start at once if there are places; tell whether it did.

        Raises LimitExceeded when too many of the person wait.  The caller commits at once, since all others wait
        meanwhile, and then says `hold`.
        """
        _lock(conn)
        line = _Line(self._places, conn.execute(_IN_LINE).all())
        waiting = sum(asking.person_id == person_id for asking in line.waiting.values())
        if waiting >= self._waiting_per_person:
            raise LimitExceeded(
                Problem(
                    f"{waiting} of your queries wait already; the limit is {self._waiting_per_person}.",
                    why="Nothing was run. The setting is limits.waiting_per_person.",
                    todo="Cancel one, or wait until one has started.",
                    extra={"setting": "limits.waiting_per_person", "value": self._waiting_per_person},
                )
            )
        line.waiting[query_id] = _Asking(person_id, set(sources))
        starts, _ = line.turn(query_id)
        _insert(conn, query_id, person_id, sources, running=starts)
        return starts

    def try_start(self, query_id: str) -> tuple[bool, dict[str, int]]:
        """Start the query if every source has a place; else return its position in each line, counted from 1."""
        with self._engine.begin() as conn:
            _lock(conn)
            conn.execute(delete(admission).where(admission.c.lease_until < func.now()))
            line = _Line(self._places, conn.execute(_IN_LINE).all())
            person_id, sources, _ = self._ours[query_id]
            if query_id in line.running:
                return True, {}
            if query_id not in line.waiting:
                # Its lease ended while we were away (a clock, a pause of the machine): to the end of the line.
                _insert(conn, query_id, person_id, sources, running=False)
                return False, dict.fromkeys(sources, len(line.waiting) + 1)
            started, positions = line.turn(query_id)
            if started:
                conn.execute(
                    update(admission).where(admission.c.query_id == query_id).values(running=True, lease_until=_lease())
                )
        if started:
            self._ours[query_id] = (person_id, sources, True)
        return started, positions

    def wait(self, seconds: float = LOOK_AGAIN_SECONDS) -> None:
        """Wait until a place of this gateway was given back, or it is time to look again."""
        with self._changed:
            self._changed.wait(seconds)

    def wake(self) -> None:
        """Let every waiting query look again."""
        with self._changed:
            self._changed.notify_all()

    def leave(self, conn: Connection, query_id: str) -> None:
        """Give the query's places back, or leave the line; `wake` the others once that is committed.  Idempotent."""
        self.let_go(query_id)
        conn.execute(delete(admission).where(admission.c.query_id == query_id))

    def free_others(self, conn: Connection, goes_on: Callable[[str], bool]) -> None:
        """Give back the places of queries that do not go on here.

        Who has places is looked up before it is asked who goes on: a query is known here before it has any.
        """
        held = conn.scalars(select(admission.c.query_id).distinct()).all()
        if left := [query_id for query_id in held if not goes_on(query_id)]:
            conn.execute(delete(admission).where(admission.c.query_id.in_(left)))

    def let_go(self, query_id: str) -> None:
        """Renew the lease of a query no more."""
        self._ours.pop(query_id, None)

    def hold(self, query_id: str, person_id: str, sources: Sequence[str], *, running: bool) -> None:
        """Renew the lease of a query from now on; its place is committed."""
        self._ours[query_id] = (person_id, tuple(sources), running)

    def places(self, source: str) -> Places:
        """Return what a source offers."""
        return self._places[source]

    def renew(self) -> None:
        """Renew the leases of this gateway's queries; one that was lost while its query runs is taken up again."""
        ours = dict(self._ours)
        if not ours:
            return
        with self._engine.begin() as conn:
            kept = conn.scalars(
                update(admission)
                .where(admission.c.query_id.in_(ours))
                .values(lease_until=_lease())
                .returning(admission.c.query_id)
            )
            for query_id in set(ours) - set(kept):
                person_id, sources, running = ours[query_id]
                if running and query_id in self._ours:
                    _insert(conn, query_id, person_id, sources, running=True)

    def _keep_renewing(self) -> None:
        while not self._stopping.wait(RENEW_SECONDS):
            # With the database away nothing can be done; leases are long enough for the next try.
            with contextlib.suppress(SQLAlchemyError, Unavailable):
                self.renew()


class _Line:
    """Who has places, and who waits for which, in the order they came."""

    def __init__(self, places: Mapping[str, Places], rows: Sequence[Row[Any, Any, Any, Any]]) -> None:
        self.running: set[str] = set()
        self.waiting: dict[str, _Asking] = {}
        self._places = places
        self._taken: dict[str, int] = {}
        self._of_person: dict[tuple[str, str], int] = {}
        for row in rows:
            if row.running:
                self.running.add(row.query_id)
                self._take(row.source, row.person_id)
            else:
                self.waiting.setdefault(row.query_id, _Asking(row.person_id, set())).sources.add(row.source)

    def turn(self, query_id: str) -> tuple[bool, dict[str, int]]:
        """Go through the line: may this query start, and what is its position at each source?  Once only."""
        before: dict[str, int] = {}
        for other, asking in self.waiting.items():
            starts = all(self._has_place(source, asking.person_id) for source in asking.sources)
            if other == query_id:
                return starts, {source: before.get(source, 0) + 1 for source in asking.sources}
            for source in asking.sources:
                before[source] = before.get(source, 0) + 1
                if starts:
                    self._take(source, asking.person_id)
        raise KeyError(query_id)

    def _has_place(self, source: str, person_id: str) -> bool:
        places = self._places.get(source, Places(0, 0))
        return (
            self._taken.get(source, 0) < places.slots
            and self._of_person.get((source, person_id), 0) < places.slots_per_person
        )

    def _take(self, source: str, person_id: str) -> None:
        self._taken[source] = self._taken.get(source, 0) + 1
        self._of_person[source, person_id] = self._of_person.get((source, person_id), 0) + 1


def _lock(conn: Connection) -> None:
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _lease() -> object:
    return func.now() + text(f"interval '{LEASE_SECONDS} seconds'")


def _insert(conn: Connection, query_id: str, person_id: str, sources: Sequence[str], *, running: bool) -> None:
    place = {"query_id": query_id, "person_id": person_id, "running": running, "lease_until": _lease()}
    conn.execute(insert(admission).values([{**place, "source": source} for source in sorted(sources)]))
