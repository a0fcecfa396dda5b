"""What the outputs in notebooks come from: fixed when a version first has them, found when somebody looks at them.

An outputs part that is new in a notebook comes from all that its kernel has read so far.  Where the gateway knows no
such kernel of its author's, it may come from all that the author has read lately.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import BindParameter, Connection, LargeBinary, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from swap import content
from swap.db.notebook_tables import notebook, notebook_lineage
from swap.notebooks.versions import Kind, Part, Sent
from swap.query import lineage
from swap.query.lineage import Names

_EMPTY_BYTES = 100
"""An outputs part without outputs is no larger."""
_OUTPUTS = notebook_lineage.c.outputs == func.any(bindparam("outputs", type_=ARRAY(LargeBinary)))
_NOTEBOOK_ID: BindParameter[str] = bindparam("notebook_id")
_ELSEWHERE = (
    select(notebook_lineage.c.outputs, notebook_lineage.c.lineage)
    .distinct()
    .where(
        notebook_lineage.c.person_id == bindparam("author"), _OUTPUTS, notebook_lineage.c.notebook_id != _NOTEBOOK_ID
    )
)
_FIX = upsert(notebook_lineage).on_conflict_do_nothing()
# A set comes once, however many parts have it.
_OF_NOTEBOOK = (
    select(notebook.c.person_id, notebook_lineage.c.lineage, func.array_agg(notebook_lineage.c.outputs).label("parts"))
    .select_from(notebook)
    .outerjoin(notebook_lineage, (notebook_lineage.c.notebook_id == notebook.c.id) & _OUTPUTS)
    .where(notebook.c.id == _NOTEBOOK_ID)
    .group_by(notebook.c.person_id, notebook_lineage.c.lineage)
)


def fix(conn: Connection, author: str, notebook_id: str, sent: Sent, new: set[str], now: datetime) -> None:
    """Record what outputs parts come from that the newest version has not got; what an older one had stays as it is."""
    made = {name: Names() for name in new if _is_empty(sent.parts.get(name))}
    if rest := new - made.keys():
        read, elsewhere = _read(conn, author, sent, now), _elsewhere(conn, author, notebook_id, rest)
        made |= {name: read.union(elsewhere.get(name, ())) for name in rest}
    if not made:
        return
    kept = lineage.together(conn, set(made.values()))
    rows = [
        {
            "notebook_id": notebook_id,
            "outputs": bytes.fromhex(name),
            "person_id": author,
            "lineage": kept[names],
        }
        for name, names in made.items()
    ]
    conn.execute(_FIX, rows)


def fix_known(conn: Connection, author: str, notebook_id: str, outputs: Collection[str], kernel_id: str) -> None:
    """Record that outputs come from what one kernel read, which began with nothing and may have read nothing."""
    if not outputs:
        return
    names = lineage.of_kernels(conn, author, {kernel_id}) or Names()
    kept = lineage.together(conn, {names})[names]
    values = {"notebook_id": notebook_id, "person_id": author, "lineage": kept}
    conn.execute(_FIX, [{"outputs": bytes.fromhex(name), **values} for name in sorted(outputs)])


def _read(conn: Connection, author: str, sent: Sent, now: datetime) -> Names:
    """Return all that the kernels of a save have read, or, where one of them is not known, its author lately."""
    kernel_id, others = sent.environment.get("kernel_id"), str(sent.environment.get("kernels") or "")
    known = None
    if kernel_id and sent.kind is Kind.SAVED:
        known = lineage.of_kernels(conn, author, {str(kernel_id), *others.split()})
    return lineage.of_person(conn, author, now) if known is None else known


def _elsewhere(conn: Connection, author: str, notebook_id: str, new: Collection[str]) -> dict[str, set[bytes]]:
    """Return what the same parts come from in other notebooks of their author: a cell may have been pasted."""
    found = defaultdict[str, set[bytes]](set)
    wanted = {"author": author, "notebook_id": notebook_id, "outputs": [bytes.fromhex(name) for name in new]}
    for part, name in conn.execute(_ELSEWHERE, wanted):
        found[part.hex()].add(name)
    return found


def _is_empty(part: Part | None) -> bool:
    return (
        part is not None
        and part.size_bytes <= _EMPTY_BYTES
        and content.is_empty(content.unpacked(part.content, part.size_bytes))
    )


def copy(conn: Connection, original: str, notebook_id: str, person_id: str, outputs: Collection[str]) -> None:
    """Let outputs that somebody copied into a notebook come from what they come from in the original.

    From then on they are that person's too: pasted elsewhere, they come from the same.
    """
    columns = ["notebook_id", "outputs", "person_id", "lineage"]
    of = notebook_lineage.c
    there = select(literal(notebook_id), of.outputs, literal(person_id), of.lineage).where(
        of.notebook_id == original, of.outputs == func.any([bytes.fromhex(name) for name in outputs])
    )
    conn.execute(upsert(notebook_lineage).from_select(columns, there).on_conflict_do_nothing())


def of_notebook(
    conn: Connection, notebook_id: str, outputs: Collection[str]
) -> tuple[str | None, dict[bytes, list[str]]]:
    """Return whose a notebook is, and of those of the parts that were recorded, by the set they come from, which."""
    wanted = {"notebook_id": notebook_id, "outputs": [bytes.fromhex(name) for name in outputs]}
    rows = conn.execute(_OF_NOTEBOOK, wanted).all()
    owner = rows[0].person_id if rows else None
    return owner, {row.lineage: [part.hex() for part in row.parts] for row in rows if row.lineage is not None}


def all_of(conn: Connection, notebook_id: str) -> set[str]:
    """Return all outputs parts of all versions of a notebook, as far as it was recorded what they come from."""
    found = select(notebook_lineage.c.outputs).where(notebook_lineage.c.notebook_id == notebook_id)
    return {part.hex() for part in conn.scalars(found)}
