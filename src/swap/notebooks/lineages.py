"""What the outputs in notebooks come from: fixed when a version first has them, found when somebody looks at them.

An outputs part that is new in a notebook comes from all that its kernel has read so far, or, if there is nothing but
results in it, from what these were read of.  Where the gateway knows no such kernel of its author's, it may come from
all that the author has read lately.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, Connection, LargeBinary, bindparam, func, literal, or_, select, union
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from swap import content
from swap.db.notebook_tables import notebook, notebook_lineage
from swap.notebooks import bound, store
from swap.notebooks.versions import Kind, Part, Sent
from swap.query import lineage
from swap.query.lineage import Names

_EMPTY_BYTES = 100
"""An outputs part without outputs is no larger."""
_OUTPUTS = notebook_lineage.c.outputs == func.any(bindparam("outputs", type_=ARRAY(LargeBinary)))
_NOTEBOOK_ID: BindParameter[str] = bindparam("notebook_id")
_SENT_AS = notebook_lineage.c.sent_as == func.any(bindparam("outputs", type_=ARRAY(LargeBinary)))
_AUTHOR: BindParameter[str] = bindparam("author")
_ITS_OWN = (notebook_lineage.c.person_id == _AUTHOR).label("own")
_MINE = select(notebook.c.id).where(notebook.c.person_id == _AUTHOR)
_HERE = notebook_lineage.c.notebook_id == _NOTEBOOK_ID
_AS_KEPT = select(notebook_lineage.c.outputs.label("name"), notebook_lineage.c.lineage, _ITS_OWN).where(_OUTPUTS)
_AS_SENT = select(notebook_lineage.c.sent_as.label("name"), notebook_lineage.c.lineage, _ITS_OWN).where(_SENT_AS)
_ELSEWHERE = union(
    _AS_KEPT.where(notebook_lineage.c.person_id == _AUTHOR, ~_HERE),
    _AS_SENT.where(or_(notebook_lineage.c.person_id == _AUTHOR, notebook_lineage.c.notebook_id.in_(_MINE))),
)
_ANYWHERE = union(_ELSEWHERE, _AS_KEPT.where(_HERE), _AS_SENT.where(_HERE))
_FIX = upsert(notebook_lineage).on_conflict_do_nothing()
_OTHERS = (notebook_lineage.c.sent_as.is_not(None)) & (notebook_lineage.c.person_id != notebook.c.person_id)
# A set comes once, however many parts have it.
_OF_NOTEBOOK = (
    select(
        notebook.c.person_id,
        notebook_lineage.c.lineage,
        func.array_agg(notebook_lineage.c.outputs).label("parts"),
        func.array_agg(notebook_lineage.c.outputs).filter(_OTHERS).label("others"),
    )
    .select_from(notebook)
    .outerjoin(notebook_lineage, (notebook_lineage.c.notebook_id == notebook.c.id) & _OUTPUTS)
    .where(notebook.c.id == _NOTEBOOK_ID)
    .group_by(notebook.c.person_id, notebook_lineage.c.lineage)
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What outputs parts of a notebook come from, as far as it was recorded."""

    owner: str | None
    sets: dict[bytes, list[str]]
    """By the set that they come from, which parts."""
    others: frozenset[str]
    """Those of them that somebody else than the owner made, who may edit it or had it executed."""


@dataclass(frozen=True, slots=True)
class Known:
    """That the same outputs were saved before, and what they came from there."""

    name: str
    lineage: bytes
    own: bool
    """Whether whoever saves them now did so."""


def known(conn: Connection, author: str, notebook_id: str, new: Collection[str], *, owns: bool) -> list[Known]:
    """Return where the same outputs are that somebody is about to save: a cell may have been pasted.

    In notebooks of theirs; if the one that they save is not theirs, also there.
    """
    wanted = {"author": author, "notebook_id": notebook_id, "outputs": [bytes.fromhex(name) for name in new]}
    rows = conn.execute(_ELSEWHERE if owns else _ANYWHERE, wanted)
    return [Known(row.name.hex(), row.lineage, row.own) for row in rows]


def fix(
    conn: Connection,
    author: str,
    notebook_id: str,
    sent: Sent,
    new: Mapping[str, str],
    before: Mapping[str, Collection[bytes]],
    now: datetime,
    results: bound.Results | None = None,
) -> None:
    """Record what outputs parts come from that the newest version has not got; what an older one had stays as it is.

    `new` has for each part the name that it was sent under, `before` what the same came from where it was saved before.
    """
    made = {name: Names() for name in new if is_empty(sent.parts.get(name))}
    if results is not None:
        made |= _bound(conn, notebook_id, sent, new.keys() - made.keys(), results)
    if rest := new.keys() - made.keys():
        read = _read(conn, author, sent, now)
        made |= {name: read.union(before.get(new[name], ())) for name in rest}
    if not made:
        return
    kept = lineage.together(conn, set(made.values()))
    rows = [
        {
            "notebook_id": notebook_id,
            "outputs": bytes.fromhex(name),
            "person_id": author,
            "lineage": kept[names],
            "sent_as": None if new[name] == name else bytes.fromhex(new[name]),
        }
        for name, names in made.items()
    ]
    conn.execute(_FIX, rows)


