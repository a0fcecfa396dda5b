"""A notebook of R against the real gateway and the Jupyter server's real token socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.client.conftest import (  # noqa: F401 — fixtures
    Server,
    ann,
    own_gateway,
    proxy,
    server,
    shared_gateway,
    swap_gateway,
)
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway
from swap import r
from swap.lab.config import r_kernelspec


def spec() -> dict[str, Any]:
    """Return the kernel as a person's server starts it.  Tests without R would show nothing: they fail."""
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


@pytest.fixture
def notebook(swap_gateway: Gateway, server: Server, tmp_path: Path) -> Iterator[Notebook]:  # noqa: F811
    with opened(tmp_path, swap_gateway.url, server.path) as made:
        yield made
