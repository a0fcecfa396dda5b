"""A kernel of R in a person's own server: what it is, what it is told, and its token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.lab.conftest import Server, started, unprivileged
from integration.lab.kernels import Kernel
from swap import r


@pytest.fixture
def server(short_folder: Path) -> Iterator[Server]:
    home = short_folder / "home"
    home.mkdir(mode=0o700)
    with ExitStack() as stack:
        yield stack.enter_context(started(short_folder, home, user=unprivileged()))


@pytest.fixture
def kernel(server: Server) -> Iterator[Kernel]:
    made = Kernel(server.url, server.hub.token(), name=r.KERNEL)
    yield made
    made.socket.shutdown()


def value(kernel: Kernel, expression: str) -> Any:
    return json.loads(kernel.run(f"cat(jsonlite::toJSON({expression}, auto_unbox = TRUE))", prints=True))


def test_it_is_offered_with_its_logo_beside_python(server: Server) -> None:
    token = server.hub.token()
    found = server.get("/api/kernelspecs", token).json()

    assert found["default"] == "swap"
    assert found["kernelspecs"].keys() == {"swap", r.KERNEL}
    spec = found["kernelspecs"][r.KERNEL]
    assert (spec["spec"]["display_name"], spec["spec"]["language"]) == ("R (SWAP)", "R")
    logo = spec["resources"]["logo-svg"]
    origin = server.url.partition("/user/")[0]
    assert httpx.get(origin + logo, headers={"Authorization": f"token {token}"}, timeout=60).status_code == 200


def test_its_environment_names_no_secret_and_no_hub(server: Server, kernel: Kernel) -> None:
    environment = value(kernel, "as.list(Sys.getenv())")

    assert environment["SWAP_TOKEN_SOCKET"] == str(server.socket)
    assert not [name for name in environment if name.startswith(("JUPYTERHUB", "JPY_API", "SWAP_SERVER"))]
    assert not [each for each in environment.values() if each in {server.gateway.credential, server.hub.server_token}]


def test_the_token_socket_gives_it_a_token_of_its_own(server: Server, kernel: Kernel) -> None:
    token = value(kernel, "environment(swap_sql)$bearer()")

    assert token.startswith(f"kernel-token-{kernel.id}-")
    assert token in server.gateway.minted


def test_headers_of_any_length_and_kind_are_no_question_of_it(kernel: Kernel) -> None:
    ask = (
        "local({h <- curl::new_handle(unix_socket_path = Sys.getenv('SWAP_TOKEN_SOCKET'));"
        " curl::handle_setheaders(h, 'X-Filler' = strrep('x', %d));"
        " tryCatch(curl::curl_fetch_memory('http://swap/token', h)$status_code, error = function(e) 0L)})"
    )
    assert value(kernel, ask % 10) == 200
    assert value(kernel, ask % 100_000) == 0
    assert value(kernel, ask % 10) == 200
