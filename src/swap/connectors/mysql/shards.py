"""Which of a source's servers holds which database.

A name stands before a pattern, an earlier pattern before a later one; one server may hold all that no other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from swap.settings import MysqlShard, MysqlSource


@dataclass(frozen=True, slots=True)
class Shard:
    """A server; `name` is what people are told of it, "" of an only one."""

    name: str
    host: str
    port: int
    slots: int


@dataclass(frozen=True, slots=True)
class Places:
    """Database → the name of its server."""

    named: Mapping[str, str]
    patterns: tuple[tuple[str, str], ...]
    rest: str | None

    def of(self, database: str) -> str | None:
        """Return the server of a database; None when none holds it.

        >>> Places({"enwiki": "s1"}, (("*wiki", "s3"),), None).of("enwiki")
        's1'
        """
        if database in self.named:
            return self.named[database]
        found = (shard for pattern, shard in self.patterns if fnmatchcase(database, pattern))
        return next(found, self.rest)

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        return {"named": dict(self.named), "patterns": [list(each) for each in self.patterns], "rest": self.rest}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Places:
        """Return what `plain` was made from."""
        return cls(plain["named"], tuple((pattern, shard) for pattern, shard in plain["patterns"]), plain["rest"])


def shards(source: MysqlSource) -> tuple[Shard, ...]:
    """Return a source's servers, in the settings' order."""
    if not source.shards:
        return (Shard("", source.host, source.port, source.slots),)
    return tuple(_shard(name, shard) for name, shard in source.shards.items())


def _shard(name: str, shard: MysqlShard) -> Shard:
    host, _, port = shard.server.partition(":")
    return Shard(name, host, int(port), shard.slots)


def places(source: MysqlSource) -> Places:
    """Return which server holds which database now.  Raises OSError, UnicodeDecodeError for a file of them."""
    if not source.shards:
        return Places({}, (), "")
    named: dict[str, str] = {}
    patterns: list[tuple[str, str]] = []
    rest = None
    for name, shard in source.shards.items():
        listed = [*shard.databases, *(_listed(shard.databases_file) if shard.databases_file else ())]
        for database in listed:
            if set(database) & set("*?["):
                patterns.append((database, name))
            else:
                named.setdefault(database, name)
        if not shard.databases and shard.databases_file is None:
            rest = name
    return Places(named, tuple(patterns), rest)


def _listed(file: Path) -> list[str]:
    """Return the names in a file: one on each line, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
