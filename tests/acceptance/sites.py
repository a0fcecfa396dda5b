"""A SWAP as an organisation runs it: people from its own directory, each behind walls, data in its own stores."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import tomlkit
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine, Row, select
from stage import Demo, start, stop

import services
import slapd
from slapd import Slapd
from swap import ports
from swap.db.engine import create
from swap.db.tables import audit_event, system_user
from swap.demo.mariadb_server import MariadbServer
from swap.demo.mediawiki import READER
from swap.demo.people import PEOPLE
from swap.demo.setup import EXAMPLES
from swap.launch import running
from swap.runtime import Runtime

TUNNEL_PORT = 8000
PUBLIC_NAME = "swap.example.org"
"""Its name in the world, which the tests' own browsers alone find."""
JOINED = (
    "SELECT count(*) AS n, max(c.name) AS c FROM mediawiki.dewiki.page,"
    " (SELECT max(name) AS name FROM lake.canonical_data.countries) c"
)
"""A question to both stores."""
STRANGER = "dora"
"""Somebody of the directory who is in no group that SWAP's settings name."""

_SETTINGS = """\
state = "state"
kernel_env = "{kernel_env}"
examples = "{examples}"

[site]
name = "Analytics"
port = {port}
public_port = {tunnel_port}  # people come through: ssh -N -L {tunnel_port}:localhost:{port}

[origins]
url = "https://{public_name}"
certificate = "public.pem"
key = "public.key"
bind = "127.0.0.1"

[launch]
isolation = "user"

[people]
authenticator = "ldap"

[people.ldap]
servers = ["ldaps://localhost:{ldap_port}"]
ca = "directory.pem"
bind_dn = "{account}"
bind_password = {{ file = "secrets/directory" }}
base = "{people}"
groups_base = "{groups}"
allowed_groups = ["analysts", "readers"]
access_page = "https://wiki.example.org/Access"

"""


def password(name: str) -> str:
    """Return what somebody's password at the directory is."""
    return f"{name} says it"


@dataclass
class Site:
    """One that runs."""

    folder: Path
    port: int
    directory: Slapd
    process: subprocess.Popen[bytes]

    @property
    def tunnel_url(self) -> str:
        """Its address for whoever comes through a tunnel."""
        return f"http://localhost:{TUNNEL_PORT}"

    @property
    def public_url(self) -> str:
        """Its address in the world."""
        return f"https://{PUBLIC_NAME}"

    @property
    def certificate(self) -> Path:
        """What it shows there."""
        return self.folder / "public.pem"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def homes(self) -> Path:
        return self.state / "homes"

    def engine(self) -> Engine:
        """Return the way to its database, as what made it."""
        told = Runtime.model_validate_json((self.state / "runtime.json").read_text(encoding="utf-8"))
        return create(told.database_urls["owner"], connections=1)

    def events(self, person_id: str) -> list[Row[Any]]:
        """Return what its record says of somebody, oldest first."""
        engine = self.engine()
        wanted = select(audit_event).where(audit_event.c.person_id == person_id).order_by(audit_event.c.id)
        with engine.connect() as conn:
            found = list(conn.execute(wanted))
        engine.dispose()
        return found

    def uid(self, person_id: str) -> int:
        """Return the system user that somebody was given."""
        engine = self.engine()
        with engine.connect() as conn:
            found = conn.execute(select(system_user.c.uid).where(system_user.c.person_id == person_id)).scalar_one()
        engine.dispose()
        return int(found)

    def programs(self, person_id: str) -> list[psutil.Process]:
        """Return all that runs for somebody, as this machine sees it: the server's outermost process first."""
        server = running.find(self.state, person_id)
        if server is None:
            return []
        outermost = psutil.Process(server.pid)
        return [outermost, *outermost.children(recursive=True)]

    def members(self, group: str, *names: str) -> None:
        """Let exactly these people be in one of the directory's groups."""
        # A group of this kind has a member, be it nobody.
        people = [f"uid={name},{slapd.PEOPLE}" for name in names] or [slapd.ACCOUNT]
        self.directory.set(f"cn={group},{slapd.GROUPS}", "member", *people)


