"""Forks: a notebook of one's own of what one sees of another, and what each hands the other later, cell by cell.

A fork is one's own from its first moment.  It is told of its original what its person may see of that now, and nothing
comes into it, or out of it, that its person has not chosen.  One verb, one function, one transaction; each says so in
the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from swap import audit, content
from swap.client import locks
from swap.client.installed import Package
from swap.content import Cell, Manifest
from swap.errors import Conflict, Forbidden, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import changes, events, fork_store, history, lineages, merging, sharing, shown, store
from swap.notebooks.changes import Change
from swap.notebooks.fork_store import Suggestion
from swap.notebooks.merging import Cells, Offer
from swap.notebooks.place import Place
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.notebooks.versions import Head, Kind
from swap.settings import Policy

PAGE = 20
"""Cells of a list, each of which is compared."""
KEY = 16
"""Characters of a cell's key by which the audit knows it."""
KERNEL_LENGTH = 100
METADATA = ("kernelspec", "language_info", locks.KEY)
"""Of a notebook that comes along: what it needs to run.  The state of controls holds data, and programs keep there what
they like."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a notebook was forked from."""

    version: int
    opened: Opened | None
    """The original, if one may open it; else one is told that there is one, and no more."""

    @property
    def moved_on(self) -> bool:
        """Whether there is a newer version of it that one may open."""
        return self.opened is not None and self.opened.kept.number > self.version


@dataclass(frozen=True, slots=True)
class Around:
    """What a notebook's page says of forks."""

    origin: Origin | None
    forks: int
    """That one may open, as far as they were counted."""
    more: bool
    changed: int
    """Cells that the original has changed since, for the fork's owner."""
    waiting: int
    """Suggestions that wait, for who may accept them."""


@dataclass(frozen=True, slots=True)
class Both:
    """A fork and its original, as the fork's owner sees it now."""

    opened: Opened
    manifest: Manifest
    original: Seen
    theirs: Cells
    mine: Cells
    sources: dict[str, bytes]
    offers: tuple[Offer, ...]
    """What the original has changed and the fork has not got."""
    own: tuple[Offer, ...]
    """What the fork has changed or added and the original has not got."""


@dataclass(frozen=True, slots=True)
class Own:
    """A notebook of somebody's own, and what it was forked from."""

    opened: Opened
    manifest: Manifest
    origin: Origin | None
    both: Both | None
    """None without an original that may be opened."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer as a page shows it."""

    offer: Offer
    change: Change
    outputs: bool = False
    """Whether some come along."""
    hidden: bool = False
    """Whether it has some that its reader may not see, and that stay where they are."""
    suggestion: Suggestion | None = None
    """What was suggested of this cell before."""


def fork(
    conn: Connection,
    policy: Policy,
    person: Principal,
    notebook_id: str,
    put: Callable[[str, bytes], str],
    now: datetime,
    new_id: Callable[[], str],
) -> str:
    """Make a notebook of one's own of what one sees of another's newest version; return its id.

    `put` writes it into the home under a free name, and returns that.  Outputs that one may not see are left out, with
    all metadata but what running it needs.  Raises NotFound.
    """
    seen = shown.look(conn, policy, person, notebook_id, now)
    bare = seen.manifest.without(seen.hidden)
    metadata = {name: bare.metadata[name] for name in METADATA if name in bare.metadata}
    manifest = replace(bare, metadata=metadata)
    path = put(seen.opened.name, history.as_file(history.put(conn, notebook_id, manifest, {})))
    # Whatever had this path has no file any more.
    history.delete(conn, person, path, now)
    fork_id = new_id()
    store.add(conn, fork_id, person.id, path, now)
    store.mark_copy(conn, fork_id, notebook_id, seen.number)
    store.copy_parts(conn, notebook_id, fork_id, manifest.digests())
    lineages.copy(conn, notebook_id, fork_id, person.id, manifest.outputs())
    head = Head(fork_id, path, 0, "", b"")
    history.append_made(conn, policy, person, head, manifest, Kind.FORKED, now, f"fork-{fork_id}")
    audit.record(
        conn,
        events.NotebookForked(
            person_id=person.id,
            via=person.via,
            notebook_id=fork_id,
            path=path,
            original=notebook_id,
            version=seen.number,
            hidden=seen.hidden_outputs,
        ),
    )
    return fork_id


