"""Data files that reports keep: which report keeps which, and how a run's rows come into them.

They lie in a directory that the settings name.  Which report may write there, and where, those who run SWAP have said
(`swap reports import`), in a file below `.reports`; what a notebook says is rows, and never a path.
"""

from __future__ import annotations

import grp
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, Final

from swap.client.data_file import MIME
from swap.errors import Invalid, Problem, SwapError
from swap.homes import OPEN_DIRECTORY
from swap.reports import tsv
from swap.reports.tsv import Table, Unit

BINDINGS: Final = ".reports"
FILE_BYTES: Final = 50_000_000
_DRAFT: Final = ".swap-"
_OLD_SECONDS: Final = 86_400
"""After which a draft is nobody's any more: who wrote it was killed."""
_NEW: Final = 0o640
"""Who may read a file that was not there: SWAP's user, and its group."""
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
Values = tuple[tuple[str, str], ...]
"""Which of a report's files: each placeholder, by name, with its value."""


class NotWritten(SwapError):
    """A data file could not be written."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The files of a report."""

    into: str
    """The folder that they are in."""
    key: str
    unit: Unit
    most: int | None
    """Of how many periods they have rows."""
    group: str
    """The system's group that may read them."""
    explode: Mapping[str, tuple[str, ...]]
    gid: int | None = field(default=None, compare=False)
    """The number of that group: behind walls none has a name."""

    def path(self, values: Values) -> str:
        """Return where a file is, as reportupdater named it.

        >>> Binding("metrics", "prefs", Unit.DAYS, None, "", {}).path((("team", "a"), ("wiki", "dewiki")))
        'metrics/prefs/a/dewiki.tsv'
        """
        return "/".join((self.into, self.key, *(value for _, value in values))) + ".tsv"

    @property
    def combinations(self) -> list[Values]:
        """Which files they are."""
        return [tuple(zip(self.explode, values, strict=True)) for values in product(*self.explode.values())]

    @property
    def paths(self) -> frozenset[str]:
        """Where they are."""
        return frozenset(self.path(values) for values in self.combinations)

    @property
    def folders(self) -> list[list[str]]:
        """The folders that they are in, each as the names that lead to it."""
        return [list(each) for each in sorted({tuple(path.split("/")[:-1]) for path in self.paths})]


