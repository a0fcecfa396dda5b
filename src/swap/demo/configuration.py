"""The demo's swap.toml: written once, then the person's own; a later start changes only ports and paths."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from swap import child, ports
from swap.db.embedded import secret_path
from swap.demo import mediawiki
from swap.errors import Conflict

TEMPLATE = """\
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


def write(path: Path, *, port: int, kernel_env: Path, examples: Path | None) -> None:
    """Write swap.toml, or bring an existing one's ports and paths up to date; whatever else it says is kept.

    The embedded server keeps its port from start to start; when somebody else has taken it, both places
    that name it get another.
    """
    fresh = not path.exists()
    file = tomlkit.parse(TEMPLATE if fresh else path.read_text(encoding="utf-8"))
    _table(file, "site")["port"] = port
    file["kernel_env"] = str(kernel_env)
    if fresh or (
        "examples" in file and not Path(str(file["examples"])).is_dir()
    ):  # a checkout that moved has them elsewhere
        if examples is None:
            del file["examples"]
        else:
            file["examples"] = str(examples)
    _fill_source(file, path.parent)
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
