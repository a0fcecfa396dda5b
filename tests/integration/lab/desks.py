"""A person at JupyterLab, with their own server and the real gateway, and what became of what they saved."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

import services
from conformance.proxy import Proxy
from integration.gateway.gateways import Gateway, Person
from integration.lab.conftest import Server, started
from services import NO_TLS
from swap import content
from swap.db.notebook_tables import notebook, notebook_version
from swap.identity import Principal, Via
from swap.notebooks import history
from swap.people import service as people

PATIENCE = 60.0


@dataclass
class Desk:
    """A person's server, and the real gateway behind a way that can be cut; paths are below a folder of the desk's."""

    server: Server
    gateway: Gateway
    person: Person
    way: Proxy
    restart: Callable[[], Server]
    folder: str = ""

    @property
    def home(self) -> Path:
        return self.server.home / self.folder

    def path(self, path: str = "a.ipynb") -> str:
        """Return where a notebook of this desk is in the home."""
        return f"{self.folder}/{path}" if self.folder else path

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.server.hub.token()}"}
        return httpx.request(method, self.server.url + path, headers=headers, timeout=PATIENCE, verify=NO_TLS, **more)

    def contents(self, method: str, path: str = "a.ipynb", **more: Any) -> httpx.Response:
        return self.ask(method, f"/api/contents/{self.path(path)}", **more)

    def save(self, document: dict[str, Any], path: str = "a.ipynb") -> httpx.Response:
        return self.contents("PUT", path, json={"type": "notebook", "content": document})

    def saved(self, path: str = "a.ipynb") -> dict[str, Any]:
        return dict(self.ask("GET", "/swap/saved", params={"path": self.path(path)}).json())

    def file(self, path: str = "a.ipynb") -> dict[str, Any]:
        return as_lab_has_it(json.loads((self.home / path).read_text()))

    def journal(self) -> list[str]:
        folder = self.server.home / ".swap" / "saving"
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []

    def versions(self, path: str = "a.ipynb") -> list[dict[str, Any]]:
        """Return what each version has, the first one first."""
        principal = Principal(self.person.id, "ann", frozenset(), Via.PORTAL)
        written: list[bytes] = []
        with self.gateway.database.engine("owner").connect() as conn:
            head = history.page(conn, principal, self.path(path), 10**9, folded=False).head
            for number in range(1, head.number + 1):
                with conn.begin_nested() as undone:
                    history.restore(
                        conn,
                        self.gateway.settings.policy,
                        principal,
                        self.path(path),
                        number,
                        lambda: head.file_digest,
                        written.append,
                        datetime.now(UTC),
                        secrets.token_hex(6),
                    )
                    undone.rollback()
        return [json.loads(each) for each in written]

    def kinds(self, path: str = "a.ipynb") -> list[str]:
        with self.gateway.database.engine("owner").connect() as conn:
            return list(
                conn.scalars(
                    select(notebook_version.c.kind)
                    .join(notebook, notebook.c.id == notebook_version.c.notebook_id)
                    .where(notebook.c.path == self.path(path), notebook.c.person_id == self.person.id)
                    .order_by(notebook_version.c.number)
                )
            )

    def cut(self) -> None:
        self.way.upstream = ("127.0.0.1", 9)
        self.way.cut()

    def mend(self) -> None:
        self.way.upstream = ("127.0.0.1", int(self.gateway.url.rpartition(":")[2]))

    def environment(self, path: str = "a.ipynb") -> dict[str, str]:
        """Return what the newest version was said to run in."""
        newest = (notebook_version.c.notebook_id == notebook.c.id) & (notebook_version.c.number == notebook.c.head)
        with self.gateway.database.engine("owner").connect() as conn:
            return dict(
                conn.scalar(
                    select(notebook_version.c.environment)
                    .join(notebook, newest)
                    .where(notebook.c.path == self.path(path), notebook.c.person_id == self.person.id)
                )
                or {}
            )


def as_lab_has_it(document: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook as JupyterLab sends it: lines in one text."""
    taken = content.take_apart(document)
    return content.put_together(taken.manifest, taken.parts.__getitem__)


@contextmanager
def opened(gateway: Gateway, name: str) -> Iterator[Desk]:
    """Give one person a server of their own for the block."""
    folder = services.temporary_directory()
    (folder / "home").mkdir()
    person, credential = gateway.person(name), secrets.token_hex(16)
    with gateway.database.engine("owner").begin() as conn:
        people.launch_server(conn, person.id, f"s{credential}", credential, datetime.now(UTC))
    with ExitStack() as stack:
        way = stack.enter_context(Proxy(("127.0.0.1", int(gateway.url.rpartition(":")[2]))))
        number = iter(range(1000))

        def restart() -> Server:
            here = folder / f"s{next(number)}"
            here.mkdir()
            extra = {"SWAP_GATEWAY": f"http://127.0.0.1:{way.port}"}
            made.server = stack.enter_context(started(here, folder / "home", extra=extra, credential=credential))
            return made.server

        made = Desk(None, gateway, person, way, restart)  # type: ignore[arg-type] # filled by the first start
        restart()
        yield made
