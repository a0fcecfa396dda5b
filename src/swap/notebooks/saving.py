"""A save becomes a version: of one's own notebook, or of another's that one may edit.

One verb, one function, one transaction; each says so in the audit.  Outputs that whoever saves may not see stay as they
are, and nothing that is answered tells anything of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from swap import content
from swap.content import Manifest
from swap.errors import Invalid, NotFound, Problem
from swap.identity import Principal, Via
from swap.notebooks import bound, history, keeping, lineages, room, share_store, sharing, shown, sight, store
from swap.notebooks.shares import Role
from swap.notebooks.versions import Head, Kind, Part, PartsMissing, Sent, stale
from swap.settings import Policy

NOTHING = Manifest({}, 0, ())
LOOKED_INTO_BYTES, LOOKED_INTO_LISTS = 1_000_000, 10_000
"""Of a cell's source, that is compared with another: what is larger is the same when all of it is."""
YOURS = Problem("This notebook is yours.", todo="Save it in your own files.")


@dataclass(frozen=True, slots=True)
class _Base:
    """The newest version, as whoever saves sees it."""

    whole: Manifest
    hidden: Collection[str]

    @property
    def seen(self) -> Manifest:
        return self.whole.without(self.hidden)


def save(
    conn: Connection,
    policy: Policy,
    principal: Principal,
    sent: Sent,
    now: datetime,
    new_id: Callable[[], str],
    results: bound.Results | None = None,
    most_bytes: int | None = None,
) -> Head:
    """Append a version of one's own notebook, unless the newest has this content or the save was taken before.

    Outputs that are nothing but `results` come from what these were read of.
    Returns what is newest then.  Raises StaleBase, which says which version that is, PartsMissing, LimitExceeded.
    """
    head = store.hold(conn, principal.id, sent.path)
    if head is None:
        store.add(conn, new_id(), principal.id, sent.path, now)
        head = store.hold(conn, principal.id, sent.path)
        assert head is not None
    # What was made from the newest version was never sent before: it would have made a newer one.
    taken = None if sent.base == head.number > 0 else store.by_save(conn, head.notebook_id, sent.save_id)
    if taken is not None:
        return replace(head, number=taken)
    base = _base(conn, policy, principal, head, now) if head.edited else _Base(_manifest(conn, head), ())
    made = _keep(conn, head, base, sent) if base.hidden else sent
    # A file that SWAP wrote has other names for what others made than the version it is of.
    if head.file_digest == sent.file_digest and (head.edited or head.digest == made.digest):
        return head
    if head.digest != made.digest:
        _demand_newest(conn, head, made)
    _demand_known(base, base.seen.outputs(), sent)
    _demand_plain(sent)
    original = _mark_copy(conn, principal, head, sent) if head.number == 0 and sent.manifest.cells else None
    _add(conn, head, base, made)
    if original is not None:
        lineages.copy(conn, original, head.notebook_id, principal.id, sent.manifest.outputs())
    else:
        new = {name: name for name in made.manifest.outputs() - base.whole.outputs()}
        before = _before(conn, policy, principal, head, new.values(), now, owns=True)
        lineages.fix(conn, principal.id, head.notebook_id, made, new, before, now, results)
    saved = _append(conn, principal, head, made, now)
    if most_bytes is not None:
        room.demand(conn, principal.id, most_bytes)
    return saved


