"""Ask the directory whose name and password these are, in threads of its own and in two lines.

Those of the hub's transactions never wait for a directory, and known browsers never wait for strangers.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from swap.hub.directories.base import NAME_LENGTH, Directory, DirectoryPerson

PASSWORD_LENGTH = 1024
STRANGERS = 40
"""So many passwords of strangers may wait to be looked at."""


class Crowded(Exception):
    """More strangers wait than are let in line."""


class Proving:
    """One directory and who waits for it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._for_strangers = ThreadPoolExecutor(max(1, directory.at_a_time - 1), "directory")
        self._for_known = ThreadPoolExecutor(1, "directory-known")
        self._strangers = 0

    async def prove(self, name: str, password: str, *, known: bool) -> DirectoryPerson | None:
        """Return whose these are, or None.  Raises DirectoryAway, and Crowded for a stranger who cannot wait."""
        # An empty password never reaches a directory: some take it for a question that needs no proof.
        if not (0 < len(password) <= PASSWORD_LENGTH and 0 < len(name) <= NAME_LENGTH):
            return None
        loop = asyncio.get_running_loop()
        if known:
            return await loop.run_in_executor(self._for_known, self._directory.authenticate, name, password)
        if self._strangers >= STRANGERS:
            raise Crowded
        self._strangers += 1
        try:
            return await loop.run_in_executor(self._for_strangers, self._directory.authenticate, name, password)
        finally:
            self._strangers -= 1
