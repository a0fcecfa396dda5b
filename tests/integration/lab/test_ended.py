"""The end of access, pushed: everything refused and cut within five seconds, and nothing else disturbs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest
import websocket

from integration.lab.conftest import PERSON, Server
from integration.lab.kernels import Kernel
from integration.lab.stand_ins import wait_for
from services import NO_TLS

PATHS = (
    "/lab",
    "/api",
    "/api/kernels",
    "/api/contents",
    "/files/a.txt",
    "/static/lab/x.js",
    "/lab/api/settings",
    "/swap/access",
    "/swap/queries/q1",
    "/lab/",
    "/favicon.ico",
    "/",
    "/oauth_callback",
    "/logout",
)


@pytest.fixture
def server(launch: Callable[..., Server]) -> Server:
    return launch()


@pytest.fixture
def token(server: Server) -> str:
    return server.hub.token()


@pytest.fixture
def kernel(server: Server, token: str) -> Iterator[Kernel]:
    made = Kernel(server.url, token)
    yield made
    made.socket.shutdown()


def cut(line: websocket.WebSocket) -> bool:
    """Read until the connection ends; a line that stays open runs into its time-out and fails the test."""
    try:
        while line.recv() != "":
            pass
    except (websocket.WebSocketConnectionClosedException, websocket.WebSocketProtocolException, ConnectionError):
        pass
    line.shutdown()
    return True


def heard(server: Server) -> None:
    wait_for("the server's listening", lambda: any(path == "/v1/servers/events" for _, path, _ in server.gateway.asked))


def test_ended_refuses_every_path_and_cuts_the_kernels_connection(server: Server, token: str, kernel: Kernel) -> None:
    heard(server)
    assert kernel.run("print(1)") == "1\n"
    started = time.monotonic()
    server.gateway.say("ended", 2)
    assert cut(kernel.socket)
    assert time.monotonic() - started < 5
    for path in PATHS:
        assert (
            httpx.get(
                server.url + path, headers={"Authorization": f"token {token}"}, timeout=60, verify=NO_TLS
            ).status_code
            == 403
        ), path
    with pytest.raises(websocket.WebSocketBadStatusException):
        kernel.connect()


def test_a_client_that_ignores_the_goodbye_is_not_heard(server: Server, kernel: Kernel) -> None:
    heard(server)
    mark = server.home / "ran.txt"
    server.gateway.say("ended", 2)
    for _ in range(40):
        try:
            kernel.send(f"open({str(mark)!r}, 'a').write('x')")
        except (OSError, websocket.WebSocketException):
            break
        time.sleep(0.05)
    before = mark.read_text() if mark.exists() else ""
    time.sleep(1)
    assert (mark.read_text() if mark.exists() else "") == before
    assert len(before) < 40


def test_terminals_are_cut_too(server: Server, token: str) -> None:
    heard(server)
    headers = {"Authorization": f"token {token}"}
    name = httpx.post(f"{server.url}/api/terminals", headers=headers, timeout=60).json()["name"]
    address = server.url.replace("http", "ws") + f"/terminals/websocket/{name}"
    with closing(websocket.create_connection(address, header=[f"Authorization: token {token}"], timeout=60)) as line:
        server.gateway.say("ended", 2)
        assert cut(line)


def test_after_signing_in_again_old_tokens_stay_refused_and_new_ones_open(server: Server, token: str) -> None:
    heard(server)
    assert server.get("/api/kernels", token).status_code == 200
    server.gateway.say("ended", 2)
    wait_for("the refusal", lambda: server.get("/api/kernels", token).status_code == 403)
    server.gateway.say("live", 2)
    fresh = server.hub.token()
    wait_for("the opening", lambda: server.get("/api/kernels", fresh).status_code == 200)
    # The stand-in hub still knows the old token: the server refuses it by its own memory.
    assert token in server.hub.tokens
    assert server.get("/api/kernels", token).status_code == 403


def test_a_sign_out_that_was_missed_is_made_up_for(server: Server, token: str, kernel: Kernel) -> None:
    heard(server)
    assert server.get("/api/kernels", token).status_code == 200
    server.gateway.say("live", 2)
    assert cut(kernel.socket)
    assert server.get("/api/kernels", token).status_code == 403
    assert server.get("/api/kernels", server.hub.token()).status_code == 200


def test_a_person_who_signed_in_again_is_let_through_before_the_push_arrives(server: Server) -> None:
    heard(server)
    server.gateway.say("ended", 2)
    wait_for("the refusal", lambda: server.get("/api").status_code == 403)
    page = httpx.get(f"{server.url}/lab", headers={"Accept": "text/html"}, timeout=60)
    assert (page.status_code, "Your access has ended" in page.text) == (403, True)
    assert "http://localhost:8000/" in page.text
    server.gateway.access = "live"  # nobody is told
    again = httpx.get(f"{server.url}/lab", headers={"Accept": "text/html"}, timeout=60)
    assert (again.status_code, again.headers["Location"]) == (302, f"/user/{PERSON}/lab")


def test_kernels_get_no_token_after_the_end(server: Server, kernel: Kernel) -> None:
    heard(server)
    kernel.run(
        "import json, os, socket\ndef ask():\n    s = socket.socket(socket.AF_UNIX);"
        " s.connect(os.environ['SWAP_TOKEN_SOCKET'])\n    s.sendall(b'{}\\n'); return s.makefile().readline()"
    )
    kernel.send(f"import time; time.sleep(2); open({str(server.home / 'answer')!r}, 'w').write(ask())")
    time.sleep(0.5)
    server.gateway.say("ended", 2)
    answer = wait_for(
        "the kernel's question", lambda: (server.home / "answer").exists() and (server.home / "answer").read_text()
    )
    assert "not-signed-in" in answer
    assert "kernel-token" not in answer


def test_the_gateways_death_disturbs_nothing(server: Server, token: str, kernel: Kernel) -> None:
    heard(server)
    server.gateway.die()
    time.sleep(2)
    assert server.get("/api/kernels", token).status_code == 200
    assert kernel.run("print(2)") == "2\n"
    refused = server.get("/swap/queries/q1", token)
    assert (refused.status_code, refused.json()["error"]["category"]) == (503, "unavailable")


def test_the_hubs_death_disturbs_nobody_who_is_in(launch: Callable[..., Server]) -> None:
    server = launch()
    token = server.hub.token()
    assert server.get("/api/kernels", token).status_code == 200
    server.hub.dead = True
    # A new session id is a question to the hub that no cache answers.
    reply = httpx.get(
        f"{server.url}/api/kernels",
        timeout=60,
        headers={"Authorization": f"token {token}", "Cookie": "jupyterhub-session-id=another"},
    )
    assert reply.status_code == 200
    assert server.get("/api/kernels", "never-seen").status_code >= 400


def test_a_credential_the_gateway_no_longer_knows_ends_access(server: Server, token: str) -> None:
    heard(server)
    server.gateway.credential = "another"
    server.gateway.die()
    time.sleep(0.5)
    server.gateway.dead = False
    wait_for("the refusal", lambda: server.get("/api/kernels", token).status_code == 403)