class Files:
    """The directory of data files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def bind(self, report_id: str, binding: Binding) -> None:
        """Say which files a report keeps.  Raises NotWritten."""
        with suppress(KeyError):
            binding = replace(binding, gid=grp.getgrnam(binding.group).gr_gid)
        said = json.dumps(asdict(binding)).encode()
        with explained():
            with self._folder([BINDINGS]) as folder:
                draft = _draft(folder, said, None, None)
                if (owner := self._owner) is not None:
                    os.chown(draft, owner, owner, dir_fd=folder, follow_symlinks=False)
                _place(folder, draft, f"{report_id}.json")
            if owner is not None and binding.gid is not None:
                for names in binding.folders:
                    with self._folder(names) as folder:
                        _hand_group_on(folder, binding.gid)

    def binding(self, report_id: str) -> Binding | None:
        """Return which files a report keeps, if it does.  Raises NotWritten."""
        with explained(), self.found([BINDINGS]) as folder:
            found = None if folder is None else _content(folder, f"{report_id}.json")
        if found is None:
            return None
        try:
            said = json.loads(found)
            explode = {name: tuple(values) for name, values in said.pop("explode").items()}
            return Binding(**{**said, "unit": Unit(said["unit"])}, explode=explode)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            todo = "Ask the people who run SWAP to delete it, and to import the folder again."
            why = f"{BINDINGS}/{report_id}.json is not as it was written."
            raise NotWritten(Problem("Nobody knows which data file the report keeps.", why=why, todo=todo)) from error

    def bindings(self) -> dict[str, Binding]:
        """Return which files reports keep, by report.  Raises NotWritten."""
        with explained(), self.found([BINDINGS]) as folder:
            names = [] if folder is None else os.listdir(folder)  # noqa: PTH208 — of an open folder
        ids = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return {each: found for each in ids if (found := self.binding(each)) is not None}

    def table(self, binding: Binding, values: Values) -> Table:
        """Return what is in one of a report's files now.  Raises NotWritten, Invalid for what is no data file."""
        path = binding.path(values)
        *folders, name = path.split("/")
        with explained(), self.found(folders) as folder:
            return tsv.EMPTY if folder is None else _table(path, _content(folder, name))

    def keep(self, report_id: str, period: tuple[date, date], document: Any) -> None:
        """Put the rows that an executed notebook shows into its report's files; all are ready before one is in place.

        A report that keeps none shows them, and that is all.  Raises NotWritten.
        """
        try:
            binding = self.binding(report_id)
        except NotWritten:
            # A directory that is away is nothing to reports that have no rows for it.
            if any(True for _ in _said(document)):
                raise
            return
        if binding is None:
            return
        try:
            tables = shown(document)
            demand_known(binding, tables)
            with explained(), ExitStack() as stack:
                made = [self._made(stack, binding, values, rows, period) for values, rows in tables.items()]
                for folder, draft, name in made:
                    _place(folder, draft, name)
        except Invalid as error:
            why = " ".join(part for part in (error.problem.title, error.problem.why) if part)
            todo = error.problem.todo
            raise NotWritten(Problem("The report's data file was not written.", why=why, todo=todo)) from error

    def _made(
        self, stack: ExitStack, binding: Binding, values: Values, rows: Table, period: tuple[date, date]
    ) -> tuple[int, str, str]:
        """Return a file's folder, the draft that is to take its place, and its name."""
        path = binding.path(values)
        *folders, name = path.split("/")
        folder = stack.enter_context(self._folder(folders))
        _tidy(folder)
        before = _table(path, _content(folder, name))
        merged = tsv.merged(before, rows, period, binding.unit, binding.most)
        draft = _draft(folder, tsv.written(merged).encode("utf-8", "replace"), name, _group(binding))
        stack.callback(_remove, folder, draft)
        return folder, draft, name

    @contextmanager
    def _folder(self, names: Sequence[str]) -> Iterator[int]:
        """Give a folder, made where it is missing; no step to it is a link."""
        self._root.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            folder = os.open(self._root, OPEN_DIRECTORY)
            stack.callback(os.close, folder)
            for each in names:
                parent, is_new = folder, False
                with suppress(FileExistsError):
                    os.mkdir(each, 0o700, dir_fd=parent)
                    is_new = True
                folder = os.open(each, OPEN_DIRECTORY, dir_fd=parent)
                stack.callback(os.close, folder)
                if is_new:
                    self._open_as(folder, parent, is_private=each == BINDINGS)
            yield folder

    @contextmanager
    def found(self, names: Sequence[str]) -> Iterator[int | None]:
        """Give a folder if it is there; no step to it is a link.  Raises OSError."""
        with ExitStack() as stack:
            try:
                folder = os.open(self._root, OPEN_DIRECTORY)
                stack.callback(os.close, folder)
                for each in names:
                    folder = os.open(each, OPEN_DIRECTORY, dir_fd=folder)
                    stack.callback(os.close, folder)
            except FileNotFoundError:
                yield None
                return
            yield folder

    def _open_as(self, folder: int, parent: int, *, is_private: bool) -> None:
        """Let a new folder be open to those to whom the one is that it is in.  Raises OSError."""
        if (owner := self._owner) is not None:
            os.fchown(folder, owner, -1)
        # Who may write into the files has no say in which report writes where.
        if not is_private:
            os.fchmod(folder, stat.S_IMODE(os.fstat(parent).st_mode) | 0o700)

    @property
    def _owner(self) -> int | None:
        """Whose what root makes here is: that of the user who has the directory, if it is another."""
        owner = self._root.stat().st_uid
        return owner if owner != os.geteuid() == 0 else None


def shown(document: Any) -> dict[Values, Table]:
    """Return the rows for data files that an executed notebook shows.  Raises Invalid."""
    found: dict[Values, Table] = {}
    for said in _said(document):
        try:
            values = tuple(sorted((str(name), str(value)) for name, value in said["values"].items()))
            columns = tuple(str(name) for name in said["columns"])
            rows = tuple(tuple(None if value is None else str(value) for value in row) for row in said["rows"])
        except (KeyError, TypeError, AttributeError) as error:
            raise Invalid(Problem("What the notebook shows for a data file is no table.")) from error
        if values in found:
            of = ", ".join(value for _, value in values)
            raise Invalid(
                Problem(
                    f"The notebook shows rows for the same data file twice{f' ({of})' if of else ''}.",
                    todo="Put them into one table, and call swap.data_file once.",
                )
            )
        found[values] = Table(columns, rows)
    return found


