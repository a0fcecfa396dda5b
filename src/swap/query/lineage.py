"""What each kernel has read: kept when its runs are forgotten, for outputs stay in notebooks for years.

A kernel reads by its queries, and by what another program of the same person hands it through the gateway: a result, a
table that was brought along.  What it is handed otherwise, a file in the home, nobody knows of.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, Text, bindparam, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.tables import kernel_read, lineage
from swap.identity import Principal
from swap.policy.model import Resource
from swap.query import rights
from swap.query.model import OwnTable, Plan, Reference, Statement

Columns = frozenset[Resource]
Mark = tuple[str, str, bytes]
"""A person, a kernel of theirs, and a set of columns that it has read."""

RECENT = timedelta(days=90)
"""How far back everything that somebody read counts, where it is not known which kernel an output is of."""
AGAIN = timedelta(hours=1)
"""After this time it is recorded anew when a kernel has read the same."""
MARKS = 20_000
"""Of what is recorded already, as one gateway remembers it."""

_KEEP = upsert(lineage).on_conflict_do_nothing()


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
            hand_on(conn, principal.id, giver, statement.kernel_id, now)
        mark = principal.id, statement.kernel_id, digest(plan.reads)
        if (was := self._marks.get(mark)) is not None and now - was < AGAIN:
            return None
        kept = _KEEP.values(digest=mark[2], columns=encode(plan.reads)).cte("kept")
        values = {"person_id": mark[0], "kernel_id": mark[1], "lineage": mark[2], "last_at": now}
        conn.execute(_later(upsert(kernel_read).values(**values).add_cte(kept)))
        return mark

    def remember(self, mark: Mark | None, now: datetime) -> None:
        """Take for recorded what was committed."""
        if mark is None:
            return
        self._marks[mark] = now
        while len(self._marks) > MARKS:
            self._marks.popitem(last=False)


def hand_on(conn: Connection, person_id: str, giver: str, taker: str, now: datetime) -> None:
    """Record that a kernel was handed something of another one of the same person: it may hold all that was read there.

    Of a giver that has asked nothing, it may hold all that its person has read lately.
    """
    theirs = kernel_read.alias()
    known = select(literal(1)).where(theirs.c.person_id == person_id, theirs.c.kernel_id == giver).exists()
    wanted = or_(kernel_read.c.kernel_id == giver, ~known & (kernel_read.c.last_at >= now - RECENT - AGAIN))
    given = select(
        kernel_read.c.person_id, cast(literal(taker), String), kernel_read.c.lineage, func.max(kernel_read.c.last_at)
    ).where(kernel_read.c.person_id == person_id, kernel_read.c.kernel_id != taker, wanted)
    given = given.group_by(kernel_read.c.person_id, kernel_read.c.lineage)
    columns = ["person_id", "kernel_id", "lineage", "last_at"]
    conn.execute(_later(upsert(kernel_read).from_select(columns, given)))


def _later(statement: Any) -> Any:
    moments = statement.excluded.last_at, kernel_read.c.last_at
    return statement.on_conflict_do_update(
        index_elements=[kernel_read.c.person_id, kernel_read.c.kernel_id, kernel_read.c.lineage],
        set_={"last_at": func.greatest(*moments)},
    )


_OF_KERNELS = (
    select(lineage.c.columns, func.array_agg(kernel_read.c.kernel_id))
    .join(kernel_read, kernel_read.c.lineage == lineage.c.digest)
    .where(
        kernel_read.c.person_id == bindparam("person_id"),
        kernel_read.c.kernel_id == func.any(bindparam("kernels", type_=ARRAY(Text))),
    )
    .group_by(lineage.c.digest)
)
_OF_PERSON = select(lineage.c.columns).where(
    lineage.c.digest.in_(
        select(kernel_read.c.lineage).where(
            kernel_read.c.person_id == bindparam("person_id"), kernel_read.c.last_at >= bindparam("since")
        )
    )
)


def of_kernels(conn: Connection, person_id: str, kernels: Collection[str]) -> Columns | None:
    """Return all that a person's kernels have read; None if one of them has asked nothing as this person."""
    found = conn.execute(_OF_KERNELS, {"person_id": person_id, "kernels": list(kernels)}).all()
    if set(kernels) - {each for _, readers in found for each in readers}:
        return None
    return union(decode(columns) for columns, _ in found)


def of_person(conn: Connection, person_id: str, now: datetime) -> Columns:
    """Return all that a person has read lately, wherever they asked."""
    since = now - RECENT - AGAIN
    return union(map(decode, conn.scalars(_OF_PERSON, {"person_id": person_id, "since": since})))


def keep(conn: Connection, sets: Iterable[Columns]) -> None:
    """Keep sets of columns, each once."""
    rows = {digest(each): encode(each) for each in sets}
    # In one order, so that two who keep the same sets do not wait for one another.
    conn.execute(_KEEP, [{"digest": name, "columns": rows[name]} for name in sorted(rows)])


def union(sets: Iterable[Columns]) -> Columns:
    """Return the columns that are in any of the sets."""
    return frozenset[Resource]().union(*sets)


def digest(columns: Collection[Resource]) -> bytes:
    """Name a set of columns: in whichever order they come, and however often.

    >>> one, other = Resource("a", "b", "c", "d"), Resource("a", "b", "c.d", "e")
    >>> digest([one, other]) == digest([other, one, other]) != digest([one])
    True
    """
    return hashlib.sha256(json.dumps(encode(columns), separators=(",", ":")).encode()).digest()


def encode(columns: Collection[Resource]) -> list[list[str]]:
    """Return a set of columns as it is kept."""
    return sorted(rights.encode(tuple(frozenset(columns))))


def decode(kept: list[list[str]]) -> Columns:
    """Return the set that `encode` was given."""
    return frozenset(rights.decode(kept))
