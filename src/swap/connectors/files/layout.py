"""Where tables are below the root: <schema>/<table>/[<key>=<value>/…]*.parquet, and what `_table.toml` says of them.

Every directory and file is opened relative to its parent and never through a symbolic link, so no name
and no race leads out of the root.  A partition that the predicates rule out is not even listed.
"""

from __future__ import annotations

import operator
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self
from urllib.parse import unquote

import pyarrow as pa

from swap.connectors.base import Comparison, Predicate
from swap.connectors.partitioned import INTEGER, NULL, moment, order

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,127}")
"""Names of schemas and tables.  Others, hidden ones and those with a leading _ are not tables."""

_TYPES = {
    "integer": pa.int32(),
    "int": pa.int32(),
    "smallint": pa.int16(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "text": pa.string(),
    "string": pa.string(),
    "varchar": pa.string(),
}


class BrokenError(Exception):
    """A file or directory that cannot be read as what it should be; the message names it, relative to the root.

    `told` is the same for whoever asked: a partition's value is a value, and they may not be allowed to read its
    column.
    """

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(f"{path} {what}" if path else what)
        self.told = f"{re.sub('=[^/]*', '=…', path)} {what}" if path else what


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file, by its path below the table and the partition values on the way, as they are written."""

    path: str
    size_bytes: int
    partitions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What `_table.toml` says."""

    comment: str = ""
    owner: str = ""
    newest: str = ""
    comments: dict[str, str] = field(default_factory=dict)
    sensitivity: dict[str, str] = field(default_factory=dict)
    partition_types: dict[str, pa.DataType] = field(default_factory=dict)


class Directory:
    """An open directory; its entries are opened relative to it, never through a link."""

    def __init__(self, descriptor: int, path: str = "") -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def root(cls, place: str | int) -> Directory:
        """Open the root itself, by its path or a handle on it.

        It may be a link: the site's administrator wrote its name.  Raises BrokenError.
        """
        path, below = (place, None) if isinstance(place, str) else (".", place)
        try:
            return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=below))
        except OSError as error:
            raise BrokenError(f"the root cannot be read: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def below(self, name: str) -> str:
        """Return the path of an entry, relative to the root."""
        return f"{self.path}/{name}" if self.path else name

    def enter(self, name: str) -> Directory:
        """Open a directory in this one.  Raises BrokenError."""
        return Directory(self._opened(name, os.O_DIRECTORY), self.below(name))

    def open_file(self, name: str) -> int:
        """Open a regular file in this directory and return its descriptor.  Raises BrokenError."""
        descriptor = self._opened(name, os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BrokenError("is not a regular file", self.below(name))
        return descriptor

    def entries(self) -> tuple[list[str], list[tuple[str, int]]]:
        """Return the names of directories and the names and sizes of files, sorted; links are left out."""
        directories: list[str] = []
        files: list[tuple[str, int]] = []
        with os.scandir(self.descriptor) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append((entry.name, entry.stat(follow_symlinks=False).st_size))
        return sorted(directories), sorted(files)

    def _opened(self, name: str, flags: int) -> int:
        if "/" in name or name in ("", ".", ".."):
            raise BrokenError(f"{name!r} is not a name")
        try:
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=self.descriptor)
        except OSError as error:
            raise BrokenError(f"cannot be opened: {error.strerror}", self.below(name)) from None


def tables(root: Directory) -> Iterator[tuple[str, str]]:
    """Yield the names (schema, table) of every table."""
    for schema in root.entries()[0]:
        if NAME.fullmatch(schema):
            with root.enter(schema) as inside:
                yield from ((schema, table) for table in inside.entries()[0] if NAME.fullmatch(table))


def open_table(root: Directory, schema: str, table: str) -> Directory:
    """Open a table's directory.  Raises BrokenError for names that cannot be one."""
    for name in (schema, table):
        if not NAME.fullmatch(name):
            raise BrokenError(f"{name!r} is not the name of a schema or table")
    with root.enter(schema) as inside:
        return inside.enter(table)


def data_files(table: Directory, predicates: Sequence[Predicate] = ()) -> Iterator[DataFile]:
    """Yield the table's files, partitions in their order, without those that the predicates rule out."""
    yield from _walk(table, "", (), predicates)


def _walk(
    directory: Directory, prefix: str, partitions: tuple[tuple[str, str], ...], predicates: Sequence[Predicate]
) -> Iterator[DataFile]:
    names, files = directory.entries()
    for name, size in files:
        if name.endswith(".parquet") and name[0] not in "._":
            yield DataFile(prefix + name, size, partitions)
    pairs = [
        (name, key, unquote(value))
        for name in names
        for key, separator, value in [name.partition("=")]
        if separator and key[0:1] not in ("", "_", ".")
    ]
    for name, key, value in sorted(pairs, key=lambda pair: (pair[1], order(pair[2]))):
        if all(may_hold(value, predicate) for predicate in predicates if predicate.column == key):
            with directory.enter(name) as inside:
                yield from _walk(inside, f"{prefix}{name}/", (*partitions, (key, value)), predicates)


def may_hold(written: str, predicate: Predicate) -> bool:
    """Tell whether the rows of a partition whose value is written so pass a predicate on its key."""
    if predicate.comparison in (Comparison.IS_NULL, Comparison.NOT_NULL):
        return (written == NULL) == (predicate.comparison is Comparison.IS_NULL)
    if written == NULL:
        return False
    wanted = predicate.value if isinstance(predicate.value, tuple) else (predicate.value,)
    if not wanted:
        return False
    value: Any = partition_value(written, _TYPE_OF.get(type(wanted[0]), pa.string()), predicate.column)
    if predicate.comparison in (Comparison.EQ, Comparison.IN):
        return value in wanted
    if isinstance(value, str):
        # DuckDB orders text by its bytes.
        return _ORDER[predicate.comparison](value.encode(), wanted[0].encode())
    return _ORDER[predicate.comparison](value, wanted[0])


_ORDER: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}
_TYPE_OF: dict[type, pa.DataType] = {int: pa.int64(), date: pa.date32(), str: pa.string()}


