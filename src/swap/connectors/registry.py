"""Which kinds of source there are: one line each.  Making a connector opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from swap.connectors.base import Connector
from swap.connectors.files.connector import FilesConnector
from swap.connectors.hive.connector import HiveConnector
from swap.connectors.mysql.connector import MysqlConnector
from swap.connectors.postgres.connector import PostgresConnector
from swap.settings import FilesSource, Source
from swap.walls.errands import Errands

KINDS: dict[str, Callable[[str, Any], Connector]] = {
    "files": FilesConnector,
    "hive": HiveConnector,
    "mysql": MysqlConnector,
    "postgres": PostgresConnector,
}


def create(name: str, source: Source, errands: Errands | None = None) -> Connector:
    """Return the connector for one source of swap.toml, under the site's own name for it.

    With a warden to do errands, what reads files, and asks no server, does so in a cell.
    """
    return FilesConnector(name, source, errands) if source.kind == "files" else KINDS[source.kind](name, source)


def own(name: str, root: Path, errands: Errands | None) -> Connector:
    """Return the connector for files that SWAP itself has written."""
    return FilesConnector(name, FilesSource(kind="files", root=root), errands)
