"""A query's result in the notebook: its first page at once, its rows when they are asked for.

Rows stay at the gateway until they are wanted; pyarrow, pandas, polars and altair are imported only then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swap.client import follow, screen, show, text, transport
from swap.client.habits import Column, Habits, listed
from swap.client.show import Bundle
from swap.client.transport import Gateway
from swap.errors import Invalid, NotFound, Problem, QueryCancelled, SwapError, from_json

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from swap.client import stream

PAGE_ROWS = 10
PAGE_MOST = 1000
AT_ONCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows as text, as they are to be read; None is null."""

    heads: tuple[dict[str, Any], ...]
    rows: tuple[tuple[str | None, ...], ...]
    offset: int
    total: int

    def __repr__(self) -> str:
        return f"{text.table(self.heads, self.rows, first=self.offset + 1)}\n\n{self._range()}"

    def _repr_html_(self) -> str:
        return f"<div>{show.page_html(self.heads, self.rows, self.offset + 1)}<small>{self._range()}</small></div>"

    def _range(self) -> str:
        return (
            f"{self.offset + 1:,}–{self.offset + len(self.rows):,} of {self.total:,}"
            if self.rows
            else f"No rows of {self.total:,}"
        )


class Result(Habits):
    """The answer to one query: a table to look at, and its rows to work with."""

    def __init__(
        self,
        gateway: Gateway,
        query_id: str,
        statement: str,
        name: str | None,
        place: screen.Screen,
        accepted: dict[str, Any],
    ) -> None:
        self.id = query_id
        """The query's id at the gateway."""
        self.statement = statement
        """The SQL as it was sent."""
        self.name = name
        """What the result is called where it is shown."""
        self._place: screen.Screen | None = place
        self._own_gateway: Gateway | None = gateway
        self._known: follow.State = accepted["state"]
        self._page: dict[str, Any] | None = accepted["page"]
        self._arrow: str | None = accepted["arrow"]
        self._came = time.monotonic()

    @property
    def _gateway(self) -> Gateway:
        # A result that was kept in a file may be looked at where no gateway is.
        if self._own_gateway is None:
            self._own_gateway = transport.default()
        return self._own_gateway

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept of it in a file: which query it is and its first page, not its rows."""
        return {**self.__dict__, "_own_gateway": None, "_place": None, "_arrow": None}

    # ── How it stands ───────────────────────────────────────────────────────────────────────────
    @property
    def state(self) -> str:
        """Where the query stands: `waiting`, `running`, `done`, `failed` or `cancelled`."""
        return str(self._look()["state"])

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; waits until they are known."""
        known = self._look().get("columns")
        if known is None:
            runs = follow.follow(self._gateway, self.id)
            known = next((state["columns"] for state in runs if state.get("columns") is not None), None)
        return tuple(Column(each["name"], each["type"]) for each in known or self._finished()["columns"])

    @property
    def rows(self) -> int:
        """How many rows there are; waits for the query's end."""
        return int(self._finished()["rows"])

    def __len__(self) -> int:
        return self.rows

    @property
    def seconds(self) -> float:
        """How long the query took, or has been running."""
        return float(self._look()["elapsed"])

    @property
    def notices(self) -> tuple[str, ...]:
        """What SWAP says about the result, such as columns that `SELECT *` left out."""
        return tuple(self._look().get("notices") or ())

    def wait(self) -> Result:
        """Wait for the end and return this result.  Raises why the query failed."""
        self._finished()
        return self

    def cancel(self) -> str:
        """Stop the query at its sources and return its state; one that has ended stays as it is."""
        with follow.gone(self.id):
            self._gateway.call("DELETE", f"/v1/queries/{self.id}")
        for state in follow.follow(self._gateway, self.id):
            self._known = state
        return self.state

    # ── Its rows ────────────────────────────────────────────────────────────────────────────────
    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow record batches, as soon as they are there.

        Follows a query that still runs, and goes on after a lost connection: no row is missing or comes twice.
        """
        yield from self._stream()

    def to_arrow(self) -> pa.Table:
        """Return all rows as a pyarrow table, with the types they have in the gateway."""
        return self._stream().table()

    def to_pandas(self, *, exact: bool = False) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame, each column with the type that analysts work with.

        No value changes.  With `exact`, decimals, dates, times and what is nested keep the types they have in Arrow.
        """
        from swap.client import frames  # noqa: PLC0415 — as for the stream

        return frames.to_pandas(self.to_arrow(), exact=exact)

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a polars DataFrame."""
        from swap.client import frames  # noqa: PLC0415 — as for the stream

        return frames.to_polars(self.to_arrow())

    def page(
        self, offset: int = 0, limit: int = PAGE_ROWS, *, sort: str | None = None, descending: bool = False
    ) -> Page:
        """Return some rows as text, sorted by a column if one is named; at most 1,000 at a time."""
        if not isinstance(offset, int) or offset < 0:
            raise Invalid(Problem(f"offset={offset!r} is no place to begin.", todo="Count from 0: page(offset=0)."))
        if not isinstance(limit, int) or not 1 <= limit <= PAGE_MOST:
            raise Invalid(
                Problem(
                    f"limit={limit!r} is no number of rows for a page.",
                    why=f"A page has from 1 to {PAGE_MOST:,}.",
                    todo="For more use to_pandas(), to_polars() or batches().",
                )
            )
        if sort is not None and sort not in self.columns:
            raise Invalid(
                Problem(f"There is no column {sort} in this result.", todo=f"Its columns are {listed(self.columns)}.")
            )
        page = self._ask_page(offset, limit, sort, descending=descending)
        return Page(tuple(page["columns"]), tuple(tuple(row) for row in page["rows"]), page["offset"], page["total"])

    def chart(
        self,
        kind: str | None = None,
        x: str | None = None,
        y: str | None = None,
        color: str | None = None,
        top: int | None = None,
    ) -> alt.Chart | alt.LayerChart:
        """Return an Altair chart with its data in it: `bar`, `line`, `area` or `point`.

        What is not named is chosen, as the Chart button does.  Rows that agree in everything but the measured
        column are added up, and the axis says so; of many bars, the largest `top` are drawn.
        """
        from swap.client import chart  # noqa: PLC0415 — Altair is loaded with the first chart

        table, heads = self.to_arrow(), self._first_page()["columns"]
        return chart.draw(table, heads, kind, x=x, y=y, color=color, top=top, name=self.name)

    # ── How it looks ────────────────────────────────────────────────────────────────────────────
    def __repr__(self) -> str:
        state = self._look()
        if state["state"] not in follow.ENDED:
            return show.progress_text(state)
        if state["state"] != "done":
            return f"{self.name or 'Result'}: {state['headline'].lower()}. {_why(state)}".strip()
        try:
            return show.result_text(state, self._first_page(), self.name)
        except NotFound as gone:
            return f"{show.summary(state, None, self.name)}\n{gone}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:  # noqa: ARG002 — IPython's signature
        return self._bundle()

    def show(self) -> None:
        """Show the table, in the output of the cell that ran the query if that still runs."""
        if screen.kernel_shell() is None:
            print(self)  # noqa: T201 — a console
        else:
            self._ipython_display_()

    def _ipython_display_(self) -> None:
        shell = screen.kernel_shell()
        if shell is None:
            raise NotImplementedError  # a terminal prints the text itself
        place, self._place = self._place, None
        bundle = self._bundle()
        # The cell that ran the query already has an output for it, which now becomes the table: not a second one.
        if place is None or not place.replace(bundle):
            shell.display_pub.publish(data=bundle, metadata={})

    def _bundle(self) -> Bundle:
        state = self._look()
        if state["state"] not in follow.ENDED:
            return show.progress(state, self.name)
        if state["state"] != "done":
            return show.error(_failure(state), self.id, self.statement)
        try:
            variable = screen.variable_of(self, self.name)
            return show.result(state, self._first_page(), self.name, os.environ.get("SWAP_HOME_URL", ""), variable)
        except NotFound:
            return {"text/plain": repr(self)}
        except SwapError as error:
            return show.error(error, self.id, self.statement)

    # ── What it knows ───────────────────────────────────────────────────────────────────────────
    def run_to_end(self) -> None:
        """Show progress until the end; an interrupt stops the query.  Raises why it failed."""
        assert self._place is not None
        try:
            if self._known["state"] not in follow.ENDED:
                self._place.progress(self._known, self.name)
                for state in follow.follow(self._gateway, self.id):
                    self._known = state
                    if state["state"] not in follow.ENDED:
                        self._place.progress(state, self.name)
            self._finished()
            self._first_page()
            self._place.end(show.summary(self._known, self._page, self.name))
        except KeyboardInterrupt:
            raise follow.stop(self._gateway, self.id) from None

    def _look(self) -> follow.State:
        if self._known.get("state") not in follow.ENDED:
            self._known = follow.state_of(self._gateway, self.id)
        return self._known

    def _finished(self) -> follow.State:
        """Return the state of a query that is done, waiting for it.  Raises why it is not."""
        if self._known.get("state") not in follow.ENDED:
            for state in follow.follow(self._gateway, self.id):
                self._known = state
        if self._known["state"] != "done":
            raise _failure(self._known)
        return self._known

    def _stream(self) -> stream.Stream:
        from swap.client import stream  # noqa: PLC0415 — pyarrow is loaded when rows are asked for

        # Rows that came with the answer are for who wants them at once: whether a later reading is allowed, SWAP says.
        arrow, self._arrow = self._arrow, None
        return stream.Stream(
            self._gateway,
            self.id,
            self._finished,
            lambda: self._ask_page(0, 1, None, descending=False),
            arrow if time.monotonic() - self._came < AT_ONCE_SECONDS else None,
        )

    def _first_page(self) -> dict[str, Any]:
        if self._page is None:
            self._page = self._ask_page(0, PAGE_ROWS, None, descending=False)
        return self._page

    def _ask_page(self, offset: int, limit: int, sort: str | None, *, descending: bool) -> dict[str, Any]:
        query = {
            "offset": offset,
            "limit": limit,
            "descending": str(descending).lower(),
            **({"sort": sort} if sort is not None else {}),
        }
        with follow.gone(self.id, _moment(self._known.get("expires_at"))):
            return self._gateway.call("GET", f"/v1/queries/{self.id}/page", query=query)


def _failure(state: follow.State) -> SwapError:
    if state.get("error"):
        return from_json(state["error"])
    if state["state"] == "cancelled":
        return QueryCancelled(Problem("Cancelled"))
    return SwapError(
        Problem("The query failed, and SWAP does not say why.", todo=f"Tell whoever runs SWAP: query {state['id']}.")
    )


def _why(state: follow.State) -> str:
    return str(_failure(state))


def _moment(value: str | None) -> str:
    """Return a moment as people read it: 2026-11-24 12:41 UTC."""
    return value[:16].replace("T", " ") + " UTC" if value else ""
