"""What the portal asks of people's homes, wherever they are touched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from swap.notebooks.packages import Own
from swap.notebooks.workspace import Found
from swap.usage import Use


class Place(Protocol):
    """One person's home directory, as `workspace.Home` says."""

    def find(self) -> tuple[list[Found], bool]:
        """Return every notebook that is a plain file, and whether the whole home was searched."""

    def titles(self, paths: Iterable[str]) -> list[str]:
        """Return the title of each notebook; nothing for one that has none, or cannot be read."""

    def open(self, path: str) -> tuple[BinaryIO, int]:
        """Open a notebook to be sent; return it and its size.  Raises NotFound."""

    def rename(self, path: str, name: str) -> None:
        """Give a notebook another name in its folder.  Raises NotFound, Unavailable, Conflict when it is taken."""

    def delete(self, path: str) -> None:
        """Delete a notebook.  Raises NotFound, Unavailable."""

    def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a notebook's file.  Raises NotFound for what is not a visible plain file."""

    def replace(self, path: str, content: Iterable[bytes], draft: str) -> None:
        """Write a notebook in the place of one that is there, whole or not at all.  Raises NotFound, Unavailable."""

    def put(self, stem: str, content: Iterable[bytes], draft: str, *, first: int | None) -> str:
        """Write a notebook under a name nobody has taken: `stem`, or `stem-n` from `first` on.  Return the name."""

    def packages(self) -> Own | None:
        """Return its person's own packages, if there are any."""

    def remove_packages(self) -> None:
        """Remove all of them.  Raises Unavailable."""


class Places(Protocol):
    """Everybody's home, and what else is known of a person on this machine."""

    def home(self, person_id: str) -> Place:
        """Return a person's home.  Raises Forbidden for what is no person id."""

    def use(self, person_id: str) -> Use:
        """Return what a person's programs use, as far as it is known here."""

    def ended(self, person_id: str) -> str:
        """Return why a person's last server ended, if it is known and none was started since."""