def partition_value(written: str, type_: pa.DataType, key: str) -> int | str | date | None:
    """Return a directory's value in its type.  Raises BrokenError when it cannot be read as that."""
    if written == NULL:
        return None
    try:
        if pa.types.is_integer(type_):
            return int(written) if INTEGER.fullmatch(written) else int("")
        return date.fromisoformat(written) if pa.types.is_date(type_) else written
    except ValueError:
        raise BrokenError(f"a partition's {key} is not of type {type_}") from None


def partition_types(files: Sequence[DataFile], about: About) -> dict[str, pa.DataType]:
    """Return the partition keys with their types: as `_table.toml` says, else integers where every value is one."""
    values: dict[str, set[str]] = {}
    for each in files:
        for key, value in each.partitions:
            values.setdefault(key, set()).add(value)
    return {
        key: (
            about.partition_types.get(key)
            or (pa.int64() if all(INTEGER.fullmatch(v) or v == NULL for v in written) else pa.string())
        )
        for key, written in values.items()
    }


def newest(files: Sequence[DataFile]) -> str:
    """Return the newest partition as a moment; nothing where there are none."""
    if not files or not files[-1].partitions:
        return ""
    return moment(max((each.partitions for each in files), key=lambda pairs: [order(value) for _, value in pairs]))


def read_about(table: Directory) -> About:
    """Return what `_table.toml` says; nothing when there is none.  Raises BrokenError when it cannot be read."""
    if all(name != "_table.toml" for name, _ in table.entries()[1]):
        return About()
    try:
        with os.fdopen(table.open_file("_table.toml"), "rb") as file:
            said = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BrokenError(f"cannot be read: {error}", table.below("_table.toml")) from None
    columns = {
        name: value if isinstance(value, dict) else {"comment": value}
        for name, value in dict(said.get("columns", {})).items()
    }

    def about_columns(key: str) -> dict[str, str]:
        return {name: str(value[key]) for name, value in columns.items() if key in value}

    types = {name: _TYPES[kind] for name, kind in about_columns("type").items() if kind in _TYPES}
    return About(
        str(said.get("comment", "")),
        str(said.get("owner", "")),
        str(said.get("newest", "")),
        about_columns("comment"),
        about_columns("sensitivity"),
        types,
    )
