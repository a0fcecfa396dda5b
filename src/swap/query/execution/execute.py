"""Run a plan: every source in a thread of its own, the combiner in a process of its own, the result into the spool.

However it ends, nothing goes on: readers are cancelled at their sources and the combiner is gone.
An input that broke off is never taken for a complete one: the combiner dies before its pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from swap.connectors.base import Connector, Deadline, OnBehalf, Progress, Reader
from swap.errors import LimitExceeded, Problem, QueryCancelled, QueryTimedOut, SwapError
from swap.query.execution.combiner import Combiner, Order, Pool
from swap.query.language.parse import cut
from swap.query.model import Input, Plan
from swap.query.results.spool import ResultFile, not_kept
from swap.query.run.run import Run
from swap.settings import Limits

MAX_LINE = 200
"""Characters of a source's log line that are shown."""


@dataclass(slots=True)
class _Feed:
    """One input on its way to the combiner."""

    item: Input
    reader: Reader
    pipe: int
    rows: int = 0
    counted_bytes: int = 0
    begun: bool = False
    ended: bool = False


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
    _feeds: list[_Feed] = field(default_factory=list)
    _combiner: Combiner | None = None
    _error: SwapError | None = None
    _complete: bool = False
    _arrow_bytes: int = 0
    _progress: dict[str, Progress] = field(default_factory=dict)
    """What the source of each input told last, by the input's name."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, result: ResultFile) -> None:
        """Run it to its end.  Raises whatever stopped it; a result is complete only when this returns."""
        deadline = Deadline(time.monotonic() + self.limits.seconds)
        alarm = threading.Timer(self.limits.seconds, self.stop, [_timed_out(self.limits)])
        alarm.daemon = True
        alarm.start()
        threads: list[threading.Thread] = []
        try:
            self._combiner = self.pool.take()
            self.run.on_cancel = lambda: self.stop(QueryCancelled())
            if self.run.cancelled.is_set():
                raise QueryCancelled
            descriptors: list[int] = []
            try:
                for item in self.plan.inputs:
                    descriptors.append(self._open(item, deadline))  # noqa: PERF401 — those opened before one that fails are closed too
                output = self._combiner.start(
                    Order(self.plan.sql, [item.name for item in self.plan.inputs], descriptors, self.plan.streamed)
                )
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            threads = [
                threading.Thread(target=self._pump, args=(feed,), name=f"read-{feed.item.source}", daemon=True)
                for feed in self._feeds
            ]
            for thread in threads:
                thread.start()
            if not self._feeds:
                self.run.begin("combine")
            self._keep(output, result)
        except (SwapError, pa.ArrowInvalid, OSError) as error:
            raise self._error or _known(error) from None
        finally:
            alarm.cancel()
            self._end(threads)
        if self._error is not None:
            raise self._error
        try:
            result.end(complete=True)
        except OSError as error:
            raise _known(error) from None

    def stop(self, error: SwapError) -> None:
        """End it now, here and at the sources, with this error unless another came first.  From any thread."""
        with self._lock:
            if self._complete or self._error is not None:
                return
            self._error = error
        if self._combiner is not None:
            self._combiner.kill()
        for feed in list(self._feeds):
            feed.reader.cancel()

    def _open(self, item: Input, deadline: Deadline) -> int:
        """Return a descriptor from which the combiner will read this input."""
        if item.fragment is None:
            return self.upload(item.upload_id)
        reader = self.connectors[item.source].read(
            item.fragment, self._on_behalf(item.source), deadline, lambda told: self._tell(item, told)
        )
        ours, theirs = os.pipe()
        self._feeds.append(_Feed(item, reader, theirs))
        return ours

    def _on_behalf(self, source: str) -> OnBehalf:
        principal = self.run.principal
        fragments = [item.fragment for item in self.plan.inputs if item.source == source and item.fragment]
        return OnBehalf(
            principal.id, principal.name, principal.groups, frozenset((each.schema, each.table) for each in fragments)
        )

    def _keep(self, output: object, result: ResultFile) -> None:
        """Move what the combiner writes into the spool."""
        assert self._combiner is not None
        rows = 0
        reader = None
        with contextlib.suppress(pa.ArrowInvalid):
            reader = pa.ipc.open_stream(output)
        if reader is not None:
            result.begin(reader.schema)
            self.run.touch()
            for batch in reader:
                self.run.begin("combine")
                result.append(batch)
                rows += batch.num_rows
                self.run.touch()
        told = self._combiner.outcome()
        if reader is None or told != rows:
            raise SwapError(Problem("The result is not complete.", todo="Run the query again."))
        with self._lock:
            if self._error is not None:
                raise self._error
            self._complete = True

    def _pump(self, feed: _Feed) -> None:
        """Move one source's batches into its pipe."""
        source = feed.item.source
        schema = pa.schema([pa.field(column.name, column.type) for column in feed.item.columns])
        pipe = os.fdopen(feed.pipe, "wb")
        try:
            self.run.begin(f"run:{source}")
            writer = pa.ipc.new_stream(pipe, schema)
            pipe.flush()
            for batch in feed.reader:
                self._count(feed, batch)
                writer.write_batch(_as(batch, schema))
                pipe.flush()
            writer.close()
            pipe.close()
        except BrokenPipeError:
            pass  # the combiner has what it needs, or is gone; whoever ended it knows why
        except SwapError as error:
            self.stop(error)
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
            with contextlib.suppress(OSError):
                pipe.close()
            feed.reader.close()

    def _tell(self, item: Input, progress: Progress) -> None:
        """Show how far a source is: with several fragments, as far as with the slowest."""
        if item.fragment is None or item.fragment.scattered:
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

    def _count(self, feed: _Feed, batch: pa.RecordBatch) -> None:
        source = feed.item.source
        with self._lock:
            feed.rows += batch.num_rows
            self._arrow_bytes += batch.nbytes
            over = self._arrow_bytes > self.limits.source_bytes
            first = not feed.begun and batch.num_rows > 0
            feed.begun = feed.begun or first
            read = (0 if _is_scattered(feed) else feed.reader.stats.bytes) or feed.counted_bytes + batch.nbytes
            more, feed.counted_bytes = read - feed.counted_bytes, read
            quiet = all(other.begun or other.ended for other in self._feeds if other.item.source == source)
        if first:
            if quiet:
                self._ran(feed)
            self.run.begin(f"fetch:{source}")
        self.run.fetched(source, batch.num_rows, more)
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
        if all_ended:
            self.run.begin("combine")

    def _end(self, threads: list[threading.Thread]) -> None:
        """Leave nothing behind: processes, descriptors, statements at sources, threads."""
        if self._combiner is not None:
            self._combiner.close()
        for feed in self._feeds:
            feed.reader.cancel()
        if not threads:
            for feed in self._feeds:
                feed.reader.close()
                os.close(feed.pipe)
        for thread in threads:
            thread.join(timeout=10.0)


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch with exactly the columns that were asked for."""
    if batch.schema.equals(schema):
        return batch
    arrays = [
        batch.column(field.name)
        if batch.column(field.name).type == field.type
        else batch.column(field.name).cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _is_scattered(feed: _Feed) -> bool:
    """Tell whether what was read on the way to the rows, such as files, is not told; nor is any progress."""
    return feed.item.fragment is not None and feed.item.fragment.scattered


def _done(feed: _Feed) -> str:
    if _is_scattered(feed):
        return ""
    stats = feed.reader.stats
    return f"{stats.files:,} file{'s' if stats.files != 1 else ''}" if stats.files else ""


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
