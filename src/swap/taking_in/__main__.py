"""The work of `swap notebooks import`: swap.taking_in <swap.toml> <folder>.

Each folder in it that is called as a person is theirs.  It is read by a process that has become the folder's owner,
and never by root; what that says is checked as a save is.
"""

from __future__ import annotations

import io
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from swap import homes, runtime, terminal
from swap import settings as settings_module
from swap.db import engine
from swap.errors import Invalid, Problem, SwapError, Unavailable
from swap.gateway.notebooks import SAVE_BYTES, received
from swap.notebooks import taken_in
from swap.notebooks.taken_in import Old
from swap.runtime import Runtime
from swap.settings import Settings
from swap.taking_in import folder as old_folder
from swap.taking_in import into
from swap.taking_in.folder import Left
from swap.taking_in.into import Homes

MOST_MEMORY: Final = 3 << 30
LISTED: Final = 50
"""Notebooks of a person that are named because they were left out."""


@dataclass
class Count:
    """What came of one person's folder."""

    notebooks: int = 0
    versions: int = 0


class Importing:
    """One run of it."""

    def __init__(self, settings: Settings, here: Runtime, say: Callable[[str], None]) -> None:
        self._settings, self._here, self._say = settings, here, say
        old_folder.prepare()
        self._store = engine.create(here.database_urls["gateway"], connections=1)
        self._homes = Homes(settings, here)

    def close(self) -> None:
        """Close the connections."""
        self._store.dispose()
        self._homes.close()

    def all_of(self, root: Path) -> int:
        """Take in each person's folder; return the status to end with."""
        directory = os.open(root, homes.OPEN_DIRECTORY)
        try:
            for name in sorted(os.listdir(directory)):  # noqa: PTH208 — of an open folder
                try:
                    self._folder(directory, name)
                except SwapError as error:
                    self._say(f"{name}: not taken in. {error}")
        finally:
            os.close(directory)
        return 0

    def _folder(self, directory: int, name: str) -> None:
        try:
            opened = os.open(name, homes.OPEN_DIRECTORY, dir_fd=directory)
        except OSError:
            self._say(f"{name}: not taken in. It is no folder, or a link.")
            return
        try:
            with self._store.connect() as conn:
                person_id = into.person_id(conn, name)
                there = taken_in.paths(conn, person_id)
            self._take_in(name, person_id, opened, there)
        finally:
            os.close(opened)

    def _take_in(self, name: str, person_id: str, opened: int, there: frozenset[str]) -> None:
        count, left = Count(), list[str]()
        end: Mapping[str, Any] = {}
        with _reading(opened, there) as pipe:
            while (frame := old_folder.receive(pipe, SAVE_BYTES)) is not None:
                said = json.loads(frame)
                if "left" in said:
                    left.append(f"{said['left']}: {said['why']}")
                elif "path" in said:
                    self._notebook(name, person_id, said, pipe, count, left)
                else:
                    end = said
        if not end:
            left.append("its reading ended early; what was read is kept, and another run goes on from there")
        self._say_all(name, count, left, end)

    def _notebook(
        self, name: str, person_id: str, said: Mapping[str, Any], pipe: IO[bytes], count: Count, left: list[str]
    ) -> None:
        path, frames = str(said["path"]), _Frames(pipe, 2 * int(said["versions"]) + 1)
        try:
            with self._store.begin() as conn:
                now = datetime.now(UTC)
                most = self._settings.keep.person_bytes
                made = taken_in.take_in(conn, person_id, path, _versions(frames, path), now, _new_id, most)
                # The last step before the transaction ends: what has no file has no versions.
                if made:
                    self._place(person_id, path, frames.next())
        except (Left, SwapError) as why:
            left.append(f"{path}: {why}")
        else:
            count.notebooks, count.versions = count.notebooks + 1, count.versions + made
            self._say(f"{name}/{path}: {made} version{'s' * (made != 1)}")
        finally:
            frames.skip()

    def _place(self, person_id: str, path: str, file: bytes) -> None:
        """Put a notebook's file into its person's home.  Raises Left where another is, SwapError."""
        if not self._homes.put(person_id, path, file):
            raise Left("another file of this name is in their home")

    def _say_all(self, name: str, count: Count, left: list[str], end: Mapping[str, Any]) -> None:
        self._say(
            f"{name}: {count.notebooks} notebooks with {count.versions} versions taken in,"
            f" {end.get('known', 0)} were there, {len(left)} left out;"
            f" not looked at: {end.get('others', 0)} other files, {end.get('links', 0)} links"
        )
        notes = [*end.get("notes", []), *left]
        for each in notes[:LISTED]:
            self._say(f"  {each}")
        if len(notes) > LISTED:
            self._say(f"  and {len(notes) - LISTED} more")


class _Frames:
    """The frames of one notebook, of which none may be left behind for the next."""

    def __init__(self, pipe: IO[bytes], count: int) -> None:
        self._pipe, self.left = pipe, count

    def next(self) -> bytes:
        """Return the next one.  Raises Left when there is none."""
        self.left -= 1
        frame = old_folder.receive(self._pipe, SAVE_BYTES)
        if frame is None:
            raise Left("its reading ended early")
        return frame

    def skip(self) -> None:
        """Read those that nobody wanted."""
        while self.left > 0:
            self.left -= 1
            old_folder.receive(self._pipe, SAVE_BYTES)


def _versions(frames: _Frames, path: str) -> Iterator[Old]:
    while frames.left > 1:
        said, sent = json.loads(frames.next()), received(io.BytesIO(frames.next()))
        if sent.path != path:
            raise Left("what was read of it is another's")
        yield Old(sent, datetime.fromisoformat(said["at"]), str(said["name"]), dict(said["environment"]))


def _new_id() -> str:
    return secrets.token_hex(12)


@contextmanager
def _reading(opened: int, there: frozenset[str]) -> Iterator[IO[bytes]]:
    """Give what a process says of an open folder that has become the folder's owner.  Raises Invalid for root's."""
    owner = os.fstat(opened).st_uid
    if os.geteuid() == 0 and owner == 0:
        raise Invalid(
            Problem("It belongs to root.", todo="Give it to whom it is: chown -R --no-dereference ann FOLDER")
        )
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _read(opened, owner, there, tell)
    os.close(tell)
    try:
        with os.fdopen(told, "rb") as pipe:
            yield pipe
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _read(opened: int, owner: int, there: frozenset[str], tell: int) -> None:
    """Say all of a folder, and end the process, whatever happens."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if os.geteuid() == 0:
            into.become(owner)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        with os.fdopen(tell, "wb") as pipe:
            for frame in old_folder.frames(opened, there):
                old_folder.send(pipe, frame)
    finally:
        os._exit(0)


def of_running(config: Path, folder: Path) -> int:
    """Take in a folder for the SWAP that runs.  Raises Unavailable when none does, Invalid for no folder."""
    settings = settings_module.load(config)
    here = runtime.of_running(settings.state)
    if here is None:
        raise Unavailable(Problem("SWAP does not run.", todo="Start it, then run this again."))
    if not folder.is_dir():
        raise Invalid(Problem(f"{folder} is no folder.", todo="Name the folder that holds one for each person."))
    importing = Importing(settings, here, terminal.line)
    try:
        return importing.all_of(folder)
    finally:
        importing.close()


def main() -> None:
    """Take in, and end."""
    terminal.leave(lambda: of_running(Path(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
