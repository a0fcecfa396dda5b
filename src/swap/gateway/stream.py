"""What is sent bit by bit: results as Arrow and CSV, and the news that a person's access ended.

The news is pushed: a sign-out notifies the database, the listener wakes the streams of that person.
Each stream also looks by itself every few seconds, so that a lost notification delays it and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import selectors
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import psycopg
import pyarrow as pa
import pyarrow.csv
from sqlalchemy.engine import make_url

from swap.gateway.lines import Lines
from swap.people.service import Access
from swap.query.results import format as shown

log = logging.getLogger(__name__)

CHANNEL = "swap_access"
LOOK_SECONDS = 3.0
_RECONNECT_SECONDS = 1.0


class AccessNews:
    """Listens to the database for people whose access changed, and wakes whoever waits for news of them."""

    def __init__(self, url: str, heard: Callable[[str | None], None]) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._heard = heard
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.listening = False
        """Whether changes are heard of now; while they are not, whoever waits for them has to look."""

    def start(self) -> None:
        """Begin listening."""
        self._rope, bell = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, args=(bell,), name="access-news", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, at once also while nothing happens."""
        self._stopping.set()
        self._rope.close()
        self._thread.join(timeout=3.0)

    @contextlib.contextmanager
    def of(self, person_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when a person's access may have changed."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.setdefault(person_id, set()).add(waiter)
        try:
            yield waiter[1]
        finally:
            with self._lock:
                self._waiting.get(person_id, set()).discard(waiter)

    def _listen(self, bell: socket.socket) -> None:
        """Listen until the other end of `bell` is closed."""
        with bell:
            while not self._stopping.is_set():
                self._listen_once(bell)

    def _listen_once(self, bell: socket.socket) -> None:
        try:
            with psycopg.connect(
                self._url, autocommit=True, connect_timeout=5, application_name="swap-access-news"
            ) as conn:
                conn.execute(f"LISTEN {CHANNEL}")
                self.listening = True
                self._wake(None)  # what happened while nobody listened
                with selectors.DefaultSelector() as something:
                    something.register(conn, selectors.EVENT_READ)
                    something.register(bell, selectors.EVENT_READ)
                    while not self._stopping.is_set():
                        for notice in conn.notifies(timeout=0):
                            self._wake(notice.payload)
                        something.select()
        except psycopg.Error:
            self.listening = False
            log.warning("No news of sign-outs: the database does not answer; looking every %g s instead", LOOK_SECONDS)
            self._stopping.wait(_RECONNECT_SECONDS)
        finally:
            self.listening = False

    def _wake(self, person_id: str | None) -> None:
        with self._lock:
            waiters = [waiter for key, group in self._waiting.items() if person_id in {None, key} for waiter in group]
        for loop, event in waiters:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)
        try:
            self._heard(person_id)
        except Exception:
            log.exception("News of %s could not be acted upon", person_id or "everybody")


async def access_changes(
    news: AccessNews, lines: Lines, person_id: str, look: Callable[[], Access]
) -> AsyncIterator[Access]:
    """Yield the person's access at once and at every change, until lines are to end."""
    told: Access | None = None
    with news.of(person_id) as changed, lines.open(changed):
        while not lines.ended:
            changed.clear()
            try:
                access: Access | None = await asyncio.to_thread(look)
            except Exception:  # noqa: BLE001 — the database is away: say nothing new, keep the line open
                access = told
            if access is not None and access != told:
                told = access
                yield access
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_SECONDS)


def csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[bytes]:
    """Yield so many rows as CSV (RFC 4180, UTF-8), values as they are shown in cells.

    Raises EOFError when there are fewer: nothing in the format would say so.
    """
    head = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=True, quoting_header="all_valid")
    flat = pa.schema([pa.field(field.name, _flat_type(field.type)) for field in schema])
    pyarrow.csv.write_csv(flat.empty_table(), head, options)
    yield head.getvalue()
    rows_only = pyarrow.csv.WriteOptions(include_header=False)
    for batch in batches:
        body = io.BytesIO()
        pyarrow.csv.write_csv(
            pa.RecordBatch.from_arrays([_flat(column) for column in batch.columns], schema=flat), body, rows_only
        )
        yield body.getvalue()
        rows -= batch.num_rows
    if rows != 0:
        raise EOFError("the rows of a result stopped coming")


def _is_flat(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(type_) or pa.types.is_boolean(type_) or pa.types.is_string(type_) or pa.types.is_date(type_)
    )


def _flat_type(type_: pa.DataType) -> pa.DataType:
    return type_ if _is_flat(type_) else pa.string()


def _flat(column: pa.Array) -> pa.Array:
    if _is_flat(column.type):
        return column
    return pa.array([shown.text(value) for value in shown.values(column)], pa.string())