def origin(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> Origin | None:
    """Return what a notebook that somebody may open was forked from; None for one that was not."""
    found = fork_store.copied(conn, notebook_id)
    if found is None:
        return None
    original, version = found
    try:
        return Origin(version, None if original is None else sharing.open_(conn, person, original, now))
    except NotFound:
        return Origin(version, None)


def origins(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> list[Origin]:
    """Return what a notebook was forked from, what that was forked from, and so on, as far as one may open them."""
    found: list[Origin] = []
    while len(found) < sharing.DEEPEST and (from_ := origin(conn, person, notebook_id, now)) is not None:
        found.append(from_)
        if from_.opened is None:
            break
        notebook_id = from_.opened.kept.notebook_id
    return found


def around(conn: Connection, policy: Policy, person: Principal, opened: Opened, now: datetime) -> Around:
    """Return what the page of a notebook says of its forks, and of what it was forked from."""
    notebook_id = opened.kept.notebook_id
    found, more = sharing.forks(conn, person, opened, now, 0)
    from_ = origin(conn, person, notebook_id, now)
    changed = 0
    if opened.role is Role.OWN and from_ is not None and from_.moved_on:
        both = _look(conn, policy, person, opened, from_, now).both
        changed = len(both.offers) if both else 0
    waiting = fork_store.count_waiting(conn, notebook_id) if opened.role.includes(Role.MANAGE) else 0
    return Around(from_, len(found), more, changed, waiting)


def look(conn: Connection, policy: Policy, person: Principal, notebook_id: str, now: datetime) -> Own:
    """Return a notebook of one's own, and what it was forked from.  Raises NotFound, Forbidden."""
    opened = sharing.open_(conn, person, notebook_id, now)
    return _look(conn, policy, person, opened, origin(conn, person, notebook_id, now), now)


def compare(conn: Connection, policy: Policy, person: Principal, notebook_id: str, now: datetime) -> Both:
    """Return one's fork beside its original.  Raises NotFound, Forbidden, Conflict where there is none to be seen."""
    return _demand_both(look(conn, policy, person, notebook_id, now))


def _held(conn: Connection, policy: Policy, person: Principal, notebook_id: str, now: datetime) -> Both:
    """Return one's fork beside its original; nobody else changes the fork before the transaction ends."""
    opened = sharing.held(conn, person, notebook_id, now)
    return _demand_both(_look(conn, policy, person, opened, origin(conn, person, notebook_id, now), now))


def _demand_both(own: Own) -> Both:
    if own.both is None:
        raise Conflict(
            Problem(
                f"{own.opened.name} has no original that you may open.",
                why="It is no fork, or what it was forked from was deleted, or is not shared with you any more.",
                todo="Ask whoever shared it with you. Your notebook stays as it is.",
            )
        )
    return own.both


def _look(
    conn: Connection, policy: Policy, person: Principal, opened: Opened, from_: Origin | None, now: datetime
) -> Own:
    if opened.role is not Role.OWN:
        raise Forbidden(
            Problem(
                f"{opened.name} is {opened.kept.owner}'s.",
                why="Its owner alone takes cells into it, and suggests what is in it.",
                todo="Fork it; then you have one of your own.",
            )
        )
    manifest = history.manifest_of(conn, opened.kept.notebook_id, opened.kept.digest)
    if from_ is None or from_.opened is None:
        return Own(opened, manifest, from_, None)
    seen = shown.look(conn, policy, person, from_.opened.kept.notebook_id, now)
    return Own(opened, manifest, from_, _both(conn, opened, manifest, seen))


def _both(conn: Connection, opened: Opened, manifest: Manifest, seen: Seen) -> Both:
    notebook_id = opened.kept.notebook_id
    # A fork begins with the original's cells, a copy with all that the original is.
    began = history.manifest_at(conn, notebook_id, 1) if opened.kept.number > 1 else manifest
    said = sources(conn, notebook_id, (*manifest.cells, *began.cells))
    said |= sources(conn, seen.opened.kept.notebook_id, seen.manifest.cells)
    theirs = merging.keyed(seen.manifest.without(seen.hidden).cells, said)
    mine = merging.keyed(manifest.cells, said)
    base = merging.base(merging.keyed(began.cells, said), fork_store.settled(conn, notebook_id))
    own = tuple(each for each in merging.offers(base, mine, theirs) if each.theirs is not None)
    return Both(opened, manifest, seen, theirs, mine, said, merging.offers(base, theirs, mine), own)


def news(both: Both, begins: int) -> tuple[list[Offered], bool]:
    """Return a page of what the original has changed, and whether there is more."""
    hidden = _with_hidden(both)
    found = []
    for each in both.offers[begins : begins + PAGE]:
        change = change_of(each, both.sources, both.mine if each.theirs is None else both.theirs)
        found.append(Offered(each, change, has_outputs(each.theirs), each.key in hidden))
    return found, len(both.offers) > begins + PAGE


def of_mine(conn: Connection, both: Both, begins: int) -> tuple[list[Offered], bool]:
    """Return a page of what the fork has changed, with what was suggested of it, and whether there is more."""
    said = fork_store.of_fork(conn, both.opened.kept.notebook_id)
    found = []
    for each in both.own[begins : begins + PAGE]:
        before = said.get(each.key)
        same = before is not None and each.theirs is not None and before.source == each.theirs.source
        found.append(Offered(each, change_of(each, both.sources, both.mine), suggestion=before if same else None))
    return found, len(both.own) > begins + PAGE


def change_of(offer: Offer, sources: Mapping[str, bytes], cells: Cells) -> Change:
    """Return what taking a cell changes, by line, and its number among `cells`, 0 for none; of its outputs nothing."""
    before, after = ([] if cell is None else [Cell(cell.source, None, ())] for cell in (offer.mine, offer.theirs))
    place = list(cells).index(offer.key) + 1 if offer.key in cells else 0
    return replace(changes.between(before, after, sources.__getitem__)[0], place=place)


def _with_hidden(both: Both) -> set[str]:
    """Return the keys of the original's cells that have outputs which the fork's owner may not see."""
    cells = zip(both.theirs, both.original.manifest.cells, strict=True)
    return {key for key, cell in cells if cell.outputs in both.original.hidden}


def has_outputs(cell: Cell | None) -> bool:
    """Tell whether a cell has outputs."""
    return cell is not None and cell.outputs is not None


def take(
    conn: Connection,
    policy: Policy,
    person: Principal,
    notebook_id: str,
    key: str,
    mark: str,
    home: Place,
    token: Callable[[], str],
    now: datetime,
) -> int:
    """Take a cell of the original as it is there, with the outputs that one may see; return what is newest then.

    What is offered no more was taken already, or changed back.  Raises NotFound, Forbidden, LimitExceeded, Conflict
    for a cell that is not what was shown, or a file that no version has.
    """
    both = _held(conn, policy, person, notebook_id, now)
    head = both.opened.kept.head
    offer = chosen(both.offers, key, mark)
    if offer is None:
        return head.number
    history.demand_kept(conn, head, home.digest(head.path))
    original = both.original.opened.kept.notebook_id
    if offer.theirs is not None:
        new = Manifest({}, 0, (offer.theirs,))
        store.copy_parts(conn, original, notebook_id, new.digests())
        lineages.copy(conn, original, notebook_id, person.id, new.outputs())
    manifest = merging.merged(both.manifest, both.original.manifest.minor, offer, both.theirs, both.mine)
    written = history.append_made(conn, policy, person, head, manifest, Kind.MERGED, now, f"portal-{token()}")
    fork_store.settle(conn, notebook_id, offer)
    audit.record(
        conn,
        events.CellTaken(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            version=head.number + 1,
            original=original,
            original_version=both.original.number,
            cell=offer.key[:KEY],
            what=offer.what,
        ),
    )
    home.replace(head.path, [written], f".swap-{token()}.tmp")
    return head.number + 1


def leave(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, key: str, mark: str, now: datetime
) -> None:
    """Leave a cell of the original where it is; it is offered again when it changes again.

    Raises NotFound, Forbidden, Conflict for a cell that is not what was shown.
    """
    both = _held(conn, policy, person, notebook_id, now)
    offer = chosen(both.offers, key, mark)
    if offer is None:
        return
    fork_store.settle(conn, notebook_id, offer)
    audit.record(
        conn,
        events.CellLeft(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            original=both.original.opened.kept.notebook_id,
            original_version=both.original.number,
            cell=offer.key[:KEY],
        ),
    )


def chosen(offers: Sequence[Offer], key: str, mark: str) -> Offer | None:
    """Return the offer that was chosen; None when it is offered no more.  Raises Conflict when it is another one."""
    found = next((each for each in offers if each.key == key), None)
    if found is not None:
        demand_shown(found, mark)
    return found


def demand_shown(offer: Offer, mark: str) -> None:
    """Raise Conflict unless an offer is what was shown."""
    if offer.mark != mark:
        raise Conflict(
            Problem(
                "This cell was changed meanwhile.",
                why="What you chose is not what was shown to you. Nothing was changed.",
                todo="Look at it once more.",
            )
        )


def sources(conn: Connection, notebook_id: str, cells: Iterable[Cell]) -> dict[str, bytes]:
    """Return the source parts of cells of a notebook."""
    kept = store.parts(conn, notebook_id, {cell.source for cell in cells})
    return {name: content.unpacked(part.content, part.size_bytes) for name, part in kept.items()}


def needs(manifest: Manifest) -> tuple[str, tuple[Package, ...]]:
    """Return the kernel that a notebook asks for, as it is called, and the packages of its author's own."""
    kernel = manifest.metadata.get("kernelspec")
    called = kernel.get("display_name") if isinstance(kernel, dict) else None
    return str(called)[:KERNEL_LENGTH] if isinstance(called, str) else "", locks.kept(manifest.metadata)
