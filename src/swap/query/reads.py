"""What kernels read, as the gateway writes it down while it plans their queries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.tables import kernel_read
from swap.identity import Principal
from swap.query import lineage
from swap.query.model import OwnTable, Plan, Reference, Statement

Mark = tuple[str, str, bytes]
"""A person, a kernel of theirs, and the digest of what it has read."""
MARKS = 20_000
"""Of what is recorded already, as one gateway remembers it."""

_RECORD = lineage.later(
    upsert(kernel_read)
    .values({name: bindparam(name) for name in ("person_id", "kernel_id", "lineage", "last_at")})
    .add_cte(lineage.KEEP.values(digest=bindparam("lineage"), columns=bindparam("columns")).cte("kept"))
)


class Reads:
    """What kernels read, written down by one gateway: once an hour for each set of columns."""

    def __init__(self) -> None:
        self._marks: OrderedDict[Mark, datetime] = OrderedDict()

    def record(
        self,
        conn: Connection,
        principal: Principal,
        statement: Statement,
        plan: Plan,
        references: Sequence[Reference],
        now: datetime,
    ) -> Mark | None:
        """Record what the kernel of a statement reads, and that it is handed tables of other kernels.

        Returns what to `remember` once that is committed; None if nothing was new.
        """
        brought = {each.table.kernel_id for each in references if isinstance(each.table, OwnTable)}
        for giver in brought - {statement.kernel_id}:
            lineage.hand_on(conn, principal.id, giver, statement.kernel_id, now)
        mark = principal.id, statement.kernel_id, lineage.digest(plan.reads)
        if (was := self._marks.get(mark)) is not None and now - was < lineage.AGAIN:
            return None
        values = {"person_id": mark[0], "kernel_id": mark[1], "lineage": mark[2], "last_at": now}
        conn.execute(_RECORD, values | {"columns": lineage.encode(plan.reads)})
        return mark

    def remember(self, mark: Mark | None, now: datetime) -> None:
        """Take for recorded what was committed."""
        if mark is None:
            return
        self._marks[mark] = now
        while len(self._marks) > MARKS:
            self._marks.popitem(last=False)
