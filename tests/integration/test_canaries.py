"""Passwords, tokens and cookies are in no log of a whole `swap up`, in whatever form, whatever failed.

Marked ones, and those that SWAP itself made, go through every failure there is a way to; then all that was written is
searched.  With the logs' defence switched off the same search must find them.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import argon2
import httpx
import tomlkit
import websocket

import canaries
import services
from integration.hub.conftest import Browser, House
from swap import ports
from swap.db.engine import create
from swap.identity import Via
from swap.launch import running
from swap.people import service as people
from swap.people import tokens
from swap.runtime import Runtime
from swap.settings import load
from swap.supervisor import family

HERE = Path(__file__).parent
SWAP = Path(sys.executable).parent / "swap"
HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def canary() -> str:
    """Return what cannot be anything else, begun by what every kind of quoting treats in a way of its own."""
    return f"p@s's\"w/+o<&é {secrets.token_hex(10)}"


def core(marked: str) -> str:
    return marked.rpartition(" ")[2]


class Site:
    """A whole SWAP that one person uses, and what must be in none of its logs."""

    def __init__(self, folder: Path, *, weak: bool = False) -> None:
        self.folder, self.state, self.config = folder, folder / "state", folder / "swap.toml"
        self.port = ports.free(1)[0]
        self.marked = {name: canary() for name in ("the password", "a wrong password", "a token", "a cookie", "a code")}
        self.write()
        self.output = (folder / "output").open("wb")
        weakened = {"PYTHONPATH": str(HERE / "weak_logs")} if weak else {}
        self.process = subprocess.Popen(
            [SWAP, "up", "--config", self.config],
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | weakened,
        )
        until(lambda: "SWAP runs:" in self.said or self.process.poll() is not None, lambda: self.said)
        self.runtime = Runtime.model_validate_json((self.state / "runtime.json").read_text(encoding="utf-8"))
        self.house = House(load(self.config), self.runtime, None)  # type: ignore[arg-type]
        self.engine = create(self.runtime.database_urls["owner"])

    def write(self, **settings: object) -> None:
        person = {
            "key": "ann",
            "name": "ann",
            "groups": ["analysts"],
            "password": HASHER.hash(self.marked["the password"]),
        }
        (self.folder / "people.toml").write_text(tomlkit.dumps({"people": [person]}))
        document = {
            "state": str(self.state),
            "kernel_env": str(Path(sys.prefix).parent / "kernel"),
            "site": {"port": self.port},
            "people": {"file": str(self.folder / "people.toml"), "admin_group": "analysts"},
        }
        self.config.write_text(tomlkit.dumps(document | settings))

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def logs(self) -> dict[str, str]:
        """Return all that was written for whoever runs SWAP."""
        written = {path.name: path.read_text(errors="replace") for path in (self.state / "logs").rglob("*.log")}
        return written | {"output": self.said}

    def secrets(self) -> dict[str, str]:
        """Return what was marked, and what SWAP made: keys, passwords of the database, tokens, cookies."""
        made = {name: core(value) for name, value in self.marked.items()}
        made |= {
            name: value
            for name in (
                "traefik_api_password",
                "kernel_key",
                "portal_key",
                "web_service_token",
                "hub_cookie_secret",
            )
            if (value := getattr(self.runtime, name))
        }
        made |= {
            f"database of {name}": urlsplit(url).password or "" for name, url in self.runtime.database_urls.items()
        }
        for browser in self.house.browsers:
            for host, jar in browser.cookies.items():
                made |= {f"cookie {each.name} of {host}": each.value for each in jar.jar if len(each.value or "") > 30}
        assert all(len(value) >= canaries.PIECE for value in made.values()), made.keys()
        return made

    def named(self, name: str) -> list[int]:
        """Return the processes of SWAP in whose command a name stands."""
        found = []
        for each in family.below(self.process.pid):
            with contextlib.suppress(OSError):
                if name in Path(f"/proc/{each.pid}/cmdline").read_text(errors="replace").replace("\0", " "):
                    found.append(each.pid)
        return found

    def close(self) -> None:
        self.engine.dispose()
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        for each in family.below(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.output.close()
        for browser in self.house.browsers:
            browser.client.close()


def until(true: Callable[[], object], why: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


@contextlib.contextmanager
def up(*, weak: bool = False) -> Iterator[Site]:
    folder = services.temporary_directory()
    site = Site(folder, weak=weak)
    try:
        yield site
    finally:
        site.close()
        shutil.rmtree(folder, ignore_errors=True)


# ── The ways things fail ────────────────────────────────────────────────────────────────────────────
def sign_in_wrongly(site: Site) -> None:
    """Each way to type what is wrong, and to send what nobody asked for."""
    wrong, cookie, code = site.marked["a wrong password"], site.marked["a cookie"], site.marked["a code"]
    browser = site.house.browser()
    for typed in (wrong, wrong + "\0", wrong * 2000, base64.b64encode(wrong.encode()).decode()):
        browser.sign_in("ann", typed)
    for content in (
        f"username=ann&password={quote(wrong)}",
        f'{{"password": "{core(wrong)}"}}',
        f"password={core(wrong)}%ff%00",
    ):
        browser.post("/hub/login", content=content.encode())
    browser.get("/", headers={"Authorization": "Basic " + base64.b64encode(f"ann:{wrong}".encode()).decode()})
    for name in ("swap_session", "jupyterhub-hub-login", "jupyterhub-session-id", "swap_oauth_x", "_xsrf"):
        for path in ("/", "/hub/login", "/hub/api/user", "/oauth_callback?state=x"):
            # Past the browser's own jar.
            shown = {"Cookie": f"{name}={quote(cookie)}; {name}=2|1:0|10:1|{core(cookie)}"}
            browser.client.get(path, headers={"Host": f"localhost:{site.port}"} | shown)
    for path in ("/oauth_callback", "/sign-in", "/hub/api/oauth2/authorize", "/nothing"):
        browser.get(f"{path}?code={quote(code)}&state={core(code)}&next={quote(code)}&client_id={core(code)}")


def show_tokens(site: Site) -> None:
    """Each door, with each kind of token that is none."""
    token = site.marked["a token"]
    for value in (
        core(token),
        f"eyJhbGciOiJIUzI1NiJ9.{core(token)}.{core(token)}",
        base64.b64encode(token.encode()).decode(),
    ):
        for kind in ("Bearer", "token", "Basic", "bearer"):
            headers = {"Authorization": f"{kind} {value}"}
            with httpx.Client(timeout=20, verify=services.NO_TLS, headers=headers) as client:
                for base, paths in (
                    (site.runtime.gateway_url, ("/v1/queries/q", "/v1/catalog", "/v1/servers/queries", "/nothing")),
                    (site.runtime.hub_url, ("/hub/api/users", f"/hub/api/authorizations/token/{value}")),
                    (f"http://127.0.0.1:{site.port}", ("/", f"/?token={value}", "/hub/api/user")),
                    (f"http://127.0.0.1:{site.runtime.traefik_api_port}", ("/api/rawdata",)),
                ):
                    for path in paths:
                        client.get(base + path)
                client.post(f"{site.runtime.gateway_url}/v1/tokens", json={"kernel_id": "k", "token": value})
                client.post(f"{site.runtime.gateway_url}/v1/queries", content=f'{{"token": "{value}"'.encode())


def break_the_protocol(site: Site) -> None:
    """Requests that no library would send, to every port."""
    token = core(site.marked["a token"])
    for port in (site.port, site.runtime.gateway_port, site.runtime.hub_port, site.runtime.web_port):
        for sent in (
            f"GET /?{token} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nBroken {token}\r\n\r\n",
            f"{token} / HTTP/9\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {token}\r\nCookie: a={token}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {token * 4000}\r\n\r\n",
        ):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as line:
                line.sendall(sent.encode())
                line.shutdown(socket.SHUT_WR)
                while line.recv(65536):
                    pass


def person_id_of(site: Site) -> str:
    with site.engine.connect() as conn:
        return str(conn.exec_driver_sql("SELECT id FROM swap.person").scalar_one())


def use_a_server(site: Site, browser: Browser) -> str:
    """Start the person's server, and do there what fails; return the person's id."""
    person_id = person_id_of(site)
    site.house.start_server(person_id)
    host, base, token = f"{person_id}.localhost", f"/user/{person_id}", core(site.marked["a token"])
    assert browser.get(f"{base}/lab", host).status_code == 200
    for path in (
        f"/lab?token={token}",
        f"/api/kernels/none?token={token}",
        f"/files/none?token={token}",
        "/api/contents/none",
    ):
        site.house.browser().get(base + path, host)
        browser.get(base + path, host, headers={"Authorization": f"token {token}"})
    for path in ("/api/kernels", "/swap/complete", "/api/contents"):
        browser.post(base + path, host, content=f'{{"password": "{token}"'.encode(), headers={"X-XSRFToken": token})
    server_port = urlsplit(_address(site, person_id)).port
    for shown in (f"?token={token}", ""):
        with contextlib.suppress(websocket.WebSocketException, OSError):
            websocket.create_connection(
                f"ws://127.0.0.1:{server_port}{base}/api/kernels/none/channels{shown}",
                timeout=10,
                header=[f"Authorization: token {token}", f"Cookie: jupyterhub-user-{person_id}={token}"],
            )
    return person_id


def _address(site: Site, person_id: str) -> str:
    with site.house.hub_api(site.runtime.web_service_token) as api:
        url = str(api.get(f"/users/{person_id}").json()["servers"][""].get("url", ""))
    routes = (site.runtime.traefik_directory / "hub.toml").read_text(encoding="utf-8")
    return next((part for part in routes.split('"') if part.startswith("http://127.0.0.1:")), url)


def ask_with_real_tokens(site: Site, person_id: str) -> dict[str, str]:
    """Ask with a token and a credential that are good, what fails behind the door; return them."""
    credential = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    with site.engine.begin() as conn:
        people.launch_server(conn, person_id, "s-of-a-test", credential, now)
        epoch = people.access(conn, person_id, now).epoch
    token = tokens.mint(
        site.runtime.kernel_key,
        person_id=person_id,
        via=Via.KERNEL,
        epoch=epoch,
        server_id="s-of-a-test",
        kernel_id="k",
        now=now,
        seconds=600,
    ).value
    with httpx.Client(base_url=site.runtime.gateway_url, timeout=30, verify=services.NO_TLS) as client:
        for bearer in (token, token[:-3] + "xxx", credential):
            headers = {"Authorization": f"Bearer {bearer}"}
            for statement in ("SELECT CAST('x' AS integer)", "SELECT", "SELECT * FROM none.such.table"):
                client.post("/v1/queries", json={"statement": statement, "wait": 5}, headers=headers)
            client.post("/v1/tokens", json={"kernel_id": "k\0"}, headers=headers)
            client.post("/v1/uploads", content=b"x", headers=headers)
    return {"kernel token": token.rpartition(".")[2], "server credential": credential}


def kill_while_asked(site: Site, browser: Browser, real: dict[str, str]) -> None:
    """Kill the processes, some at a time, ask what is left with what people hold, and wait until all are back."""
    for names in (("processes.gateway", "processes.web"), ("processes.hub", "traefik"), ("postgres -D",)):
        for name in names:
            os.kill(min(site.named(name)), signal.SIGKILL)
        for port, path in (
            (site.port, "/"),
            (site.runtime.gateway_port, "/v1/catalog"),
            (site.runtime.web_port, "/data"),
            (site.runtime.hub_port, "/hub/api/user"),
        ):
            cookies = "; ".join(f"{each.name}={each.value}" for each in browser.cookies["localhost"].jar)
            headers = {
                "Authorization": f"Bearer {real['server credential']}",
                "Cookie": cookies,
                "Host": f"localhost:{site.port}",
            }
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=10, verify=services.NO_TLS)
        until(lambda: _answers(site), lambda: site.said)


def _answers(site: Site) -> bool:
    try:
        return (
            httpx.get(f"{site.runtime.gateway_url}/v1/health", timeout=2, verify=services.NO_TLS).status_code == 200
            and httpx.get(f"{site.runtime.hub_url}/hub/health", timeout=2, verify=services.NO_TLS).status_code == 200
            and httpx.get(f"http://localhost:{site.port}/signed-out", timeout=5, verify=services.NO_TLS).status_code
            < 500
        )
    except httpx.HTTPError:
        return False


def misconfigure(site: Site) -> str:
    """Settings and a people file with secrets where none belong; return what the commands say."""
    marked = core(site.marked["the password"])
    (site.folder / "people.toml").write_text(f'[[people]]\nname = "ann"\npassword = "{marked}"\ngroups = 3\n')
    wrong = site.folder / "wrong.toml"
    wrong.write_text(
        f"""
        state = "{site.state}"
        database = {{ url = "postgresql://swap:{marked}@127.0.0.1:1/swap", password = "{marked}" }}
        people = {{ file = "people.toml", password = "{marked}" }}
        [sources.x]
        kind = "postgres"
        host = "127.0.0.1"
        port = 1
        database = "d"
        user = "u"
        password = "{marked}"
        """
    )
    said = _said("config", "check", "--config", wrong)
    for command in ("doctor", "queries", "purge"):
        said += _said(command, "--config", site.config)
    return said


def _said(*arguments: str | Path) -> str:
    done = subprocess.run([SWAP, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def everything(site: Site) -> tuple[dict[str, str], dict[str, str]]:
    """Let everything fail; return the secrets and all that was written."""
    browser = site.house.browser()
    browser.sign_in("ann", site.marked["the password"])
    assert browser.session
    sign_in_wrongly(site)
    show_tokens(site)
    break_the_protocol(site)
    person_id = use_a_server(site, browser)
    real = ask_with_real_tokens(site, person_id)
    kill_while_asked(site, browser, real)
    said = misconfigure(site)
    assert running.find(site.state, person_id) is not None
    return site.secrets() | real, site.logs() | {"commands": said}


def test_no_log_of_a_whole_site_holds_a_secret() -> None:
    with up() as site:
        secrets_, logs = everything(site)

        # The logs are those of everything, and tell of the failures.
        assert {"gateway.log", "web.log", "hub.log", "traefik.log", "postgres.log", "output"} <= logs.keys()
        assert any(name.startswith("server-p") for name in logs)
        assert "starting it again" in logs["output"]
        assert "wrong.toml:3: " in logs["commands"]
        assert "/hub/login" in logs["hub.log"]
        assert canaries.found(secrets_, logs) == {}


def test_without_the_logs_defence_the_same_search_finds_each_of_them() -> None:
    with up(weak=True) as site:
        browser = site.house.browser()
        browser.sign_in("ann", site.marked["the password"])
        sign_in_wrongly(site)
        show_tokens(site)
        real = ask_with_real_tokens(site, person_id_of(site))
        found = canaries.found(site.secrets() | real, site.logs())

    names = {name for each in found.values() for name in each}
    assert {name.partition(",")[0] for name in names} >= {
        *site.marked,
        *real,
        "web_service_token",
        "cookie swap_session of localhost",
        "cookie jupyterhub-hub-login of localhost",
    }
    assert any("base64" in name for name in names)
    assert found.keys() >= {"gateway.log", "web.log", "hub.log"}
