"""Directories of Parquet as a source.  Reading happens in a child process that is killed to cancel.

The parent opens no data file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from swap.connectors.base import (
    Capabilities,
    Dataset,
    Deadline,
    Fragment,
    OnBehalf,
    Progress,
    ReadStats,
    Sent,
    unheard,
)
from swap.connectors.files_request import Request, SoFar, encode_request
from swap.connectors.filters import COMPARISONS
from swap.connectors.messages import DATASET, decode_dataset
from swap.connectors.process import END, ERROR, NO_ROOM, Asked, NoProcessError, Readers
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed, SourceUnavailable
from swap.forking import server_of
from swap.settings import FilesSource

_PROGRAM = server_of("swap.connectors.files_reader")
_HARVEST_SECONDS = 600.0


class FilesConnector:
    """One directory of schemas of tables of Parquet files."""

    def __init__(self, name: str, source: FilesSource) -> None:
        self.name = name
        self.capabilities = Capabilities(comparisons=COMPARISONS, limit=True)
        self._root = source.root
        self._readers = Readers(_PROGRAM)
        self._open: set[FilesReader] = set()

    def check(self) -> None:
        """Look whether the root is there, and get a reader process ready."""
        try:
            next(self._root.iterdir(), None)
        except OSError as error:
            raise self._unavailable(f"Its directory cannot be read: {error.strerror}.") from None
        try:
            self._readers.prepare()
        except NoProcessError as error:
            raise self.without_process(error) from None

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table, described by its newest files and its `_table.toml`, as the reader process finds them."""
        self.check()
        reader = FilesReader(self, Request(str(self._root)), Deadline(time.monotonic() + _HARVEST_SECONDS))
        try:
            for told in reader.follow(reader.request):
                if DATASET in told:
                    yield [decode_dataset(told)]
        except QueryTimedOut:
            raise self._unavailable(
                f"Looking through its directories took longer than {_HARVEST_SECONDS:g} s."
            ) from None

    def read(
        self,
        fragment: Fragment,
        on_behalf: OnBehalf,  # noqa: ARG002 — files are read as the gateway
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,  # noqa: ARG002 — its first rows come at once
    ) -> FilesReader:
        """Start a fragment."""
        columns = pa.schema([(column.name, column.type) for column in fragment.columns])
        request = Request(
            str(self._root),
            fragment.schema,
            fragment.table,
            columns,
            fragment.predicates,
            fragment.limit,
            fragment.scattered,
        )
        reader = FilesReader(self, request, deadline)
        self._open.add(reader)
        return reader

    def close(self) -> None:
        """End all reader processes."""
        self._readers.close()
        for reader in tuple(self._open):
            reader.cancel()

    # For its readers

    def ask(self, deadline: Deadline) -> Asked:
        """Return a request to be made of a reader process."""
        return Asked(self._readers, deadline)

    def ended(self, reader: FilesReader) -> None:
        """Forget a read that is over."""
        self._open.discard(reader)

    def without_process(self, error: NoProcessError) -> SourceUnavailable:
        """Return the error for a reader process that could not be started."""
        return self._unavailable(f"Its reader process could not be started: {error}.")

    def _unavailable(self, why: str) -> SourceUnavailable:
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self.name}]."
        return SourceUnavailable(Problem(f"{self.name} does not answer.", why, todo, source=self.name))


class FilesReader:
    """One request, answered by one child process."""

    def __init__(self, connector: FilesConnector, request: Request, deadline: Deadline) -> None:
        self.stats = ReadStats(statement=_described(request))
        self.request = request
        self._connector = connector
        self._asked = connector.ask(deadline)

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        return self._asked.pid

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Let the child write the fragment's rows."""
        rows: int | None = None
        for told in self.follow(replace(self.request, names=tuple(names or self.request.columns.names)), sink):
            if END in told:
                rows = told[END]
            else:
                so_far = SoFar(**told)
                self._note(so_far)
                heard(Sent(so_far.rows, so_far.at))
        return rows

    def follow(self, request: Request, *sinks: int) -> Iterator[dict[str, Any]]:
        """Yield what the child tells.  Raises what `send` does."""
        try:
            for told in self._asked.follow(encode_request(request), sinks):
                if ERROR in told:
                    raise self._failed(told[ERROR])
                if NO_ROOM in told:
                    raise OSError(told[NO_ROOM], os.strerror(told[NO_ROOM]))
                yield told
        except NoProcessError as error:
            raise self._connector.without_process(error) from None
        except EOFError:
            raise self._gone() from None
        finally:
            self._connector.ended(self)

    def cancel(self) -> None:
        """Kill the reader process; `send` then raises QueryCancelled."""
        self._asked.stop(QueryCancelled())

    def close(self) -> None:
        """Give the reader process back when it has answered wholly, else end it."""
        self._asked.close()
        self._connector.ended(self)

    def _note(self, so_far: SoFar) -> None:
        self.stats.rows, self.stats.bytes, self.stats.files = so_far.rows, so_far.at, so_far.files
        self.stats.detail = {
            "files_to_read": so_far.files_to_read,
            "row_groups": so_far.row_groups,
            "read_bytes": so_far.read_bytes,
        }

    def _failed(self, told: str) -> SourceFailed:
        name = self._connector.name
        return SourceFailed(
            Problem(
                f"{name} answered with an error.",
                f"{told[0].upper()}{told[1:]}.",
                "Show this to the source's owner; partitions without the file can still be asked.",
                source=name,
            )
        )

    def _gone(self) -> SourceFailed:
        """Return why the answer ended before it was whole."""
        name, status = self._connector.name, self._asked.status
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return SourceFailed(
            Problem(
                f"{name} stopped answering.",
                f"The reader process is gone: it ended {how}.",
                "Run the query again; if it fails again, tell SWAP's administrator.",
                source=name,
            )
        )


def _described(request: Request) -> str:
    """Return the request in words, for the audit: no value of it is run as text anywhere."""
    if request.columns is None:
        return "harvest"
    wanted = ", ".join(request.columns.names) or "nothing"
    where = " and ".join(f"{each.column} {each.comparison} {each.value!r}" for each in request.predicates)
    limit = "" if request.limit is None else f" limit {request.limit}"
    return f"read {wanted} of {request.schema}/{request.table}" + (f" where {where}" if where else "") + limit
