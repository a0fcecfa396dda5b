"""The answer to a query: a page to look at at once, all rows when asked for.

Rows stay in SWAP's spool until something asks for them.  A stream that breaks goes on at the batch
it broke at, so a dropped connection neither loses nor repeats a row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow as pa

from swap.client import charts, follow, page
from swap.client.gateway import Gateway
from swap.errors import NotFound, Problem, SwapError, Unavailable

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

MIME = "application/vnd.swap.result+json"
PAGE_ROWS = 10
TRIES = 5


class Result:
    """What one query returned.  Iterate it for Arrow record batches, or take it whole with `to_…`.

    `columns` are the columns' names, `rows` their number; `state` is the run as the gateway tells it.
    """

    def __init__(self, gateway: Gateway, state: dict[str, Any], name: str | None = None) -> None:
        self._gateway = gateway
        self._state = state
        self._bundle: dict[str, Any] | None = None
        self._table: pa.Table | None = None
        self.name = name
        self.shown_in: int | None = None

    @property
    def id(self) -> str:
        """The query's id, as the portal and the audit know it."""
        return str(self._state["id"])

    @property
    def state(self) -> dict[str, Any]:
        """The run's state, asked for when it has not ended."""
        if self._state["state"] in follow.GOING_ON:
            self._state = self._gateway.json("GET", f"/v1/queries/{self.id}")
        return self._state

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""
        return [column["name"] for column in self.wait()._state["columns"] or ()]  # noqa: SLF001 - our own

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.wait()._state["rows"])  # noqa: SLF001 - our own

    def __len__(self) -> int:
        return self.rows

    def wait(self) -> Result:
        """Wait until the query has ended.  Raises its error; an interrupt cancels it at the source."""
        if self._state["state"] in follow.GOING_ON:
            self._state = follow.until_end(self._gateway, self._state, lambda _state: None)
        follow.raise_for(self._state)
        return self

    def cancel(self) -> None:
        """Stop the query at the source.  Does nothing when it has ended."""
        self._state = self._gateway.json("DELETE", f"/v1/queries/{self.id}")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow record batches, following a query that still runs.

        Raises the query's error where it broke off, NotFound when the result is no longer kept.
        """
        if self._table is not None:
            yield from self._table.to_batches()
            return
        yield from self._stream()

    __iter__ = batches

    def _stream(self) -> Iterator[pa.RecordBatch]:
        read, failures = 0, 0
        while True:
            try:
                with self._gateway.stream(f"/v1/queries/{self.id}/result", params={"batch": read}, timeout=httpx.Timeout(60.0)) as response:
                    reader = pa.ipc.open_stream(_Body(response))
                    for batch in reader:
                        read, failures = read + 1, 0
                        yield batch
                if self._ended_well():
                    return
            except (httpx.TransportError, pa.ArrowInvalid, OSError, Unavailable) as error:
                # An ended query that failed also breaks the stream; its own error says more.
                self._raise_own_error()
                failures += 1
                if failures >= TRIES:
                    raise Unavailable(Problem(
                        "The connection to SWAP broke while rows were read.", why=f"{TRIES} tries in a row failed ({type(error).__name__}).",
                        todo=f"The query has not been lost: ask again for its rows. It is {self.id}.",
                    )) from error
                time.sleep(0.2 * failures)
            except NotFound as error:
                raise self._gone() from error

    def _ended_well(self) -> bool:
        state = self.state
        follow.raise_for(state)
        return bool(state["state"] == "done")

    def _raise_own_error(self) -> None:
        try:
            follow.raise_for(self.state)
        except (Unavailable, NotFound):
            return

    def _gone(self) -> SwapError:
        return NotFound(Problem(
            f"The rows of {self.name or 'this result'} are no longer kept.", why=f"SWAP kept them until {self._state.get('expires_at') or 'now'}.",
            todo="Run the cell again.",
        ))

    def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table, kept for the next call."""
        if self._table is None:
            batches = list(self._stream())
            self._table = pa.Table.from_batches(batches) if batches else self._empty()
        return self._table

    def _empty(self) -> pa.Table:
        with self._gateway.stream(f"/v1/queries/{self.id}/result") as response:
            return pa.ipc.open_stream(_Body(response)).schema.empty_table()

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame that loses nothing.

        Integers with nulls become Int64 and the like, text pandas' own string type, decimals
        `decimal.Decimal`; moments keep their zone and microseconds.
        """
        import pandas as pd  # noqa: PLC0415 - half a second that only this call should cost

        nullable = {
            pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        table = self.to_arrow()
        with_nulls = {table.schema.field(i).type for i in range(table.num_columns) if table.column(i).null_count}
        return table.to_pandas(types_mapper=lambda type_: nullable.get(type_) if type_ in with_nulls else None)

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a polars DataFrame."""
        import polars as pl  # noqa: PLC0415 - as above

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def page(self, offset: int = 0, limit: int = PAGE_ROWS, sort: str | None = None, *, descending: bool = False) -> dict[str, Any]:
        """Return some rows as text: {"columns", "rows", "offset", "total"} (docs/reference/cell-formats.md)."""
        self.wait()
        params: dict[str, Any] = {"offset": offset, "limit": limit, "descending": str(descending).lower()}
        if sort is not None:
            params["sort"] = sort
        try:
            return self._gateway.json("GET", f"/v1/queries/{self.id}/page", params=params)
        except NotFound as error:
            raise self._gone() from error

    def chart(self, kind: str = "bar", *, x: str, y: str, color: str | None = None, top: int | None = None) -> Any:
        """Return an Altair chart of the rows: kind `bar`, `line`, `area` or `point`; `top` keeps the largest.

        Raises Invalid naming the kind or column that is not there.
        """
        return charts.chart(self.to_arrow(), self.name, kind, x=x, y=y, color=color, top=top)

    def bundle(self) -> dict[str, Any]:
        """Return the result as its cell shows it: our MIME type, HTML and text of the same first page."""
        if self._bundle is None:
            first = self.page()
            state = self._state
            content = {
                "version": 1, "id": self.id, "name": self.name, "rows": state["rows"], "seconds": state["elapsed"],
                "source_bytes": sum(state["source_bytes"].values()), "bytes": state["bytes"], "summary": state["summary"],
                "stages": state["stages"], "notices": state["notices"], "home": follow.home_url(),
                "columns": first["columns"], "page": {"offset": 0, "rows": first["rows"]},
            }
            self._bundle = {MIME: content, "text/html": page.html(content), "text/plain": page.plain(content)}
        return self._bundle

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return self.bundle()

    def _ipython_display_(self) -> None:
        # The cell that ran the query has shown it already, in the place of its progress.
        if not follow.shown_here(self.shown_in):
            follow.show(self.bundle())

    def __repr__(self) -> str:
        if self._state["state"] != "done":
            return f"<swap.Result {self.id}: {self._state['state']}>"
        return str(self.bundle()["text/plain"])


class _Body:
    """A streaming response as a file that pyarrow reads."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.iter_bytes()
        self._rest = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer at the end of the body."""
        parts, missing = [], size
        while missing:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    break
            part = self._rest if size < 0 else self._rest[:missing]
            self._rest = self._rest[len(part):]
            parts.append(part)
            missing -= len(part) if size >= 0 else 0
        return b"".join(parts)

    def close(self) -> None:
        """Nothing to release: the response is its opener's."""
        self.closed = True
