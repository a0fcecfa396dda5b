"""A process that becomes a person, does one thing in their home, and ends.

It is forked from a program that has an empty network, and a view of libraries: of all files it has the home, handed
to it open, with the rights of its person.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any, BinaryIO, Final

from swap import channel, homes
from swap.errors import NotFound, Problem, SwapError, to_json
from swap.notebooks.workspace import Home
from swap.walls import powers

MOST_MEMORY: Final = 1 << 30
"""Bytes; a notebook can be made that takes a hundred times its size as objects."""
MOST_BYTES: Final = 1_000_000
"""Of a request; what is uploaded comes as an open file."""
_PIECE_BYTES: Final = 1 << 16


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process does."""
    return begin


def begin(control: socket.socket) -> None:
    """Become the person whose uid we are told, and answer one request on the socket that comes with it."""
    told, (tree, asked) = channel.receive(control)
    control.close()
    powers.turn_into(told["uid"])
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with socket.socket(fileno=asked) as to:
        serve(Entered(os.open(".", homes.OPEN_DIRECTORY, dir_fd=tree)), to)


def serve(home: Home, to: socket.socket) -> None:
    """Do what is asked for, and say what came of it."""
    handed: tuple[int, ...] = ()
    request, given = channel.receive(to, MOST_BYTES)
    answer: dict[str, Any]
    try:
        value, handed = _do(home, request, given)
        answer = {"value": value}
    except SwapError as error:
        answer = {"error": to_json(error)}
    except OSError as error:
        answer = {"errno": error.errno}
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waits any more
        channel.send(to, answer, handed)


class Entered(Home):
    """A home that is open; it is there."""

    def __init__(self, directory: int) -> None:
        self._directory = directory

    @contextmanager
    def _home(self, *, make: bool = False) -> Iterator[int]:  # noqa: ARG002 — it is made before
        yield self._directory


def _do(home: Home, request: Mapping[str, Any], given: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """Return what came of it, and descriptors to hand over."""
    if request.get("do") == "open":
        file, _ = home.open(str(request.get("path")))
        return None, (os.dup(file.fileno()),)
    if given:
        with os.fdopen(given[0], "rb") as content:
            return _write(home, request, _pieces(content)), ()
    return _other(home, request), ()


def _write(home: Home, request: Mapping[str, Any], content: Iterator[bytes]) -> Any:
    match request:
        case {"do": "replace", "path": str(path), "draft": str(draft)}:
            home.replace(path, content, draft)
            return None
        case {"do": "put", "stem": str(stem), "draft": str(draft), "first": first}:
            return home.put(stem, content, draft, first=first)
    raise _nothing()


def _other(home: Home, request: Mapping[str, Any]) -> Any:
    made: Any = None
    match request:
        case {"do": "find"}:
            found, complete = home.find()
            made = [[astuple(each) for each in found], complete]
        case {"do": "titles", "paths": list(paths)}:
            made = home.titles(map(str, paths))
        case {"do": "digest", "path": str(path)}:
            made = home.digest(path).hex()
        case {"do": "rename", "path": str(path), "name": str(name)}:
            home.rename(path, name)
        case {"do": "delete", "path": str(path)}:
            home.delete(path)
        case {"do": "packages"}:
            packages = home.packages()
            made = None if packages is None else astuple(packages)
        case {"do": "remove_packages"}:
            home.remove_packages()
        case _:
            raise _nothing()
    return made


def _nothing() -> NotFound:
    return NotFound(Problem("There is nothing of this kind to do in a home."))


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    while piece := content.read(_PIECE_BYTES):
        yield piece