def _bound(
    conn: Connection, notebook_id: str, sent: Sent, new: Collection[str], results: bound.Results
) -> dict[str, Names]:
    """Return what those outputs parts come from in which there is nothing but results of the save's own kernels."""
    unpacked = {name: _unpacked(sent.parts[name]) for name in new if name in sent.parts}
    shown = {name: outputs for name, outputs in unpacked.items() if bound.may_be(outputs)}
    kernels = _kernels(sent)
    if not shown or not kernels:
        return {}
    sources = {cell.source for cell in sent.manifest.cells}
    kept = {**store.parts(conn, notebook_id, sources - sent.parts.keys()), **sent.parts}
    code = "\n".join(str(content.loaded(_unpacked(kept[name])).get("source", "")) for name in sources)
    found = {name: bound.read_by(outputs, code, kernels, results) for name, outputs in shown.items()}
    return {name: Names(read) for name, read in found.items() if read}


def fix_known(conn: Connection, author: str, notebook_id: str, outputs: Collection[str], kernel_id: str) -> None:
    """Record that outputs come from what one kernel read, which began with nothing and may have read nothing."""
    if not outputs:
        return
    values = {"notebook_id": notebook_id, "person_id": author, "lineage": of_kernel(conn, author, kernel_id)}
    # As an editor's: who is given the notebook while it is executed has not been asked whether they may see them.
    made = map(bytes.fromhex, sorted(outputs))
    conn.execute(_FIX, [{"outputs": name, "sent_as": name, **values} for name in made])


def of_kernel(conn: Connection, author: str, kernel_id: str) -> bytes:
    """Return by which digest all is kept that one kernel has read, which began with nothing."""
    names = lineage.of_kernels(conn, author, {kernel_id}) or Names()
    return lineage.together(conn, {names})[names]


def _read(conn: Connection, author: str, sent: Sent, now: datetime) -> Names:
    """Return all that the kernels of a save have read, or, where one of them is not known, its author lately."""
    kernels = _kernels(sent)
    known = lineage.of_kernels(conn, author, kernels) if kernels else None
    return lineage.of_person(conn, author, now) if known is None else known


def _kernels(sent: Sent) -> set[str]:
    """Return the kernels that a save's outputs are of; none where they are not known."""
    kernel_id, others = sent.environment.get("kernel_id"), str(sent.environment.get("kernels") or "")
    return {str(kernel_id), *others.split()} if kernel_id and sent.kind is Kind.SAVED else set()


def _unpacked(part: Part) -> bytes:
    return content.unpacked(part.content, part.size_bytes)


def is_empty(part: Part | None) -> bool:
    """Tell whether an outputs part that was sent holds no output."""
    return part is not None and part.size_bytes <= _EMPTY_BYTES and content.is_empty(_unpacked(part))


def copy(conn: Connection, original: str, notebook_id: str, person_id: str, outputs: Collection[str]) -> None:
    """Let outputs that somebody copied into a notebook come from what they come from in the original.

    From then on they are that person's too: pasted elsewhere, they come from the same.
    """
    columns = ["notebook_id", "outputs", "person_id", "lineage", "sent_as"]
    of = notebook_lineage.c
    there = select(literal(notebook_id), of.outputs, literal(person_id), of.lineage, of.sent_as).where(
        of.notebook_id == original, of.outputs == func.any([bytes.fromhex(name) for name in outputs])
    )
    conn.execute(upsert(notebook_lineage).from_select(columns, there).on_conflict_do_nothing())


def of_notebook(conn: Connection, notebook_id: str, outputs: Collection[str]) -> Recorded:
    """Return whose a notebook is, and what of the parts was recorded."""
    wanted = {"notebook_id": notebook_id, "outputs": [bytes.fromhex(name) for name in outputs]}
    rows = conn.execute(_OF_NOTEBOOK, wanted).all()
    return Recorded(
        rows[0].person_id if rows else None,
        {row.lineage: [part.hex() for part in row.parts] for row in rows if row.lineage is not None},
        frozenset(part.hex() for row in rows for part in row.others or ()),
    )


def sent_as(conn: Connection, notebook_id: str, outputs: Collection[str]) -> dict[str, str]:
    """Return, of those outputs parts of a notebook that editors made, by the name they were sent under their own."""
    of = notebook_lineage.c
    wanted = select(of.sent_as, of.outputs).where(
        of.notebook_id == notebook_id,
        of.outputs == func.any([bytes.fromhex(name) for name in outputs]),
        of.sent_as.is_not(None),
    )
    return {row.sent_as.hex(): row.outputs.hex() for row in conn.execute(wanted)}


def all_of(conn: Connection, notebook_id: str) -> set[str]:
    """Return all outputs parts of all versions of a notebook, as far as it was recorded what they come from."""
    found = select(notebook_lineage.c.outputs).where(notebook_lineage.c.notebook_id == notebook_id)
    return {part.hex() for part in conn.scalars(found)}
