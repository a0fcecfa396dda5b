"""A portal as `swap web` runs it, on a port of its own, with the database's web account and doubles for hub and gateway."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn

from integration.web.doubles import GatewayDouble, HubDouble, closing
from services import NO_TLS, Database
from swap import ports, processes
from swap import runtime as runtimes
from swap.people import service
from swap.runtime import Runtime
from swap.settings import Launch, People, Policy, Reports, Settings, Site, load
from swap.web import app as web_app

ADMINS = "swap-admins"
PERSON_IDS = {"ann": "paaaaaaaaa", "bertrand": "pbbbbbbbbb"}


@dataclass
class Browser:
    """What a browser does: keeps cookies, follows what it is told to, sends forms with an Origin."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._send(
            "GET",
            path,
            headers={"Host": f"localhost:{self.port}"}
            | {key.replace("_", "-"): value for key, value in headers.items()},
        )

    def post(self, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        sent = {"Host": f"localhost:{self.port}", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        return self._send("POST", path, headers={key: value for key, value in sent.items() if value}, data=form)

    def submit(self, path: str, page: str = "/", **form: str) -> httpx.Response:
        """Send a form with the mark the page carries."""
        return self.post(path, {"csrf": csrf(self.get(page).text)} | form)

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, verify=NO_TLS, timeout=60, cookies=self.cookies) as client:
            answer = client.request(method, f"http://127.0.0.1:{self.port}{path}", **more)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        for line in answer.headers.get_list("set-cookie"):
            if "Max-Age=0" in line:
                self.cookies.pop(line.partition("=")[0], None)
        return answer


def csrf(page: str) -> str:
    start = page.index('name="csrf" value="') + len('name="csrf" value="')
    return unescape(page[start : page.index('"', start)])


@dataclass
class Portal:
    """A running portal and what it stands on."""

    port: int
    database: Database
    hub: HubDouble
    gateway: GatewayDouble
    settings: Settings
    runtime: Runtime

    def person(self, name: str = "ann", groups: tuple[str, ...] = ("analysts",)) -> str:
        """Let somebody be known and signed in, as the hub's authenticator records it."""
        with self.database.engine().begin() as conn:
            person = service.ensure_person(
                conn,
                f"test:{name}",
                name,
                groups,
                lambda: PERSON_IDS.get(name, "p" + secrets.token_hex(5)[:9].translate(str.maketrans("0189", "abcd"))),
            )
            service.sign_in(conn, person.id, secrets.token_hex(8), datetime.now(UTC), 7)
        return person.id

    def signed_in(self, name: str = "ann", groups: tuple[str, ...] = ("analysts",)) -> Browser:
        """Return a browser that went through the whole sign-in."""
        browser = Browser(self.port)
        finish_sign_in(self, browser, self.person(name, groups))
        return browser

    def home(self, name: str = "ann") -> Path:
        return self.runtime.homes / PERSON_IDS[name]

    def give(self, name: str = "ann") -> None:
        """Give all that a test has put into a home to whose home it is."""
        owner = self.home(name).stat().st_uid
        for folder, folders, files in os.walk(self.home(name)):
            for each in (*folders, *files):
                os.chown(Path(folder) / each, owner, owner, follow_symlinks=False)


def finish_sign_in(portal: Portal, browser: Browser, person_id: str, target: str = "") -> httpx.Response:
    begun = browser.get(f"/sign-in?next={target}")
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    code = portal.hub.authorise(query, person_id)
    return browser.get(f"/oauth_callback?code={code}&state={query['state'][0]}")


def write_examples(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    document = {
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {"trusted": True},
                "source": "1",
                "execution_count": 3,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
            }
        ],
        "metadata": {
            "swap": {
                "title": "Top pages and their size",
                "summary": "One SQL over lake and mediawiki, one chart",
                "tag": "SQL",
            }
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (directory / "top-pages.ipynb").write_text(json.dumps(document), encoding="utf-8")


@contextmanager
def running(
    database: Database,
    folder: Path,
    adapt: Callable[[Any], None] = lambda _: None,
    gateway_at: Runtime | None = None,
    policy: Policy | None = None,
    reports: Reports | None = None,
    **site: Any,
) -> Iterator[Portal]:
    """Run a portal for the block, before a gateway that runs already or a double of one.

    `adapt` may change the application before it serves: the attack tests switch off defences so.
    """
    port = site.pop("port", None) or ports.free(1)[0]
    service_token = secrets.token_hex(16)
    portal_key = gateway_at.portal_key if gateway_at else secrets.token_hex(16)
    folder.mkdir(exist_ok=True)
    write_examples(folder / "examples")
    (folder / "homes").mkdir(exist_ok=True)
    settings = Settings(
        state=folder,
        site=Site(port=port, **site),
        people=People(admin_group=ADMINS),
        examples=folder / "examples",
        launch=Launch(start_seconds=10),
        policy=policy or Policy(),
        reports=reports or Reports(),
    )
    with closing(HubDouble(service_token)) as hub, closing(GatewayDouble(portal_key)) as gateway:
        runtime = _runtime(database, folder, hub, gateway, port, service_token, gateway_at)
        app = web_app.create(settings, runtime)
        adapt(app)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 15
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started
        try:
            yield Portal(port, database, hub, gateway, settings, runtime)
        finally:
            server.should_exit = True
            thread.join(10)


SETTINGS = """\
state = {state}
site.port = {port}
examples = {examples}
people = {{ file = "people.toml", admin_group = "{admins}" }}
launch.isolation = "user"
launch.start_seconds = 10
"""


@contextmanager
def walled(database: Database, folder: Path, **launch: int) -> Iterator[Portal]:
    """Run a portal behind its own walls, as `swap up` starts it, before doubles, for people who have walls."""
    port, service_token, portal_key = ports.free(1)[0], secrets.token_hex(16), secrets.token_hex(16)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    write_examples(folder / "examples")
    (folder / "examples").chmod(0o700)
    (folder / "people.toml").touch()
    told = {"state": str(folder), "port": port, "examples": str(folder / "examples"), "admins": ADMINS}
    text = SETTINGS.format(
        **{name: value if name in {"port", "admins"} else json.dumps(value) for name, value in told.items()}
    )
    text += "".join(f"launch.{name} = {value}\n" for name, value in launch.items())
    (folder / "swap.toml").touch(mode=0o600)
    (folder / "swap.toml").write_text(text, encoding="utf-8")
    with closing(HubDouble(service_token)) as hub, closing(GatewayDouble(portal_key)) as gateway:
        runtime = _runtime(database, folder, hub, gateway, port, service_token, None)
        runtimes.write(runtime, folder / "runtime.json")
        log = folder / "web.log"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            runtimes.ENVIRONMENT: str(folder / "runtime.json"),
        }
        with log.open("ab") as output:
            process = subprocess.Popen(
                processes.COMMANDS["web"], stdout=output, stderr=output, cwd=folder, env=environment
            )
        try:
            until = time.monotonic() + 60
            while process.poll() is None and not ports.answers(port):
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
            assert process.poll() is None, log.read_text()
            yield Portal(port, database, hub, gateway, load(folder / "swap.toml"), runtime)
        finally:
            process.terminate()
            process.wait(30)


def _runtime(
    database: Database,
    folder: Path,
    hub: HubDouble,
    gateway: GatewayDouble,
    port: int,
    service_token: str,
    gateway_at: Runtime | None,
) -> Runtime:
    return Runtime(
        config=folder / "swap.toml",
        database_urls=database.urls(),
        gateway_port=gateway_at.gateway_port if gateway_at else gateway.port,
        web_port=port,
        hub_port=hub.port,
        traefik_api_port=1,
        traefik_api_password="x",
        traefik_directory=folder,
        socket_directory=folder,
        kernel_key="k" * 32,
        portal_key=gateway_at.portal_key if gateway_at else gateway.portal_key,
        web_service_token=service_token,
        hub_cookie_secret="00" * 32,
        kernel_env=folder,
        homes=folder / "homes",
        spool=folder,
    )
