"""A save: into the journal, to SWAP's store, into its place, and then acknowledged with its version.

While SWAP does not answer a save is kept in the home alone, and said to the store, in order, when it does again.  A
file that something else changed is taken in before it is written over, so that its content too has a version.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from swap import content
from swap.content import Taken
from swap.errors import Invalid, LimitExceeded, NotSignedIn, Problem, SwapError, Unavailable
from swap.lab.journal import Entry, Journal, Signature, signature
from swap.lab.sending import Save, Stale, Store

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


@dataclass(frozen=True, slots=True)
class _Known:
    """A notebook as the store has it, and its file as we left it."""

    version: int
    parts: frozenset[str]
    file: Signature | None


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
            written = text.encode("utf-8", "surrogatepass")
            name = self._name(target)
            try:
                taken = await asyncio.to_thread(_taken, document, len(written))
            except (Invalid, LimitExceeded) as error:
                await asyncio.to_thread(_put, written, target)
                self._saved[path] = Saved(None, error.problem)
                return
            if name in self._refused:
                raise self._refused[name]
            entry = await asyncio.to_thread(self._entry, name, target, environment, written)
            await self._say(path, entry, taken, target)

    def _entry(self, name: str, target: Path, environment: Mapping[str, str], written: bytes) -> Entry:
        """Let the journal have a save, and before it what something else has put into its place."""
        self._take_in(name, target)
        known, before = self._known.get(name), signature(target)
        base = known.version if known else 0 if before is None else None
        if any(entry.path == name for entry in self._journal.waiting()):
            base = None
        entry = Entry(_new_id(), "saved", name, base=base, environment=environment, target=str(target), before=before)
        self._journal.add(entry, written, lasting=False)
        return entry

    async def _say(self, path: str, entry: Entry, taken: Taken, target: Path) -> None:
        try:
            await self._drain(entry, taken)
        except Stale:
            self._journal.done(entry)
            raise
        except (Unavailable, NotSignedIn) as error:
            await asyncio.to_thread(self._keep, entry, target)
            self._saved[path] = Saved(None, error.problem)
            self._wait()
        except SwapError as error:
            # The store does not take this one, whenever it is asked: it is a file like any other.
            await asyncio.to_thread(_move, self._journal.notebook(entry), target)
            self._journal.done(entry)
            self._saved[path] = Saved(None, error.problem)
        else:
            self._saved[path] = Saved(self._known[entry.path].version)

    def _keep(self, entry: Entry, target: Path) -> None:
        """Put the file into its place, and let the journal have it too."""
        # Whatever happens from here on, the entry is there, and says that it is.
        self._journal.settle(entry)
        _put(self._journal.notebook(entry).read_bytes(), target)
        known = self._known.get(entry.path)
        if known is not None:
            self._known[entry.path] = replace(known, file=signature(target))
        else:
            self._known[entry.path] = _Known(0, frozenset(), signature(target))

    def _take_in(self, name: str, target: Path) -> None:
        now, known = signature(target), self._known.get(name)
        if now is None or (known is not None and known.file == now) or now[1] > content.WHOLE_BYTES:
            return
        written = target.read_bytes()
        if _read(written) is not None:
            self._journal.add(Entry(_new_id(), "found", name), written, lasting=False)

    async def moved(self, old: Path, new: Path) -> None:
        """Let a notebook, or all in a folder, keep its history."""
        async with self._turn:
            was, now = self._name(old), self._name(new)
            for name in [each for each in self._known if each == was or each.startswith(f"{was}/")]:
                self._known[now + name[len(was) :]] = self._known.pop(name)
            await self._note(Entry(_new_id(), "move", was, to=now))

    async def deleted(self, target: Path) -> None:
        """Say that a notebook, or a folder, is gone."""
        async with self._turn:
            name = self._name(target)
            for each in [each for each in self._known if each == name or each.startswith(f"{name}/")]:
                del self._known[each]
            await self._note(Entry(_new_id(), "delete", name))

    async def _note(self, entry: Entry) -> None:
        await asyncio.to_thread(self._journal.add, entry, lasting=True)
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
            name = self._name(target)
            known = self._known.get(name)
            self._known[name] = _Known(version, frozenset(), known.file if known else signature(target))
            self._refused.pop(name, None)
            for entry in self._journal.waiting():
                if entry.path == name and entry.what == "saved":
                    self._journal.begin_from(entry, version)
                    break

    # ── The journal's entries, to the store ─────────────────────────────────────────────────────────
    async def _drain(self, last: Entry | None = None, taken: Taken | None = None) -> None:
        """Say all that waits, oldest first.  Raises Unavailable, NotSignedIn, and what is said of the last one."""
        if self._away:
            raise Unavailable
        waiting = [last] if last and not await self._behind(last) else await asyncio.to_thread(self._journal.waiting)
        for entry in waiting:
            if last is not None and entry.id == last.id:
                await self._pass_on(entry, taken)
            elif entry.path not in self._refused:
                await self._pass_on_earlier(entry, last)

    async def _pass_on_earlier(self, entry: Entry, last: Entry | None) -> None:
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
            if last is not None and entry.path == last.path:
                raise
        except (Unavailable, NotSignedIn):
            raise
        except SwapError as error:
            log.warning("%s of %s is not taken: %s", entry.what, entry.path, error.problem.title)
            self._journal.done(entry)

    async def _behind(self, entry: Entry) -> bool:
        """Tell whether something waits before an entry."""
        waiting = await asyncio.to_thread(self._journal.waiting)
        return bool(waiting) and waiting[0].id != entry.id

    async def _pass_on(self, entry: Entry, taken: Taken | None) -> None:
        if entry.what == "move":
            await self._store.move(entry.path, entry.to)
        elif entry.what == "delete":
            await self._store.delete(entry.path)
        else:
            await self._pass_on_save(entry, taken)
        await asyncio.to_thread(self._journal.done, entry)

    async def _pass_on_save(self, entry: Entry, taken: Taken | None) -> None:
        written = await asyncio.to_thread(self._journal.notebook(entry).read_bytes)
        taken = taken or await asyncio.to_thread(_read, written)
        if taken is None:
            return
        known = self._known.get(entry.path)
        base = entry.base if entry.base is not None else known.version if known and known.version else None
        save = Save(entry.path, base, entry.what, entry.id, content.digest(written), entry.environment, taken)
        version = await self._store.save(save, known.parts if known and known.version == base else frozenset())
        file = known.file if known else None
        if entry.what == "found":
            file = signature(self._home / entry.path)
        elif entry.target and signature(Path(entry.target)) == entry.before:
            await asyncio.to_thread(_move, self._journal.notebook(entry), Path(entry.target))
            file = signature(Path(entry.target))
        self._known[entry.path] = _Known(version, frozenset(taken.parts) | {taken.digest}, file)

    def begin(self) -> None:
        """Go on from where a server before this one ended: put what it had begun to save into its place."""
        for entry in self._journal.waiting():
            target = Path(entry.target)
            if entry.target and signature(target) == entry.before:
                _put(self._journal.notebook(entry).read_bytes(), target)
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
                    known = self._known.get(self._name(self._root / path))
                    if known is not None and known.version:
                        self._saved[path] = Saved(known.version)
                return

    async def close(self) -> None:
        """Leave what waits to the next server."""
        if self._again is not None:
            self._again.cancel()
        await self._store.close()

    def _name(self, target: Path) -> str:
        """Return a file's path below the home, as the portal has it."""
        return os.path.relpath(target, self._home)