def edit(
    conn: Connection,
    policy: Policy,
    person: Principal,
    notebook_id: str,
    sent: Sent,
    now: datetime,
    results: bound.Results | None = None,
    most_bytes: int | None = None,
) -> int:
    """Append a version of another's notebook; return which one it is then.

    What was made in it has names of its own, so that nothing tells whether somebody else has made the same.
    Raises NotFound, as for none, Forbidden, StaleBase, PartsMissing, LimitExceeded, Invalid.
    """
    share_store.hold(conn, notebook_id)
    opened = sharing.open_(conn, person, notebook_id, now, Role.EDIT)
    if opened.role is Role.OWN:
        raise NotFound(YOURS)
    head = opened.kept.head
    # No file of its owner's is this version, whatever was sent as such; nor is it a save of theirs.
    save_id, no_file = f"{person.id}-{sent.save_id}", bytes.fromhex(sent.digest)
    sent = replace(sent, kind=Kind.SAVED, save_id=save_id, file_digest=no_file)
    taken = store.by_save(conn, notebook_id, sent.save_id)
    if taken is not None:
        return taken
    if sent.base != head.number:
        raise stale(opened.name, head.number)
    base = _base(conn, policy, person, head, now)
    made, new = _named(conn, person, head, base, sent)
    # What controls hold is as outputs are, and nobody knows what it comes from: it stays its owner's.
    controls = {name: value for name, value in base.whole.metadata.items() if name == shown.CONTROLS}
    metadata = {name: value for name, value in made.manifest.metadata.items() if name != shown.CONTROLS} | controls
    made = _keep(conn, head, base, replace(made, manifest=replace(made.manifest, metadata=metadata)))
    if made.digest == head.digest:
        return head.number
    _add(conn, head, base, made)
    before = _before(conn, policy, person, head, new.values(), now, owns=False)
    lineages.fix(conn, person.id, notebook_id, made, new, before, now, results)
    store.mark_edited(conn, notebook_id)
    number = _append(conn, person, head, made, now).number
    if most_bytes is not None:
        room.demand(conn, opened.kept.owner_id, most_bytes, person.id)
    return number


def _manifest(conn: Connection, head: Head) -> Manifest:
    return history.manifest_of(conn, head.notebook_id, head.digest) if head.number else NOTHING


def _base(conn: Connection, policy: Policy, person: Principal, head: Head, now: datetime) -> _Base:
    whole = _manifest(conn, head)
    return _Base(whole, sight.hidden(conn, policy, _reading(person), head.notebook_id, whole.outputs(), now))


def _reading(person: Principal) -> Principal:
    """Return whoever saves as they may read: nothing of that is answered, it decides what stays as it is."""
    return replace(person, via=Via.READER)


def _demand_newest(conn: Connection, head: Head, sent: Sent) -> None:
    """Raise StaleBase for what was made from an older version than the newest."""
    if sent.kind is Kind.FOUND:
        # What lies in the home is news, unless it is what a version was: then the newest was saved elsewhere, if the
        # server does not know that one.
        if sent.base != head.number and _was(conn, head, sent):
            raise stale(head.path, head.number)
    elif head.number and sent.base not in {head.number, 0}:
        raise stale(head.path, head.number)


def _was(conn: Connection, head: Head, sent: Sent) -> bool:
    """Tell whether a version had this content."""
    if store.by_digest(conn, head.notebook_id, sent.digest) is not None:
        return True
    return head.edited and store.has_file(conn, head.notebook_id, sent.file_digest)


def _demand_known(base: _Base, outputs: Collection[str], sent: Sent) -> None:
    """Raise PartsMissing for what was not sent and is nothing that its sender sees in the newest version.

    Only what they see may be named without being sent: whoever names that had it.  `outputs` are those of it.
    """
    wanted = sent.manifest.outputs()
    rest = sent.manifest.digests() - wanted
    if ((rest - base.seen.digests()) | (wanted - set(outputs))) - sent.parts.keys():
        raise PartsMissing


def _demand_plain(sent: Sent) -> None:
    """Raise Invalid for outputs that are sent under an editor's name: whether it is known would tell what is hidden."""
    if any(content.is_made_by(sent.parts[name].content) for name in sent.manifest.outputs() & sent.parts.keys()):
        raise Invalid(Problem("This is not a save that SWAP can read.", todo="Save the notebook from JupyterLab."))


