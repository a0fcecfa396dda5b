"""A save: into the journal, to SWAP's store, into its place, and then acknowledged with its version.

While SWAP does not answer a save is kept in the home alone, and said to the store, in order, when it does again.  A
file that something else changed is taken in before it is written over, so that its content too has a version.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from swap import content
from swap.content import Taken
from swap.errors import Invalid, LimitExceeded, NotSignedIn, Problem, SwapError, Unavailable
from swap.lab.journal import Entry, Journal, Signature, parts, signature
from swap.lab.placing import move, put
from swap.lab.sending import Save, Stale, Store

KEPT_BYTES = 5_000_000
"""Of a notebook whose cells are kept in memory, so that those that did not change are not taken apart again."""
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Between looks whether SWAP is back, while something waits for it."""

log = logging.getLogger("swap.lab")


@dataclass(frozen=True, slots=True)
class Saved:
    """How a notebook was saved last, as the page says it."""

    version: int | None
    """None while it is on this machine only."""
    problem: Problem | None = None
    """Why it is."""
    warning: str = ""
    """What SWAP said of the room that is left."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A notebook as the store has it, and its file as we left it."""

    version: int
    taken: Taken | None
    """The version, taken apart; its parts need not be sent."""
    file: Signature | None

    def parts(self) -> frozenset[str]:
        """Return the names of the version's parts."""
        return frozenset(name for _, names in self.taken.cells for name in names) if self.taken else frozenset()


@dataclass(frozen=True, slots=True)
class _Ready:
    """A save that is in the journal."""

    entry: Entry
    taken: Taken
    file_digest: str
    size_bytes: int
    behind: bool
    """Whether something waits before it."""


