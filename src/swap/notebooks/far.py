"""Homes that the portal, which has no power, asks its warden for: three things, each by a person's id.

What is done in a home is asked of a process that has become its person, and that the warden only begins.  What it
answers is not to be trusted more than what lies in the home.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from swap import channel
from swap.errors import Problem, Unavailable, from_json
from swap.notebooks.model import TITLE_LIMIT
from swap.notebooks.packages import Own
from swap.notebooks.workspace import Found
from swap.usage import Part, Use
from swap.walls.errands import Asker

HOME: Final = "home"
"""Begin a process in the home of that person; what it is to do there comes on the socket for the answer."""
USE: Final = "use"
"""Say what that person's programs use."""
ENDED: Final = "ended"
"""Say why that person's server ended."""

MOST_BYTES: Final = 10_000_000
"""Of an answer: more than the names of all notebooks that are listed take."""
_SECONDS: Final = 70.0


@dataclass(frozen=True, slots=True)
class Far:
    """Everybody's home, by way of the warden."""

    warden: Asker

    def home(self, person_id: str) -> Distant:
        """Return a person's home."""
        return Distant(self, person_id)

    def use(self, person_id: str) -> Use:
        """Return what a person's programs use."""
        answer = self.ask(USE, person_id)[0]
        return Use(**{name: Part(**part) for name, part in answer.items()})

    def ended(self, person_id: str) -> str:
        """Return why a person's last server ended."""
        return str(self.ask(ENDED, person_id)[0])

    def ask(
        self, errand: str, person_id: str, request: dict[str, Any] | None = None, given: Sequence[int] = ()
    ) -> tuple[Any, list[int]]:
        """Return an answer and the descriptors that came with it.  Raises what the answer says, or Unavailable."""
        handed: list[int] = []
        try:
            with self.warden.ask(f"{errand} {person_id}") as to:
                to.settimeout(_SECONDS)
                if request is not None:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        # Whoever refuses has not waited for it, and says why.
                        channel.send(to, request, given)
                answer, handed = channel.receive(to, MOST_BYTES)
        except (OSError, EOFError, TypeError, ValueError, RecursionError) as error:
            raise _silent() from error
        if "value" in answer:
            return answer["value"], handed
        for each in handed:
            os.close(each)
        if isinstance(answer.get("errno"), int):
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        raise from_json(answer.get("error"))


@dataclass(frozen=True, slots=True)
class Distant:
    """One person's home: each method is done there by a process that has become its person."""

    far: Far
    person_id: str

    def find(self) -> tuple[list[Found], bool]:
        """Return every notebook that is a plain file, and whether the whole home was searched."""
        found, complete = self._do("find")
        return [Found(str(path), int(modified_ns), int(size)) for path, modified_ns, size in found], bool(complete)

    def titles(self, paths: Iterable[str]) -> list[str]:
        """Return the title of each notebook; nothing for one that has none, or cannot be read."""
        return [str(title)[:TITLE_LIMIT] for title in self._do("titles", paths=list(paths))]

    def open(self, path: str) -> tuple[BinaryIO, int]:
        """Open a notebook to be sent; return it and its size.  Raises NotFound."""
        _, handed = self.far.ask(HOME, self.person_id, {"do": "open", "path": path})
        for each in handed[1:]:
            os.close(each)
        if not handed:
            raise _silent()
        state = os.fstat(handed[0])
        if not stat.S_ISREG(state.st_mode):  # reading it might never end
            os.close(handed[0])
            raise _silent()
        return os.fdopen(handed[0], "rb"), state.st_size

    def rename(self, path: str, name: str) -> None:
        """Give a notebook another name in its folder.  Raises NotFound, Unavailable, Conflict when it is taken."""
        self._do("rename", path=path, name=name)

    def delete(self, path: str) -> None:
        """Delete a notebook.  Raises NotFound, Unavailable."""
        self._do("delete", path=path)

    def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a notebook's file.  Raises NotFound for what is not a visible plain file."""
        try:
            return bytes.fromhex(self._do("digest", path=path))
        except (TypeError, ValueError):
            raise _silent() from None

    def replace(self, path: str, content: Iterable[bytes], draft: str) -> None:
        """Write a notebook in the place of one that is there, whole or not at all.  Raises NotFound, Unavailable."""
        with _as_file(content) as file:
            self._do("replace", file, path=path, draft=draft)

    def put(self, stem: str, content: Iterable[bytes], draft: str, *, first: int | None) -> str:
        """Write a notebook under a name nobody has taken: `stem`, or `stem-n` from `first` on.  Return the name."""
        with _as_file(content) as file:
            return str(self._do("put", file, stem=stem, draft=draft, first=first))

    def packages(self) -> Own | None:
        """Return its person's own packages, if there are any."""
        found = self._do("packages")
        return None if found is None else Own(tuple(map(str, found[0])), int(found[1]), bool(found[2]))

    def remove_packages(self) -> None:
        """Remove all of them.  Raises Unavailable."""
        self._do("remove_packages")

    def _do(self, what: str, *given: int, **told: Any) -> Any:
        value, handed = self.far.ask(HOME, self.person_id, {"do": what, **told}, given)
        for each in handed:
            os.close(each)
        return value


@contextlib.contextmanager
def _as_file(content: Iterable[bytes]) -> Iterator[int]:
    """Yield a file in memory that holds it, as an open descriptor."""
    with os.fdopen(os.memfd_create("notebook"), "r+b") as file:
        file.writelines(content)
        file.flush()
        file.seek(0)
        yield file.fileno()


def _silent() -> Unavailable:
    return Unavailable(
        Problem(
            "Your home directory does not answer.",
            why="The part of SWAP that reaches it ended, or took too long.",
            todo="Try again in a minute. Your notebooks are not touched.",
        )
    )
