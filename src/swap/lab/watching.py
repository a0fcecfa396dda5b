"""Watch the home for notebooks that something other than JupyterLab writes or moves: git, `cp`, any program.

The kernel tells of changes (inotify), so that a home at rest costs nothing.  What is written becomes a version once it
has been left alone for a moment; what is moved keeps its history.  A notebook that is gone is not said to be deleted:
git takes files away and puts them back, and with them would go whom they are shared with.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from asyncinotify import Event, Inotify, Mask

from swap.lab.saving import Saving

QUIET_SECONDS = 1.0
"""How long a file is left alone before it is read: programs write in pieces."""
LONGEST_SECONDS = 15.0
"""After which it is read all the same."""
ENDING = ".ipynb"
LEVELS = 8
"""Of folders below the home."""
FOLDERS = 4000
"""That are watched: the system has room for some thousands for each user."""
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders of programs' own files; hidden ones are skipped too."""

_MASK = Mask.CLOSE_WRITE | Mask.MOVE | Mask.CREATE | Mask.ONLYDIR | Mask.DONT_FOLLOW | Mask.EXCL_UNLINK

log = logging.getLogger("swap.lab")


class Watching:
    """The watch on one home."""

    def __init__(self, home: Path, saving: Saving) -> None:
        self._home = home
        self._saving = saving
        self._due: dict[Path, tuple[float, float]] = {}
        """Notebook → when it is looked at, and when at the latest."""
        self._heard = asyncio.Event()
        self._moving: dict[int, Path] = {}
        """Cookie → what was moved from there; the word of where it went is the next one, if it went anywhere here."""
        self._watched: set[int] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            inotify = Inotify()
        except OSError as error:  # the system has no more of them: saves take changes in all the same
            log.warning("Changes outside JupyterLab are not seen before the next save: %s", error)
            return
        with inotify:
            await asyncio.to_thread(self._watch, inotify, self._home)
            looking = asyncio.create_task(self._look())
            try:
                async for event in inotify:
                    await self._hear(inotify, event)
            finally:
                looking.cancel()

    def _watch(self, inotify: Inotify, folder: Path) -> list[Path]:
        """Watch a folder and those in it, the nearest first; return the notebooks that are there."""
        notebooks: list[Path] = []
        waiting = deque([folder])
        while waiting:
            if len(self._watched) >= FOLDERS:
                log.warning("%d folders are watched; notebooks in others are seen when they are saved", FOLDERS)
                break
            directory = waiting.popleft()
            with suppress(OSError):
                # Watched before it is read: what comes meanwhile is seen twice rather than not at all.
                self._watched.add(inotify.add_watch(directory, _MASK).wd)
                entries = [each for each in os.scandir(directory) if not _is_skipped(each.name)]
                if len(directory.relative_to(self._home).parts) < LEVELS:
                    waiting += [Path(each) for each in entries if each.is_dir(follow_symlinks=False)]
                notebooks += [Path(each) for each in entries if each.name.endswith(ENDING)]
        return notebooks

    async def _hear(self, inotify: Inotify, event: Event) -> None:
        if Mask.Q_OVERFLOW in event.mask:
            log.warning("Too much was written at once: some notebooks are seen when they are saved")
        if Mask.IGNORED in event.mask and event.watch is not None:
            self._watched.discard(event.watch.wd)
        path = event.path
        if path is None or event.name is None or _is_skipped(path.name):
            return
        came_from = self._moving.pop(event.cookie, None) if Mask.MOVED_TO in event.mask else None
        if Mask.MOVED_FROM in event.mask:
            self._moving = {event.cookie: path}
        elif Mask.ISDIR in event.mask:
            await self._hear_folder(inotify, came_from, path)
        elif path.suffix == ENDING and Mask.CREATE not in event.mask:
            if came_from is not None and came_from.suffix == ENDING:
                await self._tell(self._saving.found_moved(came_from, path))
            self._put_off(path)

    async def _hear_folder(self, inotify: Inotify, came_from: Path | None, path: Path) -> None:
        if came_from is not None:
            for watch in inotify.watches:
                if watch.path.is_relative_to(came_from):
                    watch.path = path / watch.path.relative_to(came_from)
            await self._tell(self._saving.found_moved(came_from, path))
        for notebook in await asyncio.to_thread(self._watch, inotify, path):
            self._put_off(notebook)

    def _put_off(self, path: Path) -> None:
        now = time.monotonic()
        latest = self._due[path][1] if path in self._due else now + LONGEST_SECONDS
        self._due[path] = min(now + QUIET_SECONDS, latest), latest
        self._heard.set()

    async def _look(self) -> None:
        """Take in what has been left alone, one after another: whoever saves waits for one at most."""
        while True:
            if not self._due:
                self._heard.clear()
                await self._heard.wait()
            path = min(self._due, key=lambda each: self._due[each][0])
            rest = self._due[path][0] - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
                continue  # it may have been put off meanwhile
            del self._due[path]
            await self._tell(self._saving.found(path))

    async def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        try:
            await telling
        except Exception:
            log.exception("A change outside JupyterLab was not taken in")


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED
