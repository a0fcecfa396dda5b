"""What the gateway is handed where people have walls: what it needs of settings, runtime and machine, and no more.

Only values: `walls.gateway` does what is said here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy.engine import make_url

from swap import bare, homes
from swap.connectors.files.program import ALONE
from swap.launch.view import needed
from swap.query.execution.program import ALLOCATORS, PROGRAM
from swap.runtime import Runtime
from swap.settings import FilesSource, Launch, MysqlSource, PostgresSource, Secret, Settings
from swap.settings.sources import RESULT_TABLES, TABLES
from swap.walls.cell import CLOSED, LIBRARIES, Cell
from swap.walls.errands import COMBINERS, READERS
from swap.walls.mounts import outermost
from swap.walls.warden import VIEW

FOLDER: Final = "gateway"
"""The warden's directory in the state directory."""
SEEN: Final = "/run/swap"
"""Where a program sees the copies of its files."""
CONFIGURATION: Final = (
    "ca-certificates",
    "gai.conf",
    "gss",
    "host.conf",
    "hostname",
    "krb5.conf",
    "krb5.conf.d",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "services",
    "ssl",
    "timezone",
)
"""What of /etc reaching the site's servers needs, and sending files."""
NAMES: Final = ("/etc/hosts", "/etc/resolv.conf")
"""What a machine writes anew while it runs, and is followed."""
_CGROUPS: Final = "/sys/fs/cgroup"
"""What memory there is, and whether the system killed for it."""
_AUTHORITIES: Final = "PGSSLROOTCERT"
_OF_A_DATABASE: Final = ("sslcert", "sslcrl", "sslkey", "sslrootcert")
"""Parameters of a PostgreSQL address that name files."""


class Files:
    """The files that a program is to have copies of: each a name of its own."""

    def __init__(self) -> None:
        self.copies: dict[str, str] = {}

    def copied(self, path: str | Path) -> str:
        """Return where the program sees the copy of a file."""
        known = next((name for name, file in self.copies.items() if file == str(path)), None)
        if known is None:
            known = f"{len(self.copies)}-{Path(path).name}"
            self.copies[known] = str(path)
        return f"{SEEN}/{known}"


def over(settings: Settings, here: Runtime) -> dict[str, Any]:
    """Return a warden's plan, for JSON; the spool and result tables are given to its user, as they were left."""
    launch, folder, tables = settings.launch, settings.state / FOLDER, settings.state / TABLES
    for own in (here.spool, tables):
        _hand_over(own, launch.gateway_uid)
    roots = {name: each.root for name, each in settings.sources.items() if isinstance(each, FilesSource)}
    files = Files()
    known, urls = _settings(settings, files), database(here, "gateway", files)
    environment = {**_environment(settings, files), "TMPDIR": str(here.spool), CLOSED: "1"}
    links = {name: files.copied(name) for name in NAMES}
    shown = [*_sockets(settings), *sockets(urls), Path(_CGROUPS)]
    return {
        "argv": bare.command("swap.processes.serving"),
        "environment": environment,
        "told": {
            "uid": launch.gateway_uid,
            "view": view(folder, "swap-gateway", launch.gateway_uid, links, shown)
            | {"home": [(str(own), str(own)) for own in (here.spool, tables)]},
            "settings": known,
            "runtime": _runtime(here, urls),
        },
        "uid": launch.gateway_uid,
        "folder": str(folder),
        "cells": cells(launch, folder),
        "roots": {name: str(root) for name, root in (roots | {RESULT_TABLES: tables}).items()},
        "files": files.copies,
        "needs": str(here.spool),
    }


def cells(launch: Launch, folder: Path) -> dict[str, Any]:
    """Return what is in cells: its program, its environment, the cell."""
    combining = Cell(launch.combiners_uid, str(folder / VIEW))
    reading = Cell(launch.readers_uid, str(folder / VIEW), reads_whatever_it_is_given=True)
    return {
        COMBINERS: (PROGRAM, {**bare.ENVIRONMENT, **ALLOCATORS}, asdict(combining)),
        READERS: (ALONE, bare.ENVIRONMENT, asdict(reading)),
    }


def _hand_over(own: Path, uid: int) -> None:
    """Give a directory, with all that a gateway left in it, to the gateway's user."""
    own.mkdir(mode=0o700, exist_ok=True)
    directory = os.open(own, homes.OPEN_DIRECTORY)
    try:
        if (owner := os.fstat(directory).st_uid) != uid:
            homes.hand_over(directory, owner, uid)
        os.fchmod(directory, 0o700)
    finally:
        os.close(directory)


def _settings(settings: Settings, files: Files) -> dict[str, Any]:
    """Return the settings with copies in the place of what its sources' files hold."""
    told = plain(settings.model_dump(exclude_unset=True, exclude={"sources"}))
    told["sources"] = {
        name: plain(source.model_dump(exclude_unset=True), None if isinstance(source, FilesSource) else files)
        for name, source in settings.sources.items()
    }
    return dict(told)


def plain(value: Any, files: Files | None = None) -> Any:
    """Return a value for JSON; with `files` its paths are those of copies."""
    if isinstance(value, Mapping):
        return {key: plain(each, files) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, files) for each in value]
    if isinstance(value, Path):
        return str(value) if files is None else files.copied(value)
    return value


def _runtime(here: Runtime, urls: Mapping[str, str]) -> dict[str, Any]:
    """Return what of the runtime is the gateway's: other processes' secrets are empty."""
    others = dict.fromkeys(("traefik_api_password", "web_service_token", "hub_cookie_secret"), "")
    return here.model_copy(update={**others, "database_urls": dict(urls)}).model_dump(mode="json")


def database(here: Runtime, role: str, files: Files) -> dict[str, str]:
    """Return the address of the database for a role, which is all that it may have of the addresses."""
    url = make_url(here.database_urls[role])
    copied = {name: files.copied(str(url.query[name])) for name in _OF_A_DATABASE if name in url.query}
    return {role: url.update_query_dict(copied).render_as_string(hide_password=False)}


def _environment(settings: Settings, files: Files) -> dict[str, str]:
    """Return the gateway's environment: of SWAP's own, the secrets of its sources."""
    told = variables(*settings.sources.values())
    return {**bare.ENVIRONMENT, "PYTHONUNBUFFERED": "1", **told, **authorities(files)}


def authorities(files: Files) -> dict[str, str]:
    """Return the variable that names who certifies databases, if there is such a file."""
    named = Path(os.environ.get(_AUTHORITIES) or Path.home() / ".postgresql" / "root.crt")
    return {_AUTHORITIES: files.copied(named)} if _AUTHORITIES in os.environ or named.exists() else {}


def variables(*models: BaseModel) -> dict[str, str]:
    """Return those variables of our environment that hold secrets of models."""
    wanted = {name for model in models for name in _variables(model)}
    return {name: os.environ[name] for name in sorted(wanted) if name in os.environ}


def _variables(value: Any) -> Iterator[str]:
    """Yield the variables that hold secrets of a model."""
    if isinstance(value, Secret):
        if value.env is not None:
            yield value.env
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _variables(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _variables(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _variables(each)


def _sockets(settings: Settings) -> Iterator[Path]:
    """Yield the directories of the unix sockets by which sources are reached."""
    for source in settings.sources.values():
        if isinstance(source, PostgresSource) and source.host.startswith("/"):
            yield Path(source.host)
        elif isinstance(source, MysqlSource) and source.host.startswith("/"):
            yield Path(source.host).parent


def sockets(urls: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories of the unix sockets by which SWAP's own database is reached."""
    for url in map(make_url, urls.values()):
        host = url.query.get("host", url.host)
        if isinstance(host, str) and host.startswith("/"):
            yield Path(host)


def view(folder: Path, name: str, uid: int, links: Mapping[str, str], more: Iterable[Path]) -> dict[str, Any]:
    """Return the files that a program sees: programs, names of the network, its copies, and more of the machine."""
    libraries = {each: str(Path(each).readlink()) for each in LIBRARIES if Path(each).is_symlink()}
    shown = [Path(each) for each in LIBRARIES if each not in libraries]
    shown += [Path(__file__).parents[2], *needed(Path(sys.prefix))]
    shown += [Path(each) for each in sys.path if Path(each).is_absolute()]
    shown += [Path("/etc") / each for each in CONFIGURATION]
    shown += more
    readable = outermost(path for path in shown if path.exists())
    return {
        "root": str(folder / VIEW),
        "uid": uid,
        "links": libraries | dict(links),
        "files": {
            "/etc/passwd": f"root:x:0:0:::\n{name}:x:{uid}:{uid}::/nonexistent:\n",
            "/etc/group": f"root:x:0:\n{name}:x:{uid}:\n",
        },
        "scratch": [],
        "readable": [*((str(path), str(path)) for path in readable), (str(folder / "copies"), SEEN)],
        "private": [],
        "home": [],
        # Of the machine's processes, its own alone.
        "proc": "hidepid=2",
    }
