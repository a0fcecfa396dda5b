"""Small real servers that speak the hub's and the gateway's HTTP, for tests of the Jupyter server.

They are not the products: each keeps only what a Jupyter server can see of them.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class Quiet(BaseHTTPRequestHandler):
    """A handler that keeps its log to itself."""

    protocol_version = "HTTP/1.1"
    # Headers and body are written apart: on a kept connection the second would wait 40 ms for word of the first.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, value: Any = None, **headers: str) -> None:
        content = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Type", headers.get("Content_Type", "application/json"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of loopback and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Hub:
    """The hub as one server sees it: a login, tokens, activity."""

    person: str
    tokens: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    dead: bool = False
    url: str = ""
    server_token: str = ""
    activity: list[str] = field(default_factory=list)
    """What the server reported as the moment of its last activity."""

    def token(self) -> str:
        """Issue a token that may open the person's server."""
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return token

    def handler(self) -> type[Quiet]:
        hub = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                if hub.dead:
                    self.reply(503, {})
                elif url.path in {"/hub/api", "/hub/api/"}:
                    self.reply(200, {"version": "6.1.1"}, X_JupyterHub_Version="6.1.1")
                elif url.path == "/hub/api/oauth2/authorize":
                    code = secrets.token_hex(8)
                    hub.codes.add(code)
                    back = query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})
                    self.reply(302, None, Location=back)
                elif url.path == "/hub/api/user":
                    token = self.headers.get("Authorization", "").removeprefix("token ")
                    if token in hub.tokens:
                        self.reply(
                            200,
                            {
                                "kind": "user",
                                "name": hub.person,
                                "admin": False,
                                "groups": [],
                                "scopes": [f"access:servers!user={hub.person}"],
                                "session_id": None,
                            },
                        )
                    else:
                        self.reply(403, {"message": "no"})
                else:
                    self.reply(404, {})

            def do_POST(self) -> None:
                body = self.body()
                if hub.dead:
                    self.reply(503, {})
                elif self.path == "/hub/api/oauth2/token":
                    self.reply(200, {"access_token": hub.token(), "token_type": "Bearer"})
                elif self.path == f"/hub/api/users/{hub.person}/activity":
                    hub.activity.append(json.loads(body)["last_activity"])
                    self.reply(200, {})
                else:
                    self.reply(200, {})

        return Handler

    def environment(self, port: int, address: str) -> dict[str, str]:
        """Return the JUPYTERHUB_* variables the hub gives a server."""
        prefix = f"/user/{self.person}/"
        token = self.server_token = self.token()
        return {
            "JUPYTERHUB_API_TOKEN": token,
            "JPY_API_TOKEN": token,
            "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{self.person}",
            "JUPYTERHUB_HOST": self.url,
            "JUPYTERHUB_API_URL": f"{self.url}/hub/api",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_USER": self.person,
            "JUPYTERHUB_SERVICE_PREFIX": prefix,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{prefix}",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{address}{prefix}oauth_callback",
            "JUPYTERHUB_OAUTH_SCOPES": json.dumps([f"access:servers!user={self.person}"]),
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([f"access:servers!user={self.person}"]),
            "JUPYTERHUB_ACTIVITY_URL": f"{self.url}/hub/api/users/{self.person}/activity",
            "JUPYTERHUB_PUBLIC_HUB_URL": f"{address}/hub/",
        }


@dataclass
class Gateway:
    """The gateway as a Jupyter server and a kernel see it."""

    credential: str = field(default_factory=lambda: secrets.token_hex(16))
    access: str = "live"
    epoch: int = 1
    token_seconds: float = 300.0
    dead: bool = False
    under_way: int | None = None
    """How many queries of the person run; None is not to know, and keeps every server."""
    minted: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def say(self, access: str, epoch: int) -> None:
        """Push a change to every server that listens."""
        with self.changed:
            self.access, self.epoch = access, epoch
            self.changed.notify_all()

    def die(self) -> None:
        """Drop every stream and answer nothing more."""
        with self.changed:
            self.dead = True
            self.changed.notify_all()

    def handler(self) -> type[Quiet]:
        gateway = self

        class Handler(Quiet):
            def bearer(self) -> str:
                return self.headers.get("Authorization", "").removeprefix("Bearer ")

            def events(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                said = None
                while not gateway.dead:
                    with gateway.changed:
                        word = {"access": gateway.access, "epoch": gateway.epoch}
                        if word == said:
                            gateway.changed.wait(10)
                    if word != said:
                        self.wfile.write(b"data: " + json.dumps(word).encode() + b"\n\n")
                        said = word
                    else:
                        self.wfile.write(b": still here\n\n")
                    self.wfile.flush()

            def refused(self) -> None:
                self.reply(
                    401,
                    {
                        "error": {
                            "category": "not-signed-in",
                            "title": "You are not signed in.",
                            "why": "",
                            "todo": "Sign in again.",
                            "suggestions": [],
                        }
                    },
                )

            def handle_any(self, method: str) -> None:
                body = self.body()
                if gateway.dead:
                    self.close_connection = True
                    self.connection.close()
                    return
                path = urlsplit(self.path).path
                gateway.asked.append((method, self.path, self.bearer()))
                if path == "/v1/servers/events":
                    if self.bearer() != gateway.credential:
                        self.refused()
                    else:
                        self.events()
                elif path == "/v1/servers/queries" and self.bearer() == gateway.credential:
                    self.reply(503 if gateway.under_way is None else 200, {"under_way": gateway.under_way})
                elif path == "/v1/tokens":
                    if self.bearer() != gateway.credential or gateway.access != "live":
                        self.refused()
                        return
                    kernel = json.loads(body)["kernel_id"]
                    token = f"kernel-token-{kernel or 'server'}-{len(gateway.minted)}"
                    gateway.minted.append(token)
                    ends = datetime.now(UTC) + timedelta(seconds=gateway.token_seconds)
                    self.reply(200, {"token": token, "expires_at": ends.isoformat()})
                elif self.bearer() not in gateway.minted:
                    self.refused()
                elif (answer := gateway.answers.get(f"{method} {path}")) is not None:
                    value = answer[1](self.path, body) if callable(answer[1]) else answer[1]
                    self.reply(answer[0], value)
                else:
                    self.reply(
                        404,
                        {
                            "error": {
                                "category": "not-found",
                                "title": "There is no such query.",
                                "why": "",
                                "todo": "",
                                "suggestions": [],
                            }
                        },
                    )

            def do_GET(self) -> None:
                self.handle_any("GET")

            def do_POST(self) -> None:
                self.handle_any("POST")

            def do_DELETE(self) -> None:
                self.handle_any("DELETE")

        return Handler


def wait_for(what: str, check: Any, seconds: float = 60.0) -> Any:
    """Return the first true answer of `check`, or fail saying what did not come."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")