def _taken(document: Mapping[str, Any], size_bytes: int) -> Taken:
    """Take a notebook apart.  Raises Invalid, LimitExceeded."""
    if size_bytes > content.WHOLE_BYTES:
        raise content.too_large()
    return content.take_apart(document)


def _read(written: bytes) -> Taken | None:
    """Take a notebook's file apart; None for what is none."""
    if content.count([written]) > content.WHOLE_PARTS:
        return None
    try:
        return content.take_apart(_parsed(written))
    except (Invalid, LimitExceeded, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    except Exception:  # noqa: BLE001 — nbformat has errors of its own for each thing that a file can be
        return None


def _parsed(written: bytes) -> Any:
    return nbformat.reads(written.decode("utf-8", "surrogatepass"), as_version=4)  # type: ignore[no-untyped-call]


def _put(written: bytes, target: Path) -> None:
    """Write a file, whole or not at all."""
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.new")
    try:
        draft.write_bytes(written)
        _move(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _move(draft: Path, target: Path) -> None:
    """Put a file in another's place, with what may be done with that one; the draft is used up."""
    place = target.resolve()
    try:
        mode, links = place.stat().st_mode & 0o7777, place.stat().st_nlink
    except FileNotFoundError:
        mode, links = 0o666 & ~_umask(), 1
    if links > 1 or not os.access(place.parent, os.W_OK):
        # Another name of the same file goes on showing it.
        with draft.open("rb") as source, place.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        draft.unlink(missing_ok=True)
        return
    draft.chmod(mode)
    if draft.stat().st_dev == place.parent.stat().st_dev:
        draft.replace(place)
        return
    near = place.with_name(f".{place.name[:200]}.{secrets.token_hex(4)}.new")
    shutil.copy2(draft, near)
    near.replace(place)
    draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _new_id() -> str:
    return f"{time.time_ns():020d}-{secrets.token_hex(6)}"


def environment_of(document: Mapping[str, Any], kernel_id: str) -> dict[str, str]:
    """Return what a notebook runs in, as it says, and the kernel that runs it."""
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, Mapping) else None
    spec = spec if isinstance(spec, Mapping) else {}
    said = {"kernel": spec.get("name"), "language": spec.get("language")}
    return {name: value[:64] for name, value in said.items() if isinstance(value, str)} | {"kernel_id": kernel_id}


def as_json(saved: Saved | None) -> dict[str, Any]:
    """Return how a notebook was saved, for the page."""
    if saved is None:
        return {"version": None, "why": None}
    problem = saved.problem
    return {"version": saved.version, "why": problem and " ".join(filter(None, (problem.title, problem.why)))}
