"""`swap.sql`: send one statement, show what happens, return its result."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swap.client import advice, failures, follow, presence, screen, show, transport
from swap.client import params as parameters
from swap.client.result import PAGE_ROWS, Result
from swap.client.transport import Gateway
from swap.errors import Invalid, Problem, SwapError

UPLOAD_MEMORY_BYTES = 32_000_000
"""Larger tables wait on disk while they are sent."""
UPLOAD_SECONDS = 600.0
SMALL_BYTES = 65_536
"""Of rows that come with the answer to their statement."""
_PARAMS_FORM = 'swap.sql("… WHERE wiki = :wiki", {"wiki": "dewiki"})'
_TABLES_FORM = 'swap.sql("… FROM mine", tables={"mine": df})'
ARROW = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True, slots=True)
class Told:
    """What an error's cell needs to show it."""

    place: screen.Screen
    statement: str
    query_id: str | None


_told: weakref.WeakKeyDictionary[SwapError, Told] = weakref.WeakKeyDictionary()


def sql(
    sql: str,
    params: Mapping[str, Any] | None = None,
    tables: Mapping[str, Any] | None = None,
    *,
    dialect: str | None = None,
    name: str | None = None,
    wait: bool = True,
    keep: bool = False,
) -> Result:
    """Run one SELECT over all sources and return its result.

    `:name` in the statement takes its value from `params`; `tables` brings your own tables along under the
    names the statement uses: pandas, polars, pyarrow, or another result.  With `dialect="hive"`, `"mysql"` or
    `"spark"` the statement is about one source, in its own SQL.  `name` is what the result is called where it is
    shown.  With `wait=False` the result comes at once and its rows follow as they arrive.
    A query ends a minute after its kernel, unless it is to `keep` on.
    Raises the classes of swap.errors; an interrupt cancels the query at its sources.
    """
    if name is not None and not isinstance(name, str):
        raise Invalid(Problem("name is what the result is called: text.", todo='Write swap.sql(…, name="pages").'))
    gateway = transport.default()
    place = screen.current()
    query_id = None
    try:
        body = {
            "statement": _text(sql),
            "params": parameters.encode(_named(params, "Parameters", _PARAMS_FORM)),
            "tables": {
                own: upload(gateway, own, data) for own, data in _named(tables, "Tables of yours", _TABLES_FORM).items()
            },
            **({"dialect": _dialect(dialect)} if dialect is not None else {}),
            **({} if keep else {"program": follow.PROGRAM}),
            # What is quick is answered at once, with what its cell shows, and with its rows if they are few.
            **({"wait": follow.QUIET_SECONDS, "rows": PAGE_ROWS, "arrow": SMALL_BYTES} if wait else {}),
        }
        with follow.held_interrupt():
            accepted = gateway.call("POST", "/v1/queries", body)
            query_id = str(accepted["id"])
        result = Result(gateway, query_id, sql, name, place, accepted)
        if wait:
            result.run_to_end()
        elif not keep:
            presence.stay(gateway, query_id)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, SwapError):
            _remember(interrupt, place, sql, query_id)
            raise
        stopped = (
            follow.stop(gateway, query_id)
            if query_id
            else failures.Interrupted(Problem("Cancelled: by you", why="Nothing was run."))
        )
        _remember(stopped, place, sql, query_id)
        raise stopped from None
    except SwapError as error:
        told = advice.of_this_notebook(error, sql, params, tables)
        _remember(told, place, sql, query_id)
        raise told from None
    return result


def told(error: SwapError) -> Told | None:
    """Return where an error belongs, if it came from a query of this process."""
    return _told.get(error)


def _remember(error: SwapError, place: screen.Screen, statement: str, query_id: str | None) -> None:
    _told[error] = Told(place, statement, query_id)
    place.fail(show.error_text(error).partition("\n")[0])


def _text(statement: Any) -> str:
    if not isinstance(statement, str):
        raise Invalid(
            Problem(
                f"The statement is a {type(statement).__name__}, not text.",
                why="Nothing was run.",
                todo='Write swap.sql("SELECT …").',
            )
        )
    return statement


def _dialect(dialect: Any) -> str:
    if not isinstance(dialect, str) or not dialect:
        raise Invalid(Problem("dialect is a source's own SQL: text.", todo='Write swap.sql(…, dialect="mysql").'))
    return dialect


def _named(values: Any, what: str, form: str) -> Mapping[str, Any]:
    """Return what a statement's names stand for.  Raises Invalid for values without names."""
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise Invalid(Problem(f"{what} have names.", why="Nothing was run.", todo=f"Write {form}."))
    return values


def upload(gateway: Gateway, name: str, data: Any) -> str:
    """Send one of the person's own tables and return its id."""
    from swap.client import own_tables  # noqa: PLC0415 — pyarrow is loaded when there is a table to send

    if isinstance(data, Result):
        data = data.to_arrow()
    with tempfile.SpooledTemporaryFile(max_size=UPLOAD_MEMORY_BYTES) as file:
        own_tables.write_arrow(name, data, file)
        size = file.tell()
        file.seek(0)
        headers = {"Content-Type": ARROW, "Content-Length": str(size)}
        with gateway.open("POST", "/v1/uploads", file, seconds=UPLOAD_SECONDS, headers=headers) as answer:
            return str(transport.read_json(answer)["id"])
