"""The demo's swap.toml: written once, then the person's own; a later start changes only ports and paths."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from swap import child, ports
from swap.db.embedded import secret_path
from swap.demo import hive_server, mariadb_server, mariadb_wikis, mediawiki
from swap.errors import Conflict

_SITE = """\
# The demo's settings. `swap demo` wrote this file; change what you like, it is kept.
# Only ports and paths of the checkout are set anew. The page Settings of SWAP's help says what there is.
state = "."
examples = ""
kernel_env = ""

[site]
name = "SWAP demo"
port = 8000
demo = true

[database]  # embedded; the demo's source mediawiki is a database of the same server
port = 0

[people]
file = "people.toml"

[limits]  # for a laptop
memory_bytes = 600_000_000
source_bytes = 4_000_000_000
spool_bytes = 4_000_000_000

"""

_EMBEDDED = """\
[sources.lake]
kind = "files"
title = "Parquet files"
owner = "data-platform"
note = "Name a day: tables are kept by year, month, day and hour."
root = "lake"

[sources.mediawiki]
kind = "postgres"
title = "PostgreSQL"
owner = "dba"
note = "One schema for each wiki: enwiki, dewiki, frwiki. Titles are without their namespace."
host = "127.0.0.1"
port = 0
database = ""
user = ""
password = { file = "" }
sslmode = "disable"  # the server is on this machine, and listens on loopback only

"""

_REAL = """\
[sources.lake]
kind = "hive"
title = "Hive"
owner = "data-platform"
note = "Name a day: tables are kept by year, month, day and hour."
servers = []
user = ""
password = { file = "" }
tls = "disable"  # the server is on this machine, and listens on loopback only
impersonate = false  # it knows no people

[sources.mediawiki]
kind = "mysql"
title = "MariaDB"
owner = "dba"
note = "One database for each wiki: enwiki, dewiki, frwiki. Titles are without their namespace."
host = "127.0.0.1"
port = 0
user = ""
password = { file = "" }
text = []
timestamps = []
newest = []

"""

_POLICY = """\
[policy]
ask = "data-platform"

[[policy.grants]]
name = "open-data"
groups = ["*"]
on = ["lake.canonical_data", "lake.nyc", "lake.wmf.projectview_hourly", "mediawiki.nyc"]

[[policy.grants]]
name = "names-are-known"  # you see the names of locked tables too, each with whom to ask
groups = ["readers"]
actions = ["discover"]
on = ["lake.wmf", "mediawiki.*.page", "mediawiki.*.revision"]

[[policy.grants]]
name = "analysts-read"
groups = ["analysts"]
on = ["lake", "mediawiki"]

[[policy.denials]]
name = "analysts-only"
on = ["lake.wmf.pageview_hourly", "mediawiki.*.page", "mediawiki.*.revision"]
unless_groups = ["analysts"]
because = "keeps what is said of single pages to analysts"
ask = "data-platform"

[[policy.denials]]
name = "below-country"
on = ["lake.wmf.pageview_hourly.city", "lake.wmf.pageview_hourly.subdivision", "lake.event.*.geocoded_data"]
unless_groups = ["data-privacy"]
because = "locks places smaller than a country"
ask = "data-privacy"
instead = { city = "country_code", subdivision = "country_code" }

[[policy.denials]]
name = "personal-data"
on = [
    "lake.event.*.ip", "lake.event.*.http",
    "mediawiki.*.user.user_email", "mediawiki.*.user.user_email_authenticated", "mediawiki.*.user.user_email_token",
    "mediawiki.*.user.user_email_token_expires", "mediawiki.*.user.user_newpass_time",
    "mediawiki.*.user.user_newpassword", "mediawiki.*.user.user_password", "mediawiki.*.user.user_password_expires",
    "mediawiki.*.user.user_real_name", "mediawiki.*.user.user_token", "mediawiki.*.user.user_touched",
]
unless_groups = ["data-privacy"]
because = "locks what identifies a person or opens their account"
ask = "data-privacy"

