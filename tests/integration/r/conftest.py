"""A notebook of R against the real gateway and the Jupyter server's real token socket.

A kernel of R takes seconds to start: tests that leave it as it was share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.client.conftest import Server, answering, proxy, shared_gateway, swap_gateway  # noqa: F401 — fixtures
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway, Person
from swap import r
from swap.lab.config import r_kernelspec


def spec() -> dict[str, Any]:
    """Return the kernel as a person's server starts it."""
    program = r.program()
    assert program is not None, "no R: install requirements/debian.txt"
    assert r.missing() == ()
    return r_kernelspec(program)


def opened(directory: Path, gateway: str, socket: Path) -> Notebook:
    environment = {
        "SWAP_GATEWAY": gateway,
        "SWAP_TOKEN_SOCKET": str(socket),
        "SWAP_HOME_URL": "http://localhost:8000",
    }
    return Notebook(directory, environment, spec())


@pytest.fixture(scope="module")
def ann(shared_gateway: Gateway) -> Person:  # noqa: F811
    return shared_gateway.person("ann of R", "analysts")


@pytest.fixture(scope="module")
def server(ann: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with answering(ann, tmp_path_factory.mktemp("s") / "token.sock") as made:
        yield made


@pytest.fixture(scope="module")
def kernel(
    shared_gateway: Gateway,  # noqa: F811
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Notebook]:
    with opened(tmp_path_factory.mktemp("r"), shared_gateway.url, server.path) as made:
        yield made


@pytest.fixture
def notebook(kernel: Notebook, swap_gateway: Gateway) -> Notebook:  # noqa: F811 — it mends the sources afterwards
    return kernel
