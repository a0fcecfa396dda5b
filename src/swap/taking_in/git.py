"""What git has of a folder's notebooks: read from its objects alone.

The repository is anybody's.  Of its files we read where HEAD is, ourselves; git reads its objects for us, from an
empty repository of our own.  So no setting, hook, filter, attribute or remote of theirs is ever looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from swap.homes import OPEN_DIRECTORY

MOST_COMMITS: Final = 50_000
"""Of a repository, and versions of a notebook, that are looked at: the newest."""
MOST_VERSIONS: Final = 500
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REF: Final = re.compile(r"ref: (refs/[\w.+/@=-]+)")
_READ_BYTES: Final = 10_000_000
_PIECE_BYTES: Final = 65_536
_CONFIG: Final = (
    "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tcommitGraph = false\n\tmultiPackIndex = false\n"
)
_LOG: Final = (
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--raw",
    "-z",
    "--no-abbrev",
    "-M",
    "-l1000",
    "--no-ext-diff",
    "--no-textconv",
    "--no-mailmap",
    "--no-show-signature",
    "--no-notes",
    "--encoding=UTF-8",
    f"--max-count={MOST_COMMITS}",
    "--format=tformat:%x01%H%x00%at%x00%an%x00%s",
)


class NoHistory(Exception):
    """Why a folder's history is not taken."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that changed a notebook, as git says it, and what the notebook was then."""

    id: str
    at: datetime
    author: str
    subject: str
    blob: str


@dataclass(frozen=True, slots=True)
class _Change:
    commit: Commit
    path: str
    was: str
    """Its path before; nothing where it begins."""


def opened(folder: int, stack: ExitStack) -> Repository:
    """Open the repository of an open folder, until a stack ends.  Raises NoHistory where it cannot be read for us."""
    try:
        git = _folder(".git", folder, stack)
    except OSError as error:
        raise NoHistory("its .git leads elsewhere") from error
    try:
        head, objects = _head(git), _folder("objects", git, stack)
        _demand_own(objects)
        empty = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _make_empty(empty, _read(git, "shallow") or "")
    except OSError as error:
        raise NoHistory(f"its .git cannot be read ({error.strerror})") from error
    repository = Repository(empty, objects, head)
    stack.callback(repository.close)
    return repository


def _folder(name: str, directory: int, stack: ExitStack) -> int:
    descriptor = os.open(name, OPEN_DIRECTORY, dir_fd=directory)
    stack.callback(os.close, descriptor)
    return descriptor


def _head(git: int) -> str:
    """Return the commit that HEAD names."""
    said = (_read(git, "HEAD") or "").strip()
    if _COMMIT.fullmatch(said):
        return said
    ref = _REF.fullmatch(said)
    if ref is None or ".." in said:
        raise NoHistory("its HEAD is written in a way that is not read here")
    loose = (_read(git, ref[1]) or "").strip()
    if _COMMIT.fullmatch(loose):
        return loose
    for line in (_read(git, "packed-refs") or "").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref[1] and _COMMIT.fullmatch(commit):
            return commit
    raise NoHistory("it has no commit, or keeps them in a way that is not read here")


def _read(directory: int, path: str) -> str | None:
    """Return a small plain file's text; no step of its path is followed elsewhere."""
    *folders, name = path.split("/")
    with ExitStack() as stack:
        try:
            for folder in folders:
                directory = _folder(folder, directory, stack)
            with os.fdopen(os.open(name, _FILE, dir_fd=directory), "rb") as file:
                return file.read(_READ_BYTES).decode(errors="replace")
        except OSError:
            return None


def _demand_own(objects: int) -> None:
    """Raise NoHistory for objects that would be looked for in another repository too."""
    for name in ("alternates", "http-alternates"):
        with suppress(FileNotFoundError):
            os.stat(f"info/{name}", dir_fd=objects, follow_symlinks=False)
            raise NoHistory("it takes objects from another repository")


def _make_empty(place: Path, shallow: str) -> None:
    """Make an empty repository that knows where a history was cut off."""
    for folder in ("objects", "refs"):
        (place / folder).mkdir()
    (place / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
    (place / "config").write_text(_CONFIG, encoding="ascii")
    cut = [line for line in shallow.splitlines() if _COMMIT.fullmatch(line)]
    if cut:
        (place / "shallow").write_text("\n".join(cut) + "\n", encoding="ascii")


class Repository:
    """A repository's objects, as git reads them for us."""

    def __init__(self, empty: Path, objects: int, head: str) -> None:
        self._empty, self._objects, self._head = empty, objects, head
        self._changes = list(self._log())
        self._blobs = self._begin("cat-file", "--batch")

    def close(self) -> None:
        """End what reads for us."""
        self._blobs.kill()
        self._blobs.communicate()

    def commits(self, path: str) -> list[Commit]:
        """Return the commits that changed a notebook, the oldest first, through the names that it had."""
        found: list[Commit] = []
        for change in self._changes:
            if change.path == path and len(found) < MOST_VERSIONS:
                found.append(change.commit)
                path = change.was
        return found[::-1]

    def blob(self, name: str, most: int) -> bytes | None:
        """Return what a file was; None for what is larger, or not there."""
        assert self._blobs.stdin is not None
        assert self._blobs.stdout is not None
        self._blobs.stdin.write(f"{name}\n".encode())
        self._blobs.stdin.flush()
        said = self._blobs.stdout.readline().split()
        if len(said) != 3:
            if not said:
                raise NoHistory("git ended while it read it")
            return None
        size = int(said[2])
        if said[1] != b"blob" or size > most:
            _skip(self._blobs.stdout, size + 1)
            return None
        return self._blobs.stdout.read(size + 1)[:size]

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 — git's own, with arguments of ours
            ["git", "--no-pager", "--no-optional-locks", *command],  # noqa: S607 — the system's
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            pass_fds=(self._objects,),
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self._empty),
            "LC_ALL": "C.UTF-8",
            "GIT_DIR": str(self._empty),
            "GIT_OBJECT_DIRECTORY": f"/proc/self/fd/{self._objects}",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def _log(self) -> Iterator[_Change]:
        """Yield each change of a notebook, the newest first."""
        try:
            program = self._begin(*_LOG, self._head, "--", ":(glob)**/*.ipynb")
        except FileNotFoundError:
            raise NoHistory("git is not installed on this machine") from None
        out, _ = program.communicate()
        if program.returncode:
            raise NoHistory("git cannot read it")
        tokens = iter(out.decode(errors="replace").split("\0"))
        commit: tuple[str, str, str, str] | None = None
        for token in tokens:
            if token.startswith("\x01"):
                commit = token[1:], next(tokens), next(tokens), next(tokens)
            elif token.strip().startswith(":") and commit is not None:
                _, mode, _, blob, status = token.strip().split(" ")
                was = "" if status[0] == "A" else next(tokens)
                path = next(tokens) if status[0] in "ARC" else was
                if mode.startswith("100"):
                    made = Commit(commit[0], _moment(commit[1]), commit[2], commit[3], blob)
                    # A copy is a notebook of its own, and begins with it.
                    yield _Change(made, path, "" if status[0] == "C" else was)


def _moment(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(max(0, int(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _skip(file: IO[bytes], size: int) -> None:
    while size > 0 and (piece := file.read(min(size, _PIECE_BYTES))):
        size -= len(piece)
