"""What each kernel has read: kept when its runs are forgotten, for outputs stay in notebooks for years.

A kernel reads by its queries, and by what another program of the same person hands it through the gateway: a result, a
table that was brought along.  What it is handed otherwise, a file in the home, nobody knows of.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, LargeBinary, Text, bindparam, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.tables import kernel_read, lineage
from swap.policy.model import Resource

Columns = frozenset[Resource]
Names = frozenset[bytes]
"""The digests of sets of columns, all of which are meant."""

RECENT = timedelta(days=90)
"""How far back everything that somebody read counts, where it is not known which kernel an output is of."""
AGAIN = timedelta(hours=1)
"""After this time it is recorded anew when a kernel has read the same."""
UNIONS = 200
"""Of sets whose columns together were looked for, as one process remembers them."""


def later(statement: Any) -> Any:
    """Let a statement that records what a kernel read move its moment on where that is known."""
    return statement.on_conflict_do_update(
        index_elements=[kernel_read.c.person_id, kernel_read.c.kernel_id, kernel_read.c.lineage],
        set_={"last_at": func.greatest(statement.excluded.last_at, kernel_read.c.last_at)},
    )


KEEP = upsert(lineage).on_conflict_do_nothing()
_DIGESTS = bindparam("digests", type_=ARRAY(LargeBinary))
_COLUMNS = select(lineage.c.digest, lineage.c.columns).where(lineage.c.digest == func.any(_DIGESTS))
_THERE = select(lineage.c.digest).where(lineage.c.digest == func.any(_DIGESTS))
_OF_PERSON = kernel_read.c.person_id == bindparam("person_id")
_OF_KERNELS = select(kernel_read.c.kernel_id, kernel_read.c.lineage).where(
    _OF_PERSON, kernel_read.c.kernel_id == func.any(bindparam("kernels", type_=ARRAY(Text)))
)
_LATELY = select(kernel_read.c.lineage).distinct().where(_OF_PERSON, kernel_read.c.last_at >= bindparam("since"))


def hand_on(conn: Connection, person_id: str, giver: str, taker: str, now: datetime) -> None:
    """Record that a kernel was handed something of another one of the same person: it may hold all that was read there.

    Of a giver that has asked nothing, it may hold all that its person has read lately.
    """
    theirs = kernel_read.alias()
    known = select(literal(1)).where(theirs.c.person_id == person_id, theirs.c.kernel_id == giver).exists()
    wanted = or_(kernel_read.c.kernel_id == giver, ~known & (kernel_read.c.last_at >= now - RECENT - AGAIN))
    given = select(
        kernel_read.c.person_id, cast(literal(taker), Text), kernel_read.c.lineage, func.max(kernel_read.c.last_at)
    ).where(kernel_read.c.person_id == person_id, kernel_read.c.kernel_id != taker, wanted)
    # In one order, so that two who are handed the same do not wait for one another.
    given = given.group_by(kernel_read.c.person_id, kernel_read.c.lineage).order_by(kernel_read.c.lineage)
    conn.execute(later(upsert(kernel_read).from_select(["person_id", "kernel_id", "lineage", "last_at"], given)))


def read(conn: Connection, person_id: str, kernel_id: str, names: Collection[bytes], now: datetime) -> None:
    """Record that a kernel was given what comes from some sets of columns, which are kept."""
    rows = [{"person_id": person_id, "kernel_id": kernel_id, "lineage": name, "last_at": now} for name in sorted(names)]
    conn.execute(later(upsert(kernel_read).values(rows)))


def of_kernels(conn: Connection, person_id: str, kernels: Collection[str]) -> Names | None:
    """Return all that a person's kernels have read; None if one of them has asked nothing as this person."""
    found = conn.execute(_OF_KERNELS, {"person_id": person_id, "kernels": list(kernels)}).all()
    if set(kernels) - {each.kernel_id for each in found}:
        return None
    return frozenset(each.lineage for each in found)


def of_person(conn: Connection, person_id: str, now: datetime) -> Names:
    """Return all that a person has read lately, wherever they asked."""
    return frozenset(conn.scalars(_LATELY, {"person_id": person_id, "since": now - RECENT - AGAIN}))


def columns(conn: Connection, names: Collection[bytes]) -> dict[bytes, Columns]:
    """Return the sets that are kept under these digests."""
    return {row.digest: decode(row.columns) for row in conn.execute(_COLUMNS, {"digests": list(names)})}


def together(conn: Connection, wanted: Iterable[Names]) -> dict[Names, bytes]:
    """Return by which digest all columns of some sets together are kept; they are from now on."""
    found, rest = dict[Names, bytes](), set[Names]()
    for each in wanted:
        if len(each) == 1:
            (found[each],) = each
        else:
            rest.add(each)
    known = {each: _unions[each] for each in rest if each in _unions}
    # What was made in a transaction that failed is not there.
    there = set(conn.scalars(_THERE, {"digests": list(known.values())})) if known else set()
    found |= {each: name for each, name in known.items() if name in there}
    if missing := rest - found.keys():
        sets = columns(conn, frozenset[bytes]().union(*missing))
        made = {each: union(sets[name] for name in each) for each in missing}
        found |= keep(conn, made)
    return found


def keep(conn: Connection, made: Mapping[Names, Columns]) -> dict[Names, bytes]:
    """Keep unions of sets, each once; return their digests."""
    named = {each: digest(columns) for each, columns in made.items()}
    rows = {named[each]: encode(columns) for each, columns in made.items()}
    # In one order, so that two who keep the same sets do not wait for one another.
    conn.execute(KEEP, [{"digest": name, "columns": rows[name]} for name in sorted(rows)])
    _unions.update(named)
    while len(_unions) > UNIONS:
        _unions.popitem(last=False)
    return named


_unions: OrderedDict[Names, bytes] = OrderedDict()


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
    return sorted(list(each.parts) for each in frozenset(columns))


def decode(kept: list[list[str]]) -> Columns:
    """Return the set that `encode` was given."""
    return frozenset(Resource(*each) for each in kept)
