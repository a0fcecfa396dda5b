"""A result's rows as Arrow record batches, through lost connections: no row is missing, none comes twice."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import IO, Any

import pyarrow as pa

from swap.client import follow
from swap.client.failures import Unreachable
from swap.client.transport import Gateway
from swap.errors import Problem, Unavailable

SILENCE_SECONDS = 60.0
TRIES = 8
"""Tries in a row that bring no new batch of a finished result before it is given up."""


class Stream:
    """Reads one result from its first batch to its last."""

    def __init__(
        self,
        gateway: Gateway,
        query_id: str,
        finished: Callable[[], follow.State],
        still_there: Callable[[], Any],
        arrow: str | None = None,
    ) -> None:
        self._gateway = gateway
        self._query_id = query_id
        self._finished = finished
        self._still_there = still_there
        self._arrow = arrow
        """All rows, as they came with the answer to the statement."""
        self._schema: pa.Schema | None = None
        self._batches = 0
        self._rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        failed = 0
        while True:
            before = self._batches
            yield from self._connection()
            # That a connection ended says nothing; only the finished run knows how many rows there are.
            state = self._finished()
            if self._schema is not None and self._rows == state["rows"]:
                return
            if self._batches == before:
                failed += 1
                with suppress(Unreachable, TimeoutError):
                    self._still_there()
            else:
                failed = 0
            if failed >= TRIES or self._rows > state["rows"]:
                raise Unavailable(
                    Problem(
                        "The result did not arrive whole.",
                        why=f"{self._rows:,} of {state['rows']:,} rows came, in {failed} tries.",
                        todo="Run the cell again.",
                    )
                )
            time.sleep(min(2.0, 0.1 * 2**failed))

    def table(self) -> pa.Table:
        """Return all rows."""
        batches = list(self)
        return pa.Table.from_batches(batches, self._schema)

    def first(self, count: int) -> pa.Table:
        """Return the first rows; what comes after them is not fetched."""
        found: list[pa.RecordBatch] = []
        for batch in self:
            found.append(batch)
            if self._rows >= count:
                break
        return pa.Table.from_batches(found, self._schema).slice(0, count)

    def _connection(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches that one connection brings."""
        arrow, self._arrow = self._arrow, None
        if arrow is not None:
            yield from self._batches_of(io.BytesIO(base64.b64decode(arrow)))
            return
        try:
            with (
                follow.gone(self._query_id),
                self._gateway.open(
                    "GET",
                    f"/v1/queries/{self._query_id}/result",
                    query={"batch": self._batches},
                    seconds=SILENCE_SECONDS,
                ) as answer,
            ):
                yield from self._batches_of(answer)
        except (Unreachable, OSError, HTTPException, pa.ArrowInvalid):
            return

    def _batches_of(self, source: IO[bytes] | HTTPResponse) -> Iterator[pa.RecordBatch]:
        reader = pa.ipc.open_stream(source)
        self._schema = reader.schema
        for batch in reader:
            self._batches += 1
            self._rows += batch.num_rows
            yield batch
