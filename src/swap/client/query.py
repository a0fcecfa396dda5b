"""Ask: one SQL statement over every source this person may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swap.client import values
from swap.client.follow import Output, execution, raise_for, until_end
from swap.client.gateway import Gateway, here
from swap.client.result import Result
from swap.errors import SwapError


def sql(
    statement: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, Any] | None = None, *,
    name: str | None = None, show: bool = True, wait: bool = True,
) -> Result:
    """Run one SELECT and return its result, shown in the cell once it is there.

    `params` fill `:name` places as values, never as text.  `tables` are DataFrames or Arrow tables of
    one's own, used in the statement by their key.  `show=False` shows nothing; `wait=False` returns at
    once, and `result.batches()` then follows the rows as they come.  Raises QueryRefused, UnknownName,
    Forbidden, SourceUnavailable, LimitExceeded, QueryTimedOut, QueryCancelled.
    """
    return ask(here(), statement, params, tables, name=name, show=show, wait=wait)


def ask(
    gateway: Gateway, statement: str, params: Mapping[str, Any] | None, tables: Mapping[str, Any] | None, *,
    name: str | None, show: bool, wait: bool,
) -> Result:
    """`sql`, on a given gateway."""
    output = Output(name, visible=show)
    query_id = None
    try:
        uploads = {key: _upload(gateway, key, table) for key, table in (tables or {}).items()}
        body = {"statement": statement, "params": values.encode_params(params or {}), "tables": uploads}
        query_id = gateway.json("POST", "/v1/queries", json=body)["id"]
        state = gateway.json("GET", f"/v1/queries/{query_id}")
        if not wait:
            return Result(gateway, state, name)
        state = until_end(gateway, state, output.progress)
        raise_for(state)
        result = Result(gateway, state, name)
        if show and output.end(result.bundle()):
            result.shown_in = execution()
    except SwapError as error:
        output.fail(error, query_id, statement)
        raise
    return result


def _upload(gateway: Gateway, name: str, table: Any) -> str:
    stream = values.as_stream(values.to_arrow(name, table))
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    return str(gateway.json("POST", "/v1/uploads", content=stream, headers=headers)["id"])
