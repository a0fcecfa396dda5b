"""What nobody carries out any more: a gateway that was killed leaves such, and a database that was away meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from swap import audit
from swap.connectors.base import Connector
from swap.errors import Problem, SwapError
from swap.query import store
from swap.query.model import End, RunState
from swap.query.run import told

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Handle:
    """By what a statement can be ended at its source."""

    query_id: str
    source: str
    handle: Mapping[str, Any]


def record(conn: Connection, here: Container[str], why: str, now: datetime) -> tuple[list[str], list[Handle]]:
    """Record that the unfinished queries which are not here have failed; return their ids, and what to end for them."""
    lost: list[str] = []
    handles: list[Handle] = []
    end = End(RunState.FAILED, SwapError(Problem(why, todo="Run it again.")), now, now)
    for row in store.unfinished(conn):
        if row.id not in here:
            if store.ended(conn, row.id, end):
                audit.record(conn, told.lost(row, end))
                lost.append(row.id)
            handles += [Handle(row.id, each["source"], each["handle"]) for each in row.handles]
    return lost, handles


def end(connectors: Mapping[str, Connector], left: Sequence[Handle]) -> None:
    """Begin to end statements at their sources; a source that does not answer keeps nobody waiting."""
    if left:
        threading.Thread(target=_end, args=(connectors, left), daemon=True, name="end what was left").start()


def _end(connectors: Mapping[str, Connector], left: Sequence[Handle]) -> None:
    for each in left:
        if each.source in connectors:
            try:
                if connectors[each.source].end(each.handle, each.query_id):
                    log.warning(
                        "%s still worked on query %s, which nobody read; it was ended", each.source, each.query_id
                    )
            except SwapError as error:
                log.warning("%s: what query %s left could not be ended: %s", each.source, each.query_id, error)
