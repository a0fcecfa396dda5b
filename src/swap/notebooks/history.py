"""What SWAP does with the versions of notebooks.  One verb, one function, one transaction; each says so in the audit.

A person's notebook is found by its path and by their id, never by its own: nobody can ask for somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from swap import audit, content
from swap.content import Manifest
from swap.errors import Conflict, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import changes, events, lineages, room, sight, store
from swap.notebooks.changes import Change
from swap.notebooks.model import name_of
from swap.notebooks.sight import Hidden
from swap.notebooks.versions import Deleted, Head, Kind, Page, Part, PartsMissing, Sent, named, stale
from swap.settings import Policy

PAGE_VERSIONS = 50
NOTHING = Manifest({}, 0, ())
NOWHERE = Problem("There is no history of this notebook.", todo="A notebook has one from its first save in JupyterLab.")


def save(
    conn: Connection,
    principal: Principal,
    sent: Sent,
    now: datetime,
    new_id: Callable[[], str],
    most_bytes: int | None = None,
) -> Head:
    """Append a version, unless the newest has this content or the save was taken before; return what is newest then.

    Raises StaleBase, which carries the newest version, PartsMissing, LimitExceeded.
    """
    head = store.hold(conn, principal.id, sent.path)
    if head is None:
        store.add(conn, new_id(), principal.id, sent.path, now)
        head = store.hold(conn, principal.id, sent.path)
        assert head is not None
    # What was made from the newest version was never sent before: it would have made a newer one.
    taken = None if sent.base == head.number > 0 else store.by_save(conn, head.notebook_id, sent.save_id)
    if taken is not None:
        return Head(head.notebook_id, head.path, taken, sent.digest, sent.file_digest)
    if head.digest == sent.digest and head.file_digest == sent.file_digest:
        return head
    if head.digest != sent.digest:
        _demand_newest(conn, head, sent)
    original = _mark_copy(conn, principal, head, sent) if head.number == 0 and sent.manifest.cells else None
    made = _append(conn, principal, head, sent, original, now)
    if most_bytes is not None:
        room.demand(conn, principal.id, most_bytes)
    return made


def _demand_newest(conn: Connection, head: Head, sent: Sent) -> None:
    """Raise StaleBase for what was made from an older version than the newest."""
    if sent.kind is Kind.FOUND:
        # What lies in the home is news, unless it is what a version was: then the newest was saved elsewhere, if the
        # server does not know that one.
        if sent.base != head.number and store.by_digest(conn, head.notebook_id, sent.digest) is not None:
            raise stale(head)
    elif head.number and sent.base not in {head.number, 0}:
        raise stale(head)


def _mark_copy(conn: Connection, principal: Principal, head: Head, sent: Sent) -> str | None:
    """Record of which notebook this one is a copy, and return it."""
    original = store.original(conn, principal.id, head.notebook_id, sent.digest)
    if original is None:
        return None
    store.mark_copy(conn, head.notebook_id, *original)
    return original[0]


def _append(
    conn: Connection, principal: Principal, head: Head, sent: Sent, original: str | None, now: datetime
) -> Head:
    before = manifest_of(conn, head.notebook_id, head.digest) if head.number else NOTHING
    # Only what the newest version has may be named without being sent: whoever names it had it.
    known = before.digests()
    needed = sent.manifest.digests()
    if needed - known - sent.parts.keys():
        raise PartsMissing
    sizes = store.sizes(conn, head.notebook_id, needed - sent.parts.keys())
    sizes |= {name: (part.size_bytes, part.lists) for name, part in sent.parts.items()}
    demand_small(sent.manifest, sizes)
    store.add_parts(conn, head.notebook_id, (part for name, part in sent.parts.items() if name not in known))
    if original is not None:
        lineages.copy(conn, original, head.notebook_id, principal.id, sent.manifest.outputs())
    else:
        new = sent.manifest.outputs() - before.outputs()
        lineages.fix(conn, principal.id, head.notebook_id, sent, new, now)
    number = head.number + 1
    store.append(
        conn,
        head,
        number,
        sent,
        author=principal.id,
        via=principal.via.value,
        now=now,
        parent=head.number or None,
    )
    _record(conn, principal, head, number, sent.kind)
    return Head(head.notebook_id, head.path, number, sent.digest, sent.file_digest)


def demand_small(manifest: Manifest, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Raise LimitExceeded for what would not fit when it is put together: a part counts as often as it is named."""
    bytes_, lists = 0, 0
    for cell in manifest.cells:
        for name in (cell.source, cell.outputs):
            if name is not None:
                bytes_, lists = bytes_ + sizes[name][0], lists + sizes[name][1]
        # As base 64.
        bytes_ += sum(sizes[name][0] * 4 // 3 for name in cell.images)
    if bytes_ > content.WHOLE_BYTES or lists > content.WHOLE_PARTS:
        raise content.too_large()


def _record(conn: Connection, principal: Principal, head: Head, number: int, kind: Kind) -> None:
    audit.record(
        conn,
        events.NotebookSaved(
            person_id=principal.id,
            via=principal.via,
            notebook_id=head.notebook_id,
            path=head.path,
            version=number,
            kind=kind.value,
        ),
    )


def move(conn: Connection, principal: Principal, old: str, new: str, now: datetime) -> int:
    """Let a notebook, or all below a folder, keep its history under another path; return how many there were.

    What had the new path is as if deleted: a file system that moves a file there has written over it.
    """
    found = store.below(conn, principal.id, old)
    for notebook_id, path in found.items():
        to = new + path[len(old) :]
        taken = store.hold(conn, principal.id, to)
        if taken is not None and taken.notebook_id != notebook_id:
            _delete(conn, principal, taken.notebook_id, to, now)
        store.move(conn, notebook_id, to)
        moved = events.NotebookMoved(person_id=principal.id, via=principal.via, notebook_id=notebook_id, path=to)
        audit.record(conn, moved)
    return len(found)


def delete(conn: Connection, principal: Principal, path: str, now: datetime) -> int:
    """Take a notebook, or all below a folder, from where they were; return how many there were."""
    found = store.below(conn, principal.id, path)
    for notebook_id, at in found.items():
        _delete(conn, principal, notebook_id, at, now)
    return len(found)


def _delete(conn: Connection, principal: Principal, notebook_id: str, path: str, now: datetime) -> None:
    store.delete(conn, notebook_id, now)
    gone = events.NotebookDeleted(person_id=principal.id, via=principal.via, notebook_id=notebook_id, path=path)
    audit.record(conn, gone)


def head(conn: Connection, principal: Principal, path: str) -> Head:
    """Return the newest version of a person's notebook.  Raises NotFound where there is none."""
    return _found(store.find(conn, principal.id, path))


def page(conn: Connection, principal: Principal, path: str, before: int, *, folded: bool) -> Page:
    """Return versions of a notebook that are older than `before`, newest first.  Raises NotFound."""
    head = _found(store.find(conn, principal.id, path))
    shown = store.versions(conn, head.notebook_id, before, PAGE_VERSIONS + 1, folded=folded)
    return Page(head, shown[:PAGE_VERSIONS], len(shown) > PAGE_VERSIONS)


def count(conn: Connection, principal: Principal, path: str) -> int:
    """Return how many versions a notebook has."""
    head = store.find(conn, principal.id, path)
    return head.number if head else 0


def compare(
    conn: Connection, policy: Policy, principal: Principal, path: str, old: int, new: int, now: datetime
) -> tuple[Change, ...]:
    """Return what changed from one version to another, cell by cell; from 0, all of it.  Raises NotFound."""
    head = _found(store.find(conn, principal.id, path))
    before, after = (_version(conn, head, number)[1] if number else NOTHING for number in (old, new))
    wanted = changes.needed(before.cells, after.cells)
    outputs = wanted & (before.outputs() | after.outputs())
    hidden = sight.hidden(conn, policy, principal, head.notebook_id, outputs, now).keys()
    kept = store.parts(conn, head.notebook_id, wanted - hidden)
    return changes.between(before.cells, after.cells, lambda name: _unpacked(kept[name]), hidden)


def put(conn: Connection, notebook_id: str, manifest: Manifest, hidden: Mapping[str, Hidden]) -> dict[str, Any]:
    """Return the notebook of a manifest; in place of hidden outputs, not read, stands one that says why."""
    kept = store.parts(conn, notebook_id, manifest.without(hidden).digests())
    instead = {name: sight.instead(why) for name, why in hidden.items()}
    return content.put(manifest, lambda name: _unpacked(kept[name]), instead)


def name(conn: Connection, principal: Principal, path: str, number: int, text: str) -> None:
    """Give a version a name, or take it away.  Raises NotFound, Invalid."""
    head, chosen = _found(store.find(conn, principal.id, path)), named(text)
    if not store.name_version(conn, head.notebook_id, number, chosen):
        raise NotFound(NOWHERE)
    audit.record(
        conn,
        events.VersionNamed(
            person_id=principal.id, via=principal.via, notebook_id=head.notebook_id, version=number, name=chosen
        ),
    )


def restore(
    conn: Connection,
    principal: Principal,
    path: str,
    number: int,
    file_digest: Callable[[], bytes],
    replace: Callable[[bytes], None],
    now: datetime,
    save_id: str,
) -> int:
    """Append a version with the content of an earlier one and put it into the home; return its number.

    `file_digest` tells of the file that lies there, while no save goes on.  `replace` writes it, as the last step
    before the transaction ends: a file that was not written leaves no version, and one that was, but has none, is
    taken in at the next save.
    Raises NotFound, Conflict for a file that no version has.
    """
    head = _found(store.hold(conn, principal.id, path))
    demand_kept(conn, head, file_digest())
    replace(_restore(conn, principal, head, number, now, save_id))
    return head.number + 1


def demand_kept(conn: Connection, head: Head, file_digest: bytes) -> None:
    """Raise Conflict for a file in the home that no version has: to write it would lose a change.

    It may be an older version: whoever made the newest one may have written no file here.
    """
    if file_digest == head.file_digest or store.has_file(conn, head.notebook_id, file_digest):
        return
    raise Conflict(
        Problem(
            f"{head.path} was changed since version {head.number}.",
            why="Writing it now would lose that change: no version has it.",
            todo="Open it in JupyterLab and save it there; then do this again.",
        )
    )


def _restore(conn: Connection, principal: Principal, head: Head, number: int, now: datetime, save_id: str) -> bytes:
    """Append a version with the content of an earlier one; return the file that it is."""
    found, manifest = _version(conn, head, number)
    written = as_file(put(conn, head.notebook_id, manifest, {}))
    values: Mapping[str, Any] = {
        "digest": found.digest,
        "file_digest": bytes.fromhex(content.digest(written)),
        "kind": Kind.RESTORED.value,
        "environment": found.environment,
        "save_id": save_id,
    }
    store.append(
        conn,
        head,
        head.number + 1,
        values,
        author=principal.id,
        via=principal.via.value,
        now=now,
        parent=head.number,
        restored=number,
    )
    _record(conn, principal, head, head.number + 1, Kind.RESTORED)
    return written


def append_made(
    conn: Connection,
    principal: Principal,
    head: Head,
    manifest: Manifest,
    kind: Kind,
    now: datetime,
    save_id: str,
    suggested_by: str | None = None,
) -> bytes:
    """Append a version that SWAP made of parts that the notebook has; return the file that it is.

    Raises LimitExceeded.
    """
    kept = content.write(manifest)
    content.read(kept)
    demand_small(manifest, store.sizes(conn, head.notebook_id, manifest.digests()))
    written = as_file(put(conn, head.notebook_id, manifest, {}))
    part = Part(content.digest(kept), content.packed(kept), len(kept), content.count([kept]))
    store.add_parts(conn, head.notebook_id, [part])
    values: Mapping[str, Any] = {
        "digest": bytes.fromhex(part.digest),
        "file_digest": bytes.fromhex(content.digest(written)),
        "kind": kind.value,
        "environment": {},
        "save_id": save_id,
        "suggested_by": suggested_by,
    }
    number = head.number + 1
    via = principal.via.value
    store.append(conn, head, number, values, author=principal.id, via=via, now=now, parent=head.number or None)
    _record(conn, principal, head, number, kind)
    return written


def deleted(
    conn: Connection, principal: Principal, before: tuple[datetime, str] | None
) -> tuple[tuple[Deleted, ...], bool]:
    """Return a person's deleted notebooks, the last first, and whether there are more."""
    found = store.deleted(conn, principal.id, before, PAGE_VERSIONS + 1)
    return found[:PAGE_VERSIONS], len(found) > PAGE_VERSIONS


def bring_back(
    conn: Connection,
    principal: Principal,
    notebook_id: str,
    write: Callable[[str, bytes], str],
    now: datetime,
    save_id: str,
) -> str:
    """Undo a deletion: put the newest version into the home as a file, and return its path there.

    `write` puts the file under a name that nobody has taken, near the one it is given, and returns that.  Raises
    NotFound.
    """
    head = store.hold_deleted(conn, principal.id, notebook_id)
    if head is None or not head.number:
        raise NotFound(Problem("This notebook is not among those you deleted.", todo="Look at the list once more."))
    written = _restore(conn, principal, head, head.number, now, save_id)
    path = write(name_of(head.path), written)
    taken = store.hold(conn, principal.id, path)
    if taken is not None:
        # Its file is gone, or this one could not have its name.
        _delete(conn, principal, taken.notebook_id, path, now)
    store.bring_back(conn, notebook_id, path)
    audit.record(
        conn,
        events.NotebookBroughtBack(person_id=principal.id, via=principal.via, notebook_id=notebook_id, path=path),
    )
    return path


def as_file(document: Any) -> bytes:
    """Return a notebook as the file it is saved as."""
    return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


def _found(head: Head | None) -> Head:
    if head is None or not head.number:
        raise NotFound(NOWHERE)
    return head


def _version(conn: Connection, head: Head, number: int) -> tuple[Any, Manifest]:
    found = store.version(conn, head.notebook_id, number)
    if found is None:
        raise NotFound(Problem(f"{head.path} has no version {number}.", todo="Choose one from its history."))
    return found, manifest_of(conn, head.notebook_id, found.digest.hex())


def manifest_at(conn: Connection, notebook_id: str, number: int) -> Manifest:
    """Return the manifest of a version.  Raises NotFound."""
    found = store.version(conn, notebook_id, number)
    if found is None:
        raise NotFound(NOWHERE)
    return manifest_of(conn, notebook_id, found.digest.hex())


def manifest_of(conn: Connection, notebook_id: str, digest: str) -> Manifest:
    """Return the manifest of this digest, which a version has."""
    return content.read(_unpacked(store.parts(conn, notebook_id, [digest])[digest]))


def _unpacked(part: Part) -> bytes:
    return content.unpacked(part.content, part.size_bytes)