class Saving:
    """All saves of one server, one after another."""

    def __init__(self, home: Path, store: Store, root: Path | None = None) -> None:
        self._home = home
        self._root = root or home
        self._store = store
        self._journal = Journal(home)
        self._known: dict[str, _Known] = {}
        self._saved: dict[str, Saved] = {}
        self._refused: dict[str, Stale] = {}
        self._turn = asyncio.Lock()
        self._away = False
        self._again: asyncio.Task[None] | None = None

    # ── For the contents manager ────────────────────────────────────────────────────────────────────
    async def save(
        self, path: str, target: Path, text: str, document: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        """Save a notebook.  Raises Stale when the store has a newer version, and then nothing was written.

        `target` is the file; its `text` is what `document` is written as.
        """
        async with self._turn:
            name = self.name(target)
            if name in self._refused:
                raise self._refused[name]
            written = text.encode("utf-8", "surrogatepass")
            try:
                ready = await asyncio.to_thread(self._ready, name, target, environment, written, document)
            except (Invalid, LimitExceeded) as error:
                await asyncio.to_thread(put, written, target)
                self._saved[path] = Saved(None, error.problem)
                return
            await self._say(path, ready, target)

    def _ready(
        self, name: str, target: Path, environment: Mapping[str, str], written: bytes, document: Mapping[str, Any]
    ) -> _Ready:
        """Let the journal have a save, and before it what something else has put into its place.

        Raises Invalid, LimitExceeded.
        """
        known = self._known.get(name)
        taken = _taken(document, len(written), known.taken if known else None)
        self._take_in(name, target)
        before, waiting = signature(target), self._journal.waiting()
        base = known.version if known else 0 if before is None else None
        if any(entry.path == name for entry in waiting):
            base = None
        entry = Entry(_new_id(), "saved", name, base=base, environment=environment, target=str(target), before=before)
        self._journal.add(entry, written, lasting=False)
        return _Ready(entry, taken, content.digest(written), len(written), bool(waiting))

    async def _say(self, path: str, ready: _Ready, target: Path) -> None:
        entry = ready.entry
        try:
            await self._drain(ready)
        except Stale:
            self._journal.done(entry)
            raise
        except (Unavailable, NotSignedIn) as error:
            await asyncio.to_thread(self._keep, entry, target)
            self._saved[path] = Saved(None, error.problem)
            self._wait()
        except SwapError as error:
            # The store does not take this one, whenever it is asked: it is a file like any other.
            await asyncio.to_thread(move, self._journal.notebook(entry), target)
            self._journal.done(entry)
            self._saved[path] = Saved(None, error.problem)
        else:
            self._saved[path] = Saved(self._known[entry.path].version, None, self._store.warning)

    def _keep(self, entry: Entry, target: Path) -> None:
        """Put the file into its place, and let the journal have it too."""
        # Whatever happens from here on, the entry is there, and says that it is.
        self._journal.sync(entry)
        self._journal.settle(entry)
        put(self._journal.notebook(entry).read_bytes(), target)
        known = self._known.get(entry.path)
        if known is not None:
            self._known[entry.path] = replace(known, file=signature(target))
        else:
            self._known[entry.path] = _Known(0, None, signature(target))

    def _take_in(self, name: str, target: Path) -> None:
        now, known = signature(target), self._known.get(name)
        if now is None or (known is not None and known.file == now) or now[1] > content.WHOLE_BYTES:
            return
        # A pipe would be waited for; what has many parts is counted before it is in memory.
        if not target.is_file() or parts(target) > content.WHOLE_PARTS:
            return
        written = target.read_bytes()
        if _read(written) is not None:
            self._journal.add(Entry(_new_id(), "found", name), written, lasting=True)
            self._known[name] = replace(known, file=now) if known else _Known(0, None, now)

    async def found(self, target: Path) -> None:
        """Take in a notebook that something else has written, unless it is as it was left here."""
        async with self._turn:
            name = self.name(target)
            if name not in self._refused:
                await asyncio.to_thread(self._take_in, name, target)
                await self._pass_all_on()

    async def moved(self, old: Path, new: Path) -> None:
        """Let a notebook, or all in a folder, keep its history."""
        async with self._turn:
            await self._move(old, new)

    async def found_moved(self, old: Path, new: Path) -> None:
        """The same, for what something else has moved, unless something has come into its former place since."""
        async with self._turn:
            if await asyncio.to_thread(lambda: new.exists() and not old.exists()):
                await self._move(old, new)

    async def _move(self, old: Path, new: Path) -> None:
        was, now = self.name(old), self.name(new)
        for name in [each for each in self._known if each == was or each.startswith(f"{was}/")]:
            self._known[now + name[len(was) :]] = self._known.pop(name)
        await self._note(Entry(_new_id(), "move", was, to=now))

    async def deleted(self, target: Path) -> None:
        """Say that a notebook, or a folder, is gone."""
        async with self._turn:
            name = self.name(target)
            for each in [each for each in self._known if each == name or each.startswith(f"{name}/")]:
                del self._known[each]
            await self._note(Entry(_new_id(), "delete", name))

    async def _note(self, entry: Entry) -> None:
        await asyncio.to_thread(self._journal.add, entry, lasting=True)
        await self._pass_all_on()

    async def _pass_all_on(self) -> None:
        try:
            await self._drain()
        except (Unavailable, NotSignedIn):
            self._wait()

    # ── For the page ────────────────────────────────────────────────────────────────────────────────
    def saved(self, path: str) -> Saved | None:
        """Return how a notebook was saved last, if it was since this server began."""
        return self._saved.get(path)

    async def accept(self, target: Path, version: int) -> None:
        """Let the next save of a notebook follow a version that its person has heard of."""
        async with self._turn:
            name = self.name(target)
            known = self._known.get(name)
            self._known[name] = _Known(version, None, known.file if known else signature(target))
            self._refused.pop(name, None)
            for entry in self._journal.waiting():
                if entry.path == name and entry.what == "saved":
                    self._journal.begin_from(entry, version)
                    break

    # ── The journal's entries, to the store ─────────────────────────────────────────────────────────
    async def _drain(self, last: _Ready | None = None) -> None:
        """Say all that waits, oldest first.  Raises Unavailable, NotSignedIn, and what is said of the last one."""
        if self._away:
            raise Unavailable
        if last is not None and not last.behind:
            await self._pass_on(last.entry, last)
            return
        for entry in await asyncio.to_thread(self._journal.waiting):
            if last is not None and entry.id == last.entry.id:
                await self._pass_on(entry, last)
            elif entry.path not in self._refused:
                await self._pass_on_earlier(entry, last)

    async def _pass_on_earlier(self, entry: Entry, last: _Ready | None) -> None:
        """Say one that nobody waits for.  Raises Unavailable, NotSignedIn; Stale where the last one follows it."""
        try:
            await self._pass_on(entry, None)
        except Stale as stale:
            if entry.what == "found":
                # What it has is a version already.
                self._journal.done(entry)
            else:
                # Nobody is here to choose: it waits for its person's next save, which is asked.
                self._refused[entry.path] = stale
            if last is not None and entry.path == last.entry.path:
                raise
        except (Unavailable, NotSignedIn):
            raise
        except SwapError as error:
            log.warning("%s of %s is not taken: %s", entry.what, entry.path, error.problem.title)
            self._journal.done(entry)

    async def _pass_on(self, entry: Entry, ready: _Ready | None) -> None:
        if entry.what == "move":
            await self._store.move(entry.path, entry.to)
        elif entry.what == "delete":
            await self._store.delete(entry.path)
        else:
            ready = ready or await asyncio.to_thread(self._read_again, entry)
            if ready is not None:
                await self._pass_on_save(ready)
                return
        await asyncio.to_thread(self._journal.done, entry)

    def _read_again(self, entry: Entry) -> _Ready | None:
        """Return a save that waited, or None for one that is no notebook."""
        written = self._journal.notebook(entry).read_bytes()
        taken = _read(written)
        return _Ready(entry, taken, content.digest(written), len(written), behind=True) if taken else None

    async def _pass_on_save(self, ready: _Ready) -> None:
        entry, taken, known = ready.entry, ready.taken, self._known.get(ready.entry.path)
        base = entry.base if entry.base is not None else known.version if known and known.version else None
        save = Save(
            entry.path,
            base,
            entry.what,
            entry.id,
            ready.file_digest,
            entry.environment,
            taken,
            lambda: _read(self._journal.notebook(entry).read_bytes()) or taken,
        )
        # Both at once: neither is said to be saved before the other is.
        syncing = asyncio.create_task(asyncio.to_thread(self._journal.sync, entry))
        try:
            version = await self._store.save(save, known.parts() if known else frozenset())
        finally:
            await syncing
        file = await asyncio.to_thread(self._place, entry, version, known.file if known else None)
        # What is large is taken apart anew rather than kept here.
        self._known[entry.path] = _Known(version, taken if ready.size_bytes <= KEPT_BYTES else None, file)

    def _place(self, entry: Entry, version: int, file: Signature | None) -> Signature | None:
        """Put what was saved into its place, and forget the entry; return how its file is then, as we know it."""
        if entry.what == "found":
            file = signature(self._home / entry.path)
        elif entry.target and signature(Path(entry.target)) == entry.before:
            move(self._journal.notebook(entry), Path(entry.target))
            file = signature(Path(entry.target))
        self._lead_on(entry, version)
        self._journal.done(entry)
        return file

    def _lead_on(self, entry: Entry, version: int) -> None:
        """Let the save that comes next say by itself what it follows: this server may end before it is passed on."""
        for each in self._journal.waiting():
            if each.id > entry.id and each.path == entry.path and each.what == "saved":
                if each.base is None:
                    self._journal.begin_from(each, version)
                return

    def begin(self) -> None:
        """Go on from where a server before this one ended: put what it had begun to save into its place."""
        self._journal.tidy()
        for entry in self._journal.waiting():
            target = Path(entry.target)
            if entry.target and signature(target) == entry.before:
                put(self._journal.notebook(entry).read_bytes(), target)
            if entry.target:
                self._journal.settle(entry)
        if self._journal.waiting():
            self._wait()

    def _wait(self) -> None:
        """Try again until nothing waits."""
        self._away = True
        if self._again is None or self._again.done():
            self._again = asyncio.get_running_loop().create_task(self._try_again())

    async def _try_again(self) -> None:
        tries = 0
        while True:
            await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1
            # Asked before: nobody's save waits for a store that does not answer.
            if not await self._store.answers():
                continue
            async with self._turn:
                self._away = False
                try:
                    await self._drain()
                except (Unavailable, NotSignedIn):
                    self._away = True
                    continue
                for path in [path for path, saved in self._saved.items() if saved.problem is not None]:
                    known = self._known.get(self.name(self._root / path))
                    if known is not None and known.version:
                        self._saved[path] = Saved(known.version)
                return

    async def close(self) -> None:
        """Leave what waits to the next server."""
        if self._again is not None:
            self._again.cancel()
        await self._store.close()

    def name(self, target: Path) -> str:
        """Return a file's path below the home, as the portal has it."""
        return os.path.relpath(target, self._home)


def _taken(document: Mapping[str, Any], size_bytes: int, before: Taken | None) -> Taken:
    """Take a notebook apart.  Raises Invalid, LimitExceeded."""
    if size_bytes > content.WHOLE_BYTES:
        raise content.too_large()
    return content.take_apart(document, before)


def _read(written: bytes) -> Taken | None:
    """Take a notebook's file apart; None for what is none."""
    try:
        return content.take_apart(_parsed(written))
    except (Invalid, LimitExceeded, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    except Exception:  # noqa: BLE001 — nbformat has errors of its own for each thing that a file can be
        return None


def _parsed(written: bytes) -> Any:
    return nbformat.reads(written.decode("utf-8", "surrogatepass"), as_version=4)  # type: ignore[no-untyped-call]


def _new_id() -> str:
    return f"{time.time_ns():020d}-{secrets.token_hex(6)}"
