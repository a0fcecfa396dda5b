"""A real house for the hub's tests: PostgreSQL, Traefik, portal, gateway and hub, started as `swap up` starts them."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import argon2
import httpx
import pytest
import tomlkit

import services
from swap import ports
from swap import runtime as runtimes
from swap import settings as settings_module
from swap.db.embedded import EmbeddedPostgres
from swap.hub import routes
from swap.launch import running
from swap.runtime import Runtime
from swap.settings import Address, Settings
from swap.supervisor.model import Service
from swap.supervisor.services import environment
from swap.supervisor.services import services as programs

ROOT = Path(__file__).parents[3]
NAMES = (
    "ann",
    "bertrand",
    "chidi",
    "ann.smith",
    "José",
    "o'brien",
    "50%",
    "n" * 64,
    "content",
    "a-b",
    "a_b",
    "a--b",
    "slow",
    "held-up",
    "over-tls",
    "changed",
    "stopped",
    "kept",
    "ended",
    "boss",
)
ADMINS = "swap-admins"
"""The group of those who run SWAP; the boss is in it."""
TRIES = 20
"""Wrong ones from one address: each under a name that nobody has costs a fifth of a second of the processor."""
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PUBLIC = "swap.example.org"
"""The name of the public address; nothing resolves it but the tests' own browsers."""
_browsers = itertools.count()
USUAL = argon2.PasswordHasher()


def password(name: str) -> str:
    return f"demo-{name}"


def certificate_of(settings: Settings) -> Path:
    """The certificate of the public address, whoever shows it."""
    return settings.state / "secrets" / f"{PUBLIC}.pem"


def people_document(names: tuple[str, ...] = NAMES) -> str:
    return tomlkit.dumps(
        {
            "people": [
                {
                    "key": name,
                    "name": name,
                    "password": (USUAL if name == "slow" else CHEAP).hash(password(name)),
                    "groups": ["analysts", ADMINS] if name == "boss" else ["analysts"],
                    "title": "tester",
                    "demo_password": password(name),
                    "reads": "Reads all",
                    "locked": "Nothing",
                }
                for name in names
            ]
        }
    )