def _said(document: Any) -> Iterator[Any]:
    for cell in (document or {}).get("cells", ()):
        for output in cell.get("outputs", ()):
            data = output.get("data")
            if isinstance(data, dict) and MIME in data:
                yield data[MIME]


def demand_known(binding: Binding, tables: Mapping[Values, Table]) -> None:
    """Raise Invalid where a notebook shows no rows, or such for a file that is not its report's."""
    if not tables:
        raise Invalid(
            Problem(
                "The notebook shows no rows for it.", todo="Let a cell call swap.data_file(rows), also without rows."
            )
        )
    for values in tables:
        named = dict(values)
        wrong = [name for name, value in values if value not in binding.explode.get(name, ())]
        if wrong or named.keys() != binding.explode.keys():
            given = ", ".join(f"{name} = {value}" for name, value in values) or "no placeholder"
            raise Invalid(
                Problem(
                    f"The notebook shows rows for {given[:200]}, and its report keeps no such file.",
                    todo="Name the placeholders that the report was taken over with.",
                )
            )


def _table(path: str, content: bytes | None) -> Table:
    """Return what a data file has.  Raises Invalid."""
    try:
        return tsv.EMPTY if content is None else tsv.read(content.decode("utf-8"))
    except (UnicodeDecodeError, Invalid) as error:
        why = error.problem.why if isinstance(error, Invalid) else "It is not in UTF-8."
        todo = "Ask the people who run SWAP to look at the file."
        raise Invalid(Problem(f"{path} is no data file.", why=why, todo=todo)) from error


def _content(folder: int, name: str) -> bytes | None:
    """Return a plain file's content, or None where there is none.  Raises OSError."""
    try:
        opened = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(opened, "rb") as file:
        found = file.read(FILE_BYTES + 1)
    _demand_size(name, found)
    return found


def _demand_size(name: str, content: bytes) -> None:
    if len(content) > FILE_BYTES:
        raise OSError(f"{name} has more than {FILE_BYTES:,} bytes")


def _draft(folder: int, content: bytes, like: str | None, group: int | None) -> str:
    """Write a file beside the one whose place it is to take, and return its name.  Raises OSError.

    Who may read the file `like` of the folder, if there is one, may read it, and a group.
    """
    _demand_size(like or "", content)
    name = f"{_DRAFT}{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(name, _WRITE, 0o600, dir_fd=folder), "wb") as file:
            _let_read(file.fileno(), folder, like, group)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        _remove(folder, name)
        raise
    return name


def _let_read(descriptor: int, folder: int, like: str | None, group: int | None) -> None:
    """Let those read a file who may read another, and a group.  Raises OSError."""
    mode = _NEW
    if like is not None:
        with suppress(FileNotFoundError):
            there = os.stat(like, dir_fd=folder, follow_symlinks=False)
            mode = there.st_mode & 0o666 | 0o600
            if group is None and there.st_gid != os.fstat(descriptor).st_gid:
                os.fchown(descriptor, -1, there.st_gid)
    if group is not None:
        os.fchown(descriptor, -1, group)
        mode |= 0o040
    os.fchmod(descriptor, mode)


def _group(binding: Binding) -> int | None:
    """Return the group that may read a report's files, if there is one.  Raises OSError."""
    if not binding.group:
        return None
    try:
        return grp.getgrnam(binding.group).gr_gid
    except KeyError:
        if binding.gid is None:
            raise OSError(f"there is no group {binding.group} on this machine") from None
        return binding.gid


def _hand_group_on(folder: int, gid: int) -> None:
    """Let files that are made in a folder be a group's, unless the folder has one that somebody gave it."""
    there = os.fstat(folder)
    if there.st_gid in {os.getegid(), there.st_uid}:
        os.fchown(folder, -1, gid)
        os.fchmod(folder, stat.S_IMODE(there.st_mode) | 0o050 | stat.S_ISGID)


def _place(folder: int, draft: str, name: str) -> None:
    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def _tidy(folder: int) -> None:
    """Remove drafts of those who were killed.  Raises OSError."""
    until = time.time() - _OLD_SECONDS
    with os.scandir(folder) as entries:
        for each in entries:
            with suppress(FileNotFoundError):
                if each.name.startswith(_DRAFT) and each.stat(follow_symlinks=False).st_mtime < until:
                    os.unlink(each.name, dir_fd=folder)


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the file system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        why = f"The system says: {error.strerror or error}."
        todo = "Ask the people who run SWAP to look at the directory of reports.files."
        raise NotWritten(Problem("The report's data file was not written.", why=why, todo=todo)) from error
