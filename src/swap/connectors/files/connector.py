"""Directories of Parquet as a source.  Reading happens in a child process that is killed to cancel.

The parent opens no data file.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from swap.connectors.base import (
    Capabilities,
    Dataset,
    Deadline,
    Fragment,
    Native,
    OnBehalf,
    Progress,
    ReadStats,
    Sent,
    Server,
    unheard,
)
from swap.connectors.filters import COMPARISONS
from swap.connectors.messages import DATASETS, decode_dataset, encode_fragment
from swap.connectors.process import END, MODULES, PROGRAM, Asked, Readers, unavailable
from swap.connectors.standing import Standing
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed
from swap.forking import shared, warded
from swap.settings import FilesSource
from swap.walls.errands import READERS, Errands

_PLACE = MODULES.index("swap.connectors.files.reader")
_HARVEST_SECONDS = 600.0
Opened = Callable[[], AbstractContextManager[tuple[str | None, tuple[int, ...]]]]
"""Gives the root's path, or without one a handle on it."""


class FilesConnector:
    """One directory of schemas of tables of Parquet files."""

    def __init__(self, name: str, source: FilesSource, errands: Errands | None = None) -> None:
        """Open nothing; with a warden to do errands, its reader processes are in a cell and are handed the root."""
        self.name = name
        self.capabilities = Capabilities(comparisons=COMPARISONS, limit=True)
        self._root = source.root
        self._errands = errands
        self._readers = (
            Readers(name, shared(PROGRAM), _PLACE) if errands is None else Readers(name, warded(errands, READERS), 0)
        )

    def check(self) -> Standing:
        """Look whether the root is there, and get a reader process ready."""
        try:
            if self._errands is None:
                next(self._root.iterdir(), None)
            else:
                os.close(self._errands.root(self.name))
        except OSError as error:
            raise unavailable(self.name, f"Its directory cannot be read: {error.strerror}.") from None
        self._readers.prepare()
        return Standing()

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table, described by its newest files and its `_table.toml`, as the reader process finds them."""
        self.check()
        asked = self._readers.ask(Deadline(time.monotonic() + _HARVEST_SECONDS), self._failed)
        try:
            with self._opened() as (root, handle):
                for told in asked.follow({"root": root}, *handle):
                    if DATASETS in told:
                        yield [decode_dataset(each) for each in told[DATASETS]]
        except QueryTimedOut:
            raise unavailable(
                self.name, f"Looking through its directories took longer than {_HARVEST_SECONDS:g} s."
            ) from None

    def servers(self) -> Sequence[Server]:
        """Return nothing: there is one, of which nothing else is known."""
        return ()

    def server_of(self, schema: str) -> str:  # noqa: ARG002 — it holds all
        """Return no name: there is one."""
        return ""

    def read(
        self,
        fragment: Fragment | Native,
        on_behalf: OnBehalf,  # noqa: ARG002 — files are read as the gateway
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,  # noqa: ARG002 — its first rows come at once
    ) -> FilesReader:
        """Start a fragment."""
        assert isinstance(fragment, Fragment), "files have no dialect"
        return FilesReader(self._opened, fragment, self._readers.ask(deadline, self._failed))

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:  # noqa: ARG002 — its readers tell of none
        """Find nothing: what its readers began ends with them."""
        return False

    def close(self) -> None:
        """End all reader processes."""
        self._readers.close()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[str | None, tuple[int, ...]]]:
        """Yield the root's path, or without one a handle on it.  Raises SourceFailed."""
        if self._errands is None:
            yield str(self._root), ()
            return
        try:
            handle = self._errands.root(self.name)
        except OSError as error:
            raise self._failed(f"the root cannot be read: {os.strerror(error.errno or 0)}") from None
        try:
            yield None, (handle,)
        finally:
            os.close(handle)

    def _failed(self, told: str) -> SourceFailed:
        return SourceFailed(
            Problem(
                f"{self.name} answered with an error.",
                f"{told[0].upper()}{told[1:]}.",
                "Show this to the source's owner; partitions without the file can still be asked.",
                source=self.name,
            )
        )


class FilesReader:
    """One fragment, answered by one child process."""

    def __init__(self, opened: Opened, fragment: Fragment, asked: Asked) -> None:
        self.stats = ReadStats(statement=_described(fragment))
        self._opened = opened
        self._fragment = fragment
        self._asked = asked

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        return self._asked.pid

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Let the child write the fragment's rows."""
        rows: int | None = None
        with self._opened() as (root, handle):
            request = {"root": root, "fragment": encode_fragment(self._fragment), "names": list(names)}
            for told in self._asked.follow(request, sink, *handle):
                if END in told:
                    rows = told[END]
                else:
                    self.stats.rows, self.stats.bytes, self.stats.files = told["rows"], told["at"], told["files"]
                    self.stats.detail = {name: told[name] for name in ("files_to_read", "row_groups", "read_bytes")}
                    heard(Sent(told["rows"], told["at"]))
        return rows

    def cancel(self) -> None:
        """Kill the reader process; `send` then raises QueryCancelled."""
        self._asked.stop(QueryCancelled())

    def close(self) -> None:
        """Give the reader process back when it has answered wholly, else end it."""
        self._asked.close()


def _described(fragment: Fragment) -> str:
    """Return the request in words, for the audit: no value of it is run as text anywhere."""
    wanted = ", ".join(column.name for column in fragment.columns) or "nothing"
    where = " and ".join(f"{each.column} {each.comparison} {each.value!r}" for each in fragment.predicates)
    limit = "" if fragment.limit is None else f" limit {fragment.limit}"
    return f"read {wanted} of {fragment.schema}/{fragment.table}" + (f" where {where}" if where else "") + limit