@dataclass
class House:
    """The running parts, and ways to speak to them as people do."""

    settings: Settings
    runtime: Runtime
    database: services.Database
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    browsers: list[Browser] = field(default_factory=list)
    door: Address | None = None
    """The address that people come by; the tunnel's when it is none."""

    def at(self, name: str) -> House:
        """Return this very house as those see it who come by a tunnel, or over TLS."""
        seen = copy.copy(self)
        seen.door = {"tunnel": self.settings.site.address, "tls": self.settings.origins.address}[name]
        return seen

    @property
    def address(self) -> Address:
        return self.door or self.settings.site.address

    @property
    def portal(self) -> str:
        """The portal's host."""
        return self.address.host

    def host(self, person_id: str) -> str:
        """The host of somebody's server."""
        return f"{person_id}.{self.portal}"

    def connect(self, host: str) -> socket.socket:
        """Open a line to Traefik, as whoever asks for a host."""
        line = socket.create_connection(("127.0.0.1", self.address.port), 10)
        return (
            services.trusting(certificate_of(self.settings)).wrap_socket(line, server_hostname=host)
            if self.address.tls
            else line
        )

    @property
    def state(self) -> Path:
        return self.settings.state

    @property
    def port(self) -> int:
        return self.settings.site.port

    # ── processes ───────────────────────────────────────────────────────────────────────────────────
    def programs(self) -> dict[str, Service]:
        return {service.name: service for service in programs(self.settings, self.runtime)}

    def start(self, *names: str) -> None:
        made = self.programs()
        for name in names:
            log = (self.state / "logs" / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                made[name].argv,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment(self.state / "runtime.json"),
                start_new_session=True,
                cwd=self.state,
            )
            log.close()
        for name in names:
            self._wait(name, made[name].ready)

    def _wait(self, name: str, ready) -> None:
        end = time.monotonic() + 60
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{name} did not start:\n" + self.log(name)[-4000:])
            time.sleep(0.05)

    def wait_until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for what another program is to do."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.05)

    def log(self, name: str) -> str:
        return (self.state / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        # The hub first: it would start a server's end anew. The gateway after the servers, whose streams it waits for.
        if "hub" in self.processes:
            self.kill("hub", signal.SIGTERM)
        for path in (self.state / "servers").glob("*.json"):
            server = running.find(self.state, path.stem)
            if server is not None:
                running.send(server, signal.SIGKILL)
        for name in reversed(list(self.processes)):
            self.kill(name, signal.SIGTERM)
        for browser in self.browsers:
            browser.client.close()

    # ── speaking to it ──────────────────────────────────────────────────────────────────────────────
    def browser(self, address: str = "") -> Browser:
        """A browser at an address of its own, or at a given one."""
        made = Browser(self.settings, self.address, address)
        made.strict = not isinstance(self, WeakHouse)
        self.browsers.append(made)
        return made

    def hub_api(self, token: str | None = None) -> httpx.Client:
        """The hub's own port, as kernel code on this machine reaches it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=f"{self.runtime.hub_url}/hub/api", headers=headers, timeout=60, verify=services.NO_TLS
        )

    def sign_in(self, name: str) -> Browser:
        browser = self.browser()
        answer = browser.sign_in(name)
        assert browser.session, answer.text[:2000]
        return browser

    def person_id(self, name: str) -> str:
        with self.database.engine().connect() as conn:
            return conn.exec_driver_sql(
                "select id from swap.person where name = %s and removed_at is null", (name,)
            ).scalar_one()

    def start_server(self, person_id: str, seconds: float = 60) -> None:
        """Start somebody's server as the portal does."""
        with self.hub_api(self.runtime.web_service_token) as api:

            def stops() -> bool:
                servers = api.get(f"/users/{person_id}").json().get("servers", {})
                return bool(servers.get("", {}).get("pending") == "stop")

            self.wait_until(lambda: not stops())
            answer = api.post(f"/users/{person_id}/server")
            assert answer.status_code in {201, 202}, answer.text
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                server = api.get(f"/users/{person_id}").json()["servers"].get("", {})
                if server.get("ready"):
                    return
                if not server.get("pending"):
                    break
                time.sleep(0.2)
        raise AssertionError(
            f"no server for {person_id}: " + self.log(f"server-{person_id}")[-3000:] + self.log("hub")[-3000:]
        )


class WeakHouse(House):
    """A house whose defences are off, one by one: what an attack test meets here must succeed."""

    def programs(self) -> dict[str, Service]:
        made = super().programs()
        hub = made["hub"]
        made["hub"] = replace(hub, argv=[*hub.argv[:-1], str(Path(__file__).parent / "weak" / "jupyterhub_config.py")])
        contents = routes.traefik(self.settings, self.runtime)
        # H13: paths pass as they come.
        for name in ("web", "public"):
            entry = contents["static"]["entryPoints"][name]["http"]
            entry["sanitizePath"] = False
            entry["encodedCharacters"] = dict.fromkeys(entry["encodedCharacters"], True)
        http = contents["dynamic"]["http"]
        # H01: all of the hub's pages can be reached, from every host.
        http["routers"] = {
            name: router
            for name, router in http["routers"].items()
            if name.removesuffix("-public") not in {"hub-pages", "hub-on-person", "hub"}
        }
        # The way from a person's server to the OAuth door stays, or nobody would be signed in at theirs.
        for name in ("hub-from-person", "hub-from-person-public"):
            http["routers"][name]["priority"] = 2100
        http["routers"]["hub"] = {
            "rule": "PathPrefix(`/hub`)",
            "entryPoints": ["web", "public"],
            "service": "hub",
            "priority": 2000,
        }
        # H01, H03: what pages of other hosts ask for is answered.  H13: a name with a dot behind it is the same name.
        http["routers"] = {
            name: router for name, router in http["routers"].items() if not name.startswith(("foreign", "dotted"))
        }
        # H15: the proxy's own API asks nobody who they are.
        http["routers"]["api"].pop("middlewares")
        for path, content in (
            (self.runtime.traefik_directory.parent / "static.yml", contents["static"]),
            (self.runtime.traefik_directory / "swap.yml", contents["dynamic"]),
        ):
            path.write_text(json.dumps(content), encoding="utf-8")
        return made

    def open_way_to(self, person_id: str, address: str) -> None:
        """H13: one person's server can be reached from every host."""
        weak = {
            "http": {
                "routers": {
                    "weak": {
                        "rule": f"PathRegexp(`(?i)/user/{person_id}`)",
                        "entryPoints": ["web", "public"],
                        "service": "weak",
                        "priority": 3000,
                    }
                },
                "services": {"weak": {"loadBalancer": {"servers": [{"url": address}]}}},
            }
        }
        (self.runtime.traefik_directory / "weak.yml").write_text(json.dumps(weak), encoding="utf-8")


class Browser:
    """An HTTP client that treats SWAP's hosts as browsers do, and keeps cookies for each of them apart.

    A cookie that only the host itself can set is kept without the prefix of its name, which is looked at and sent again.
    """

    def __init__(self, settings: Settings, door: Address, address: str = "") -> None:
        self.door = door
        self.port = door.port
        self.prefixed: set[tuple[str, str]] = set()
        self.strict = True
        """Whether a cookie that breaks our own rules is an error."""
        # Each from an address of its own, so that one test's wrong tries do not pause another's.
        number = next(_browsers)
        self.address = address or f"127.1.{number // 250}.{number % 250 + 2}"
        self.cookies: dict[str, httpx.Cookies] = {}
        self.client = httpx.Client(
            base_url=f"{door.scheme}://127.0.0.1:{door.port}",
            timeout=60,
            transport=httpx.HTTPTransport(
                local_address=self.address,
                verify=services.trusting(certificate_of(settings)) if door.tls else services.NO_TLS,
            ),
        )

    @property
    def session(self) -> bool:
        return "swap_session" in self.cookies.get(self.door.host, {})

    def request(
        self, method: str, path: str, host: str = "", follow: bool = True, headers=None, **arguments
    ) -> httpx.Response:
        host = host or self.door.host
        for _ in range(15):
            jar = self.cookies.setdefault(host, httpx.Cookies())
            sent = {
                "Host": f"{host}:{self.port}",
                "Accept": "text/html",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Site": "same-origin",
            }
            sent |= headers or {}
            arguments["extensions"] = {"sni_hostname": host}
            request = self.client.build_request(method, path, headers=sent, **arguments)
            request.headers.pop("cookie", None)
            parts = self.sent(host, request.url.path)
            if parts:
                request.headers["cookie"] = parts
            answer = self.client.send(request)
            self._keep(jar, host, answer)
            if not follow or not answer.is_redirect:
                return answer
            target = httpx.URL(answer.headers["location"])
            if target.host:
                assert target.scheme == self.door.scheme, f"led from one address to another: {target}"
                host = target.host
                path = target.raw_path.decode()
            else:
                path = str(target)
            method, arguments, headers = "GET", {}, None
        raise AssertionError("too many redirects")

    def sent(self, host: str, path: str = "") -> str:
        """Return the Cookie header for a host; for a path of it, or with all it has."""
        return "; ".join(
            f"{'__Host-' if (host, cookie.name) in self.prefixed else ''}{cookie.name}={cookie.value}"
            for cookie in self.cookies[host].jar
            if not path or _fits(cookie.path, path)
        )

    def _keep(self, jar: httpx.Cookies, host: str, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value, *attributes = rest.split(";")
            known = {key.strip().lower(): val for key, _, val in (attribute.partition("=") for attribute in attributes)}
            path = known.get("path", "/")
            assert not self.strict or "domain" not in known, "no cookie is for other hosts too"
            if self.strict and self.door.tls:
                assert "secure" in known, line
                assert name.startswith("__Host-") or name in {"_xsrf", "swap_mode"}, line
            if name.startswith("__Host-"):
                assert self.door.tls, line
                assert path == "/", line
                name = name.removeprefix("__Host-")
                self.prefixed.add((host, name))
            with contextlib.suppress(KeyError):
                jar.delete(name, path=path)
            gone = known.get("max-age") == "0" or "1970" in known.get("expires", "") or value in {"", '""'}
            if not gone:
                jar.set(name, value, path=path)

    def get(self, path: str, host: str = "", **arguments) -> httpx.Response:
        return self.request("GET", path, host, **arguments)

    def post(self, path: str, host: str = "", **arguments) -> httpx.Response:
        return self.request("POST", path, host, **arguments)

    def sign_in(self, name: str, secret: str | None = None, headers=None) -> httpx.Response:
        """Go through the portal's door, fill in the form, send it."""
        page = self.get("/sign-in")
        found = re.search(
            r'<form action="([^"]+)" method="post">\s*<input type="hidden" name="_xsrf" value="([^"]*)"', page.text
        )
        assert found, f"{page.status_code} {page.url} {page.text[:1500]}"
        action = found[1].replace("&amp;", "&")
        return self.post(
            action,
            data={"_xsrf": found[2], "username": name, "password": password(name) if secret is None else secret},
            headers=headers,
        )

    def sign_out(self, just_before: Callable[[], None] = lambda: None) -> httpx.Response:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.get("/").text)
        assert csrf
        just_before()
        return self.post("/sign-out", data={"csrf": csrf[1]}, headers={"Origin": self.door.url})


def _fits(cookie_path: str, path: str) -> bool:
    return path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/")


def build(
    postgres: EmbeddedPostgres,
    *,
    names: tuple[str, ...] = NAMES,
    kind: type[House] = House,
    launch: dict | None = None,
    people: dict | None = None,
    sources: dict | None = None,
    reports: dict | None = None,
    proxies: tuple[str, ...] = (),
    content_host: str = "",
) -> House:
    """Lay a house out; nothing runs yet.  Where there are proxies, its certificate is for them to show."""
    state = Path(tempfile.mkdtemp(prefix="swap-hub-"))
    for folder in ("logs", "secrets", "homes", "spool", "tables", "traefik/dynamic"):
        (state / folder).mkdir(parents=True, mode=0o700)
    (state / "people.toml").write_text(people_document(names), encoding="utf-8")
    site, public, plain, gateway, web, hub, api, behind = ports.free(8)
    certificate, key = services.certificate(
        state / "secrets", PUBLIC, more=(f"*.{PUBLIC}", *filter(None, [content_host]))
    )
    (state / "swap.toml").write_text(
        tomlkit.dumps(
            {
                "state": str(state),
                "site": {"port": site, "demo": True},
                "origins": {"url": f"https://{PUBLIC}:{public}", "bind": "127.0.0.1"}
                | ({"content_host": content_host} if content_host else {})
                | (
                    {"port": behind, "proxies": list(proxies)}
                    if proxies
                    else {"certificate": str(certificate), "key": str(key), "http_port": plain}
                ),
                "people": people
                or {"file": str(state / "people.toml"), "admin_group": ADMINS, "tries": {"per_address": TRIES}},
                "kernel_env": str(Path(sys.prefix).parent / "kernel"),
                "launch": {"starts_at_once": 2} | (launch or {}),
                "sources": sources or {},
                "reports": reports or {},
            }
        ),
        encoding="utf-8",
    )
    database = services.fresh_database(postgres)
    runtime = Runtime(
        config=state / "swap.toml",
        database_urls=database.urls(),
        gateway_port=gateway,
        web_port=web,
        hub_port=hub,
        traefik_api_port=api,
        traefik_api_password=secrets.token_urlsafe(24),
        traefik_directory=state / "traefik" / "dynamic",
        socket_directory=Path(tempfile.mkdtemp(prefix="swap-")),
        kernel_key=secrets.token_hex(32),
        portal_key=secrets.token_hex(32),
        web_service_token=secrets.token_hex(32),
        hub_cookie_secret=secrets.token_hex(32),
        kernel_env=Path(sys.prefix).parent / "kernel",
        homes=state / "homes",
        spool=state / "spool",
    )
    runtimes.write(runtime, state / "runtime.json")
    return kind(settings_module.load(state / "swap.toml"), runtime, database)


def demolish(made: House) -> None:
    made.close()
    made.database.close()
    shutil.rmtree(made.runtime.socket_directory, ignore_errors=True)
    if not os.environ.get("SWAP_KEEP_STATE"):
        shutil.rmtree(made.state, ignore_errors=True)


def inhabit(postgres: EmbeddedPostgres, kind: type[House]) -> Iterator[House]:
    made = build(postgres, kind=kind)
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        yield made
    finally:
        demolish(made)


@pytest.fixture(scope="session")
def house(embedded_postgres: EmbeddedPostgres) -> Iterator[House]:
    """Everything runs, for all tests of this folder; tests use people of their own or leave them as they were."""
    yield from inhabit(embedded_postgres, House)


@pytest.fixture(scope="session")
def weak_house(embedded_postgres: EmbeddedPostgres) -> Iterator[WeakHouse]:
    """The same with its defences switched off."""
    yield from inhabit(embedded_postgres, WeakHouse)
