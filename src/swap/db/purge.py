"""Delete rows that are older than a site keeps them, in short pieces that go along an index and wait for nobody.

What somebody holds just now is passed over; it is there at the next purge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, text

from swap.db.notebook_tables import notebook, notice
from swap.db.report_tables import report_call, report_letter
from swap.db.tables import audit_event, jupyter_server, portal_session, query_run, sign_in

PIECE: Final = 1_000
"""Rows of one transaction."""
PIECE_OF_NOTEBOOKS: Final = 1
"""With each go its versions and their parts, thousands of rows."""
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before everything."""


@dataclass(frozen=True, slots=True)
class Aging:
    """A table, and its column, with an index, that says since when a row is over; where that is null it is not."""

    table: Table
    over_at: str
    piece: int = PIECE


ENDED: Final = (
    Aging(query_run, "ended_at"),
    Aging(sign_in, "expires_at"),
    Aging(portal_session, "expires_at"),
    Aging(jupyter_server, "ended_at"),
    Aging(notice, "at"),
    Aging(report_letter, "at"),
    Aging(report_call, "at"),
)
"""What is over some day, and then only tells what was."""
DELETED: Final = Aging(notebook, "deleted_at", PIECE_OF_NOTEBOOKS)
AUDIT: Final = Aging(audit_event, "at")


def statement(aging: Aging) -> str:
    """Return the statement that deletes a piece: of rows over in [after, before), the oldest.

    By their places, which the inner query locks: so it goes along the index whatever the planner believes of the table.
    """
    name, over_at = aging.table.fullname, aging.over_at
    return (
        f"DELETE FROM {name} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {name}"  # noqa: S608 — names of ours
        f" WHERE {over_at} >= :after AND {over_at} < :before ORDER BY {over_at} LIMIT :piece FOR UPDATE SKIP LOCKED))"
        f" RETURNING {over_at}"
    )


def nothing(_conn: Connection, _rows: int) -> None:
    """Record nothing of a piece."""


def purge(
    engine: Engine, aging: Aging, before: datetime, record: Callable[[Connection, int], None] = nothing
) -> Iterator[int]:
    """Delete what was over before a moment; yield the rows of each piece once it is committed.

    `record` is called with these in the transaction of the piece.
    """
    after, piece = _FIRST, text(statement(aging))
    while True:
        with engine.begin() as conn:
            # From where the last piece ended: what it deleted still stands in the index for a while.
            gone = conn.scalars(piece, {"after": after, "before": before, "piece": aging.piece}).all()
            if gone:
                record(conn, len(gone))
        if gone:
            yield len(gone)
        if len(gone) < aging.piece:
            return
        after = max(gone)