def _named(conn: Connection, person: Principal, head: Head, base: _Base, sent: Sent) -> tuple[Sent, dict[str, str]]:
    """Return a save in which outputs have the names they are kept under, and by which names new ones were sent."""
    seen = base.seen.outputs()
    named = lineages.sent_as(conn, head.notebook_id, seen) | {name: name for name in seen}
    _demand_known(base, named, sent)
    parts, new = dict(sent.parts), dict[str, str]()
    for name in sent.manifest.outputs() - named.keys():
        made = _made_by(person, sent.parts[name])
        parts[made.digest], named[name], new[made.digest] = made, made.digest, name
    cells = [
        cell if cell.outputs is None else replace(cell, outputs=named[cell.outputs]) for cell in sent.manifest.cells
    ]
    return replace(sent, manifest=replace(sent.manifest, cells=tuple(cells)), parts=parts), new


def _made_by(person: Principal, part: Part) -> Part:
    """Return outputs under a name that no others have; where there are none, nobody learns from it."""
    if lineages.is_empty(part):
        return part
    made = content.made_by(content.unpacked(part.content, part.size_bytes), person.id)
    return Part(content.digest(made), content.packed(made), len(made), part.lists)


def _keep(conn: Connection, head: Head, base: _Base, sent: Sent) -> Sent:
    """Return a save with the outputs that its sender does not see, under the digest that it has then."""

    def source(name: str) -> bytes:
        part = sent.parts.get(name) or store.parts(conn, head.notebook_id, [name])[name]
        small = part.size_bytes <= LOOKED_INTO_BYTES and part.lists <= LOOKED_INTO_LISTS
        return content.unpacked(part.content, part.size_bytes) if small else b""

    manifest = keeping.keep(base.whole, sent.manifest, base.hidden, source) if base.hidden else sent.manifest
    made = content.write(manifest)
    part = Part(content.digest(made), content.packed(made), len(made), content.count([made]))
    if len(made) > content.MANIFEST_BYTES or part.lists > content.WHOLE_PARTS:
        raise content.too_large()
    return replace(sent, manifest=manifest, digest=part.digest, parts={**sent.parts, part.digest: part})


def _mark_copy(conn: Connection, principal: Principal, head: Head, sent: Sent) -> str | None:
    """Record of which notebook this one is a copy, and return it."""
    original = store.original(conn, principal.id, head.notebook_id, sent.digest)
    if original is None:
        return None
    store.mark_copy(conn, head.notebook_id, *original)
    return original[0]


def _add(conn: Connection, head: Head, base: _Base, sent: Sent) -> None:
    """Keep the parts of a save that are new.  Raises LimitExceeded."""
    needed = sent.manifest.digests()
    sizes = store.sizes(conn, head.notebook_id, needed - sent.parts.keys())
    sizes |= {name: (part.size_bytes, part.lists) for name, part in sent.parts.items()}
    history.demand_small(sent.manifest, sizes, base.hidden)
    new = (needed | {sent.digest}) - base.whole.digests()
    store.add_parts(conn, head.notebook_id, (part for name, part in sent.parts.items() if name in new))


def _before(
    conn: Connection,
    policy: Policy,
    person: Principal,
    head: Head,
    names: Collection[str],
    now: datetime,
    *,
    owns: bool,
) -> Mapping[str, Collection[bytes]]:
    """Return what the same outputs come from where they were before, as far as they could be had there."""
    found = lineages.known(conn, person.id, head.notebook_id, names, owns=owns) if names else []
    others = {each.lineage for each in found if not each.own}
    # With what they may not see, whether it counts would tell whether theirs are the same.
    seen = sight.readable(conn, policy, _reading(person), others, now)
    before = defaultdict[str, set[bytes]](set)
    for each in found:
        if each.own or each.lineage in seen:
            before[each.name].add(each.lineage)
    return before


def _append(conn: Connection, person: Principal, head: Head, sent: Sent, now: datetime) -> Head:
    number, via = head.number + 1, person.via.value
    store.append(conn, head, number, sent, author=person.id, via=via, now=now, parent=head.number or None)
    history.record(conn, person, head, number, sent.kind)
    return replace(head, number=number, digest=sent.digest, file_digest=sent.file_digest)