[[policy.denials]]
name = "private-editors"
actions = ["discover", "read"]  # for everybody else this table does not exist
on = ["lake.wmf.editors_daily"]
unless_groups = ["data-privacy"]
because = "keeps who edited from where to data-privacy"
ask = "data-privacy"
"""

TEMPLATE = _SITE + _EMBEDDED + _POLICY
REAL_TEMPLATE = _SITE + _REAL + _POLICY


@dataclass(frozen=True, slots=True)
class StorePorts:
    """Where the real stores answer."""

    hive: int
    mariadb: int


def write(path: Path, *, port: int, kernel_env: Path, examples: Path | None, stores: StorePorts | None = None) -> None:
    """Write swap.toml, or bring an existing one's ports and paths up to date; whatever else it says is kept.

    The embedded server keeps its port from start to start; when somebody else has taken it, both places
    that name it get another.  With real `stores` the two sources point at them.
    """
    fresh = not path.exists()
    template = TEMPLATE if stores is None else REAL_TEMPLATE
    file = tomlkit.parse(template if fresh else path.read_text(encoding="utf-8"))
    _table(file, "site")["port"] = port
    file["kernel_env"] = str(kernel_env)
    if fresh or (
        "examples" in file and not Path(str(file["examples"])).is_dir()
    ):  # a checkout that moved has them elsewhere
        if examples is None:
            del file["examples"]
        else:
            file["examples"] = str(examples)
    if stores is None:
        _fill_source(file, path.parent)
    else:
        _fill_stores(file, stores)
    text = tomlkit.dumps(file)
    if fresh or text != path.read_text(encoding="utf-8"):
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as target:
            target.write(text)
        draft.replace(path)


def _fill_source(file: TOMLDocument, state: Path) -> None:
    """Let the source mediawiki point at the embedded server, unless it was pointed elsewhere."""
    database = _table(file, "database")
    source = _table(_table(file, "sources"), "mediawiki") if "mediawiki" in _table(file, "sources") else None
    before = int(database.get("port", 0))
    if source is not None and source.get("port") == before and before == 0:
        source["database"], source["user"] = mediawiki.DATABASE, mediawiki.READER
        _table(source, "password")["file"] = str(secret_path(Path(), mediawiki.READER))
    if before and (_free(before) or _runs(state)):
        return
    database["port"] = ports.free(1)[0]
    if source is not None and source.get("port") == before:
        source["port"] = database["port"]


def store_ports(path: Path) -> StorePorts:
    """Return where the real stores are to answer: where they did, if there is a swap.toml and the port is free."""
    sources = tomlkit.parse(path.read_text(encoding="utf-8")).get("sources", {}) if path.exists() else {}
    servers = sources.get("lake", {}).get("servers", [])
    before = (
        int(str(servers[0]).rpartition(":")[2] or 0) if servers else 0,
        int(sources.get("mediawiki", {}).get("port", 0)),
    )
    others = ports.free(2)
    return StorePorts(*(port if port and _free(port) else other for port, other in zip(before, others, strict=True)))


def _fill_stores(file: TOMLDocument, stores: StorePorts) -> None:
    """Let the sources point at the real stores, as far as they are there; the embedded database gets a port, too."""
    sources = _table(file, "sources")
    if "lake" in sources:
        source = sources["lake"]
        source["servers"] = [f"127.0.0.1:{stores.hive}"]
        if not _table(source, "password").get("file"):
            source["user"] = hive_server.READER
            _table(source, "password")["file"] = str(hive_server.secret_path(Path(), hive_server.READER))
    if "mediawiki" in sources:
        source = sources["mediawiki"]
        fresh = not source["port"]
        source["port"] = stores.mariadb
        if fresh:
            source["user"] = mediawiki.READER
            _table(source, "password")["file"] = str(mariadb_server.secret_path(Path(), mediawiki.READER))
            source["text"] = list(mariadb_wikis.TEXT)
            source["timestamps"] = list(mariadb_wikis.TIMESTAMPS)
            source["newest"] = list(mariadb_wikis.NEWEST)
    database = _table(file, "database")
    if not (port := int(database.get("port", 0))) or not _free(port):
        database["port"] = ports.free(1)[0]


def _free(port: int) -> bool:
    """Tell whether the embedded server can have the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _runs(state: Path) -> bool:
    """Tell whether it is our own server that has the port: another start, which will be refused a moment later."""
    try:
        with child.claim(state / "postgres.lock", "The embedded database"):
            return False
    except Conflict:
        return True


def _table(file: Any, name: str) -> Any:
    """Return a table of the document, made when it is missing."""
    if name not in file:
        file[name] = tomlkit.table()
    return file[name]
