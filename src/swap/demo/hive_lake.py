"""Makes the demo's lake in a Hive that runs: what `hive_tables` says, where it is missing, older or elsewhere."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from swap.connectors.hive.session import Session, StatementError
from swap.connectors.hive.wire import Server
from swap.demo import hive_tables, lake
from swap.demo.hive_server import OWNER
from swap.demo.lake import Progress, silent

_SECONDS = 300


def make(
    port: int, root: Path, progress: Progress = silent, names: Collection[str] = lake.TABLES, *, password: str
) -> None:
    """Make every table that is missing, older or elsewhere, in the server at the port, over the lake below `root`.

    `password` is its owner's.
    """
    with session(port, OWNER, password) as hive:
        for statement in hive_tables.databases():
            hive.run(statement, _SECONDS)
        for name in names:
            if _version(hive, name) == hive_tables.version(root):
                continue
            progress(f"hive.{name}", done=False, size_bytes=0)
            for statement in hive_tables.statements(root, name):
                hive.run(statement, _SECONDS)
            progress(f"hive.{name}", done=True, size_bytes=0)


@contextmanager
def session(port: int, account: str, password: str) -> Iterator[Session]:
    """Open a session at our own server."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        address = {
            "servers": [["127.0.0.1", port]],
            "user": account,
            "password": password,
            "tls": False,
            "spark": False,
            "ca": "",
            "connect_seconds": 30.0,
            "configuration": {},
        }
        server = Server("lake", address, ours.fileno())
        try:
            server.connect(time.monotonic() + _SECONDS)
            with server.told():
                yield server.session
        finally:
            server.close()


def _version(hive: Session, name: str) -> str:
    try:
        pieces = list(hive.table(hive_tables.version_of(name), _SECONDS))
    except StatementError:
        return ""
    return pieces[0][-1][0] if pieces else ""
