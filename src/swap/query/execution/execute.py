"""Run a plan: sources write into the combiner's pipes, the combiner into the spool; no row passes through here.

However it ends, nothing goes on: readers are cancelled at their sources and the combiner is gone.  An input that
broke off is never taken for a complete one: it counts only when its reader says how many rows it wrote, and the
combiner has read just as many.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from swap.connectors.base import NOTHING_SENT, Connector, Deadline, OnBehalf, Progress, Reader, Sent
from swap.errors import LimitExceeded, Problem, QueryCancelled, QueryTimedOut, SwapError
from swap.query.execution.combiner import Combiner, Order, Read
from swap.query.execution.pool import Pool
from swap.query.language.text import cut
from swap.query.model import Input, Plan
from swap.query.results.spool import ResultFile, not_kept
from swap.query.run.run import Run
from swap.settings import Limits

PIPE_BYTES = 1 << 20
"""What a source may be ahead of the combiner: as much as the system allows without a special right."""
MAX_LINE = 200
"""Characters of a source's log line that are shown."""


@dataclass(slots=True)
class _Feed:
    """One input on its way."""

    item: Input
    reader: Reader
    sink: int
    sent: Sent = NOTHING_SENT
    counted_bytes: int = 0
    begun: bool = False
    ended: bool = False
    rows: int | None = None
    """How many rows there are, once its reader has written them all."""
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Execution:
    """One plan being run."""

    run: Run
    plan: Plan
    connectors: Mapping[str, Connector]
    pool: Pool
    limits: Limits
    upload: Callable[[str], int]
    """Opens an upload by its id, for reading."""
    keep: Callable[[str, Mapping[str, Any]], None] = lambda _source, _handle: None
    """Keeps by what a source's statement can be ended, should this process be killed."""
    _feeds: list[_Feed] = field(default_factory=list)
    _combiner: Combiner | None = None
    _error: SwapError | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _complete: bool = False
    _progress: dict[str, Progress] = field(default_factory=dict)
    """What the source of each input told last, by the input's name."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, result: ResultFile) -> None:
        """Run it to its end.  Raises whatever stopped it; a result is complete only when this returns.

        Then nothing writes any more; `close` collects what has ended.
        """
        alarm = threading.Timer(self.limits.seconds, self.stop, [_timed_out(self.limits)])
        alarm.daemon = True
        try:
            self.run.on_cancel = lambda: self.stop(QueryCancelled())
            if self.run.cancelled.is_set():
                raise QueryCancelled
            if not self.plan.alone:
                self._take_combiner()
            alarm.start()  # waiting is not counted
            deadline = Deadline(time.monotonic() + self.limits.seconds)
            if self.plan.alone:
                self._pass_on(self.plan.inputs[0], result, deadline)
            else:
                self._combine(result, deadline)
            with self._lock:
                if self._error is not None:
                    raise self._error
                self._complete = True
        except (SwapError, pa.ArrowInvalid, OSError) as error:
            raise self._error or _known(error) from None
        finally:
            alarm.cancel()
            self._end()
        try:
            result.end(complete=True)
        except OSError as error:
            raise _known(error) from None

    def close(self) -> None:
        """Collect the combiner.  Idempotent.

        The end of a process takes milliseconds, which nobody who has the complete result needs to wait for.
        """
        if self._combiner is not None:
            self._combiner.close()

    def stop(self, error: SwapError) -> None:
        """End it now, here and at the sources, with this error unless another came first.  From any thread."""
        with self._lock:
            if self._complete or self._error is not None:
                return
            self._error = error
            combiner = self._combiner
        if combiner is None:
            self.pool.memory.wake()
        else:
            combiner.kill()
        for feed in list(self._feeds):
            feed.reader.cancel()

    def _pass_on(self, item: Input, result: ResultFile, deadline: Deadline) -> None:
        """Let the only source write what it has into the spool, as it is."""
        feed = self._feed(item, result.sink, deadline)
        self._send(feed, lambda sent: self._grew(result, sent))
        if self._error is None and (
            feed.rows is None or result.written is None or feed.rows != result.written.rows[-1]
        ):
            raise _incomplete()

    def _take_combiner(self) -> None:
        """Wait until there is memory for a combiner, and take it."""
        combiner = self.pool.take(self.run.principal.id, lambda: self._error is not None, self._note)
        with self._lock:
            self._combiner = combiner
            if self._error is not None:
                raise self._error

    def _note(self, waits: str) -> None:
        self.run.note = waits
        self.run.touch()

    def _combine(self, result: ResultFile, deadline: Deadline) -> None:
        """Let the sources write to the combiner, and that into the spool."""
        combiner = self._combiner
        assert combiner is not None
        descriptors: list[int] = []
        try:
            for item in self.plan.inputs:
                descriptors.append(self._open(item, deadline))  # noqa: PERF401 — those opened before one that fails are closed too
            names = [item.name for item in self.plan.inputs]
            combiner.start(Order(self.plan.sql, names, descriptors, result.sink, self.plan.streamed))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        for feed in self._feeds:
            thread = threading.Thread(target=self._pump, args=(feed,), name=f"read-{feed.item.source}", daemon=True)
            thread.start()
            self._threads.append(thread)
        if not self._feeds:
            self.run.begin("combine")
        for sent in combiner.written():
            if sent.rows:
                self.run.begin("combine")
            self._grew(result, sent)
        if result.written is None or combiner.rows != result.written.rows[-1]:
            raise _incomplete()
        for feed in self._feeds:
            self._demand_all(feed, combiner.read.get(feed.item.name))

    def _demand_all(self, feed: _Feed, read: Read | None) -> None:
        """Let no input that broke off pass for a complete one.

        Arrow takes an end between two batches for the end of all; only the reader knows how many rows there were.
        """
        if read is None:
            raise _incomplete()
        if read.whole:  # otherwise the statement needed no more of it
            feed.done.wait()
            if self._error is None and feed.rows != read.rows:
                raise _incomplete()

    def _grew(self, result: ResultFile, sent: Sent) -> None:
        result.grew(sent)
        self.run.touch()

    def _open(self, item: Input, deadline: Deadline) -> int:
        """Return a descriptor from which the combiner will read this input."""
        if item.asked is None:
            return self.upload(item.upload_id)
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        # Who has many pipes already gets no large one, which is slower and nothing else.
        with contextlib.suppress(OSError):
            fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            self._feed(item, theirs, deadline)
        except BaseException:
            os.close(ours)
            os.close(theirs)
            raise
        return ours

    def _feed(self, item: Input, sink: int, deadline: Deadline) -> _Feed:
        assert item.asked is not None
        reader = self.connectors[item.source].read(
            item.asked, self._on_behalf(item.source), deadline, lambda told: self._tell(item, told)
        )
        feed = _Feed(item, reader, sink)
        with self._lock:
            self._feeds.append(feed)
            if self._error is not None:
                reader.cancel()
        return feed

    def _on_behalf(self, source: str) -> OnBehalf:
        principal = self.run.principal
        tables = frozenset(table for item in self.plan.inputs if item.source == source for table in item.tables)
        return OnBehalf(principal.id, principal.name, principal.groups, tables)

    def _pump(self, feed: _Feed) -> None:
        """Let one source write into its pipe."""
        try:
            self._send(feed, _nothing)
        finally:
            os.close(feed.sink)

    def _send(self, feed: _Feed, heard: Callable[[Sent], None]) -> None:
        """Let a source write; what goes wrong stops everything."""
        source = feed.item.source

        def hear(sent: Sent) -> None:
            heard(sent)
            self._count(feed, sent)

        try:
            self.run.begin(f"run:{source}")
            feed.rows = feed.reader.send(feed.sink, hear, self.plan.passed)
        except SwapError as error:
            self.stop(error)
        except OSError as error:
            self.stop(not_kept(error))
        except Exception as error:  # noqa: BLE001 — a connector's bug ends this query, and is told as ours
            self.stop(
                SwapError(
                    Problem(
                        f"Reading {source} failed.",
                        why=f"{type(error).__name__}.",
                        source=source,
                        todo="Tell whoever runs SWAP, with the query's id.",
                    )
                )
            )
        finally:
            self._ended(feed)
            feed.reader.close()
            feed.done.set()

    def _tell(self, item: Input, progress: Progress) -> None:
        """Show how far a source is: with several fragments, as far as with the slowest."""
        if progress.handle is not None:
            self.keep(item.source, progress.handle)
            return
        if progress.notice:
            self.run.remark(progress.notice)
            return
        if item.asked is None or _is_scattered(item):
            return
        with self._lock:
            self._progress[item.name] = progress
            of_source = [
                self._progress[other.name]
                for other in self.plan.inputs
                if other.source == item.source and other.name in self._progress
            ]
        shares = [told.share for told in of_source if told.share is not None]
        parts = [f"{min(shares) * 100:.0f} %"] if shares else []
        line = cut(" ".join(progress.line.split()), MAX_LINE)
        self.run.progressed(item.source, ", ".join([*parts, line] if line else parts))

    def _ran(self, feed: _Feed) -> None:
        """Say that a source has done its part; how far it was says nothing any more."""
        self.run.progressed(feed.item.source, "")
        self.run.finish(f"run:{feed.item.source}", _done(feed))

    def _count(self, feed: _Feed, sent: Sent) -> None:
        source = feed.item.source
        with self._lock:
            rows, feed.sent = sent.rows - feed.sent.rows, sent
            over = sum(other.sent.at for other in self._feeds) > self.limits.source_bytes
            first = not feed.begun and sent.rows > 0
            feed.begun = feed.begun or first
            read = (0 if _is_scattered(feed.item) else feed.reader.stats.bytes) or sent.at
            more, feed.counted_bytes = read - feed.counted_bytes, read
            quiet = all(other.begun or other.ended for other in self._feeds if other.item.source == source)
        if first:
            if quiet:
                self._ran(feed)
            self.run.begin(f"fetch:{source}")
        if rows:
            self.run.fetched(source, rows, more)
        if over:
            limit = self.limits.source_bytes
            raise LimitExceeded(
                Problem(
                    f"The sources have sent more than {limit / 1e9:,.1f} GB for this query.",
                    why="The setting is limits.source_bytes.",
                    todo="Filter by a partition or a date, or name fewer columns.",
                    extra={"setting": "limits.source_bytes", "value": limit},
                )
            )

    def _ended(self, feed: _Feed) -> None:
        source = feed.item.source
        with self._lock:
            feed.ended = True
            of_source = [other for other in self._feeds if other.item.source == source]
            source_ended, all_ended = all(other.ended for other in of_source), all(other.ended for other in self._feeds)
            broken = self._error is not None
            begun = all(other.begun or other.ended for other in of_source)
        if broken:
            return
        if begun:
            self._ran(feed)
        if source_ended:
            self.run.finish(f"fetch:{source}")
        if all_ended and not self.plan.alone:
            self.run.begin("combine")

    def _end(self) -> None:
        """Leave nothing behind: processes, descriptors, statements at sources, threads."""
        if self._combiner is not None:
            self._combiner.kill()
        if not self._complete:
            self.close()
        for feed in self._feeds:
            feed.reader.cancel()
        # Those for which there was no thread.
        for feed in self._feeds[len(self._threads) :]:
            feed.reader.close()
            if not self.plan.alone:
                os.close(feed.sink)
        for thread in self._threads:
            thread.join(timeout=10.0)


def _is_scattered(item: Input) -> bool:
    """Tell whether what was read on the way to the rows, such as files, is not told; nor is any progress."""
    return item.fragment is not None and item.fragment.scattered


def _done(feed: _Feed) -> str:
    if _is_scattered(feed.item):
        return ""
    stats = feed.reader.stats
    return f"{stats.files:,} file{'s' if stats.files != 1 else ''}" if stats.files else ""


def _incomplete() -> SwapError:
    return SwapError(Problem("The result is not complete.", todo="Run the query again."))


def _nothing(_: Sent) -> None:
    """Follow nothing."""


def _timed_out(limits: Limits) -> QueryTimedOut:
    return QueryTimedOut(
        Problem(
            f"The query ran longer than {limits.seconds:g} s.",
            why="It was stopped, also at its sources. The setting is limits.seconds.",
            todo="Filter by a partition or a date, or name fewer columns.",
            extra={"setting": "limits.seconds", "value": limits.seconds},
        )
    )


def _known(error: Exception) -> SwapError:
    return error if isinstance(error, SwapError) else not_kept(error)