def members_of(group: str) -> list[str]:
    """Return the names of the demo's people in one of its groups."""
    return [person.name for person in PEOPLE if group in person.groups]


def running_site(stores: Demo) -> Iterator[Site]:
    """Run one for the block: the demo's people are in a directory of its own, its sources are the demo's stores."""
    folder = services.temporary_directory()
    certificate = services.certificate(folder, "localhost")
    certificate[0].rename(folder / "directory.pem")
    quarter = timedelta(days=90)  # longer than the doctor's word of a near end
    for path in services.certificate(folder, PUBLIC_NAME, quarter, more=(f"*.{PUBLIC_NAME}",)):
        path.rename(folder / f"public{path.suffix}")
    directory = _directory((folder / "directory.pem", certificate[1]))
    (port,) = ports.free(1)
    _write(folder, port, directory, stores)
    try:
        process = start(["up", "--config", folder / "swap.toml"], folder / "swap.log", "SWAP runs:")
        yield Site(folder, port, directory, process)
        stop(process)
    finally:
        directory.close()
        shutil.rmtree(folder, ignore_errors=True)


def _directory(certificate: tuple[Path, Path]) -> Slapd:
    groups = sorted({group for person in PEOPLE for group in person.groups})
    return Slapd(
        *(slapd.person(name, password(name)) for name in (*(person.name for person in PEOPLE), STRANGER)),
        *(slapd.group(group, *members_of(group)) for group in groups),
        slapd.group("gardeners", STRANGER),
        certificate=certificate,
    )


def _write(folder: Path, port: int, directory: Slapd, stores: Demo) -> None:
    """Write the settings: those of the site, then what the demo's say of sources and rights."""
    theirs = tomlkit.parse((stores.state / "swap.toml").read_text(encoding="utf-8"))
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "directory").touch(mode=0o600)
    (secrets / "directory").write_text(slapd.ACCOUNT_PASSWORD)
    sources: Any = theirs["sources"]
    for source in sources.values():
        source["password"]["file"] = str(stores.state / str(source["password"]["file"]))
    written = _SETTINGS.format(
        kernel_env=theirs["kernel_env"],
        examples=EXAMPLES,
        port=port,
        tunnel_port=TUNNEL_PORT,
        public_name=PUBLIC_NAME,
        ldap_port=directory.tls_port,
        account=slapd.ACCOUNT,
        people=slapd.PEOPLE,
        groups=slapd.GROUPS,
    )
    rest = tomlkit.dumps({"sources": sources, "policy": theirs["policy"]})
    (folder / "swap.toml").write_text(written + rest, encoding="utf-8")


def sign_in(context: BrowserContext, url: str, name: str) -> Page:
    """Open a page and send the form with somebody's name and password."""
    page = context.new_page()
    page.goto(url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password(name))
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def signed_in(context: BrowserContext, url: str, name: str) -> Page:
    """Sign somebody in; return their Home."""
    page = sign_in(context, url, name)
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return page


@contextmanager
def at_a_browser(browser: Browser, requests: list[str]) -> Iterator[BrowserContext]:
    """Sit down at one, with nothing in it; what it asks for is remembered."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    context.on("request", lambda request: requests.append(request.url))
    yield context
    context.close()


def statements_in_mariadb(stores: Demo) -> list[str]:
    """Ask the store itself what SWAP runs there."""
    wanted = f"SELECT info FROM information_schema.processlist WHERE user = '{READER}' AND info LIKE '%swap:%'"
    return MariadbServer(stores.state, 0).execute([wanted]).splitlines()


@contextmanager
def locked_in_mariadb(stores: Demo, table: str) -> Iterator[None]:
    """Hold a table for the block, so that whoever reads it waits."""
    command = ["mariadb", "--no-defaults", "--socket=socket", "--user=root", "--batch", "--unbuffered", "-N"]
    with subprocess.Popen(
        command, cwd=MariadbServer(stores.state, 0).data, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(f"LOCK TABLES {table} WRITE; SELECT 'held';\n".encode())
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        yield
