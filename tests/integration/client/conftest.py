"""The real gateway, the Jupyter server's real token socket, and a notebook's side of both."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import services
from conformance.proxy import Proxy
from integration.client.notebooks import Notebook
from integration.gateway.gateways import POLICY, Gateway, Person, lake, mediawiki, runtime_for, serve
from swap.client.transport import Gateway as Client
from swap.client.transport import default
from swap.connectors.base import Connector
from swap.connectors.memory import Behaviour
from swap.errors import Unavailable
from swap.gateway import app as gateway
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token
from swap.settings import FilesSource, Limits, Settings


@contextlib.contextmanager
def running(
    database: services.Database, directory: Path, sources: dict[str, Connector], **limits: Any
) -> Iterator[Gateway]:
    """Run a gateway for the block."""
    described = {
        name: FilesSource(kind="files", root=directory, owner="data-platform", connect_timeout_seconds=1)
        for name in sources
    }
    settings = Settings(state=directory, sources=described, policy=POLICY, limits=Limits(**limits))
    runtime = runtime_for(database, directory)
    app = gateway.create(settings, runtime, sources)
    with serve(app) as url:
        assert app.state.harvester.wait_first(10)
        yield Gateway(url, settings, runtime, database, sources, app)


@pytest.fixture(scope="module")
def shared_gateway(module_database: services.Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(
        module_database, tmp_path_factory.mktemp("gateway"), {"lake": lake(), "mediawiki": mediawiki()}
    ) as made:
        yield made


@pytest.fixture
def swap_gateway(shared_gateway: Gateway) -> Iterator[Gateway]:
    """A gateway with the usual sources, which behave well until a test says otherwise."""
    yield shared_gateway
    for source in (shared_gateway.lake, shared_gateway.mediawiki):
        if source.behaviour.gate is not None:
            source.behaviour.gate.set()
        source.behaviour = Behaviour()


@pytest.fixture
def own_gateway(database: services.Database, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway with sources and limits of a test's own, on a database of its own."""
    with contextlib.ExitStack() as opened:
        yield lambda sources, **limits: opened.enter_context(running(database, tmp_path, sources, **limits))


@pytest.fixture
def ann(swap_gateway: Gateway, request: pytest.FixtureRequest) -> Person:
    """An analyst, another one for each test."""
    return swap_gateway.person(f"ann {request.node.name}", "analysts")


class Server:
    """The part of ann's Jupyter server that kernels ask for tokens."""

    def __init__(self, person: Person, path: Path) -> None:
        self.person = person
        self.path = path
        self.seconds = 300.0
        self.asked: list[str] = []
        self.value: str | None = None
        """A token to give out instead of a good one."""
        self.away = False
        """Whether the gateway gives it none, as when it or its database is away."""

    async def give(self, _pid: int, claimed: str) -> Token:
        self.asked.append(claimed)
        if self.away:
            raise Unavailable
        value, self.value = self.value, None
        return Token(
            value or self.person.token(seconds=self.seconds),
            datetime.now(UTC) + timedelta(seconds=self.seconds),
            0.0,
            0.0,
        )


@pytest.fixture
def server(ann: Person, tmp_path: Path) -> Iterator[Server]:
    with answering(ann, tmp_path / "token.sock") as made:
        yield made


@contextlib.contextmanager
def answering(person: Person, path: Path) -> Iterator[Server]:
    """Answer a person's kernels on a socket for the block."""
    made = Server(person, path)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = TokenSocket(made.path, made.give)
    asyncio.run_coroutine_threadsafe(listening.start(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(listening.stop(), loop).result(10)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(10)  # connections close in the loop's next turns
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def proxy(swap_gateway: Gateway) -> Iterator[Proxy]:
    """A wire to the gateway that can be cut."""
    port = int(swap_gateway.url.rpartition(":")[2])
    with Proxy(("127.0.0.1", port)) as wire:
        yield wire


@pytest.fixture
def notebook_side(swap_gateway: Gateway, server: Server, monkeypatch: pytest.MonkeyPatch) -> Client:
    """This process as a notebook's kernel: its environment names the gateway and the socket."""
    monkeypatch.setenv("SWAP_GATEWAY", swap_gateway.url)
    monkeypatch.setenv("SWAP_TOKEN_SOCKET", str(server.path))
    monkeypatch.setenv("SWAP_HOME_URL", "http://localhost:8000")
    return default()


@pytest.fixture
def cut_side(proxy: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch) -> Client:
    """As `notebook_side`, through the wire that can be cut."""
    monkeypatch.setenv("SWAP_GATEWAY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("SWAP_TOKEN_SOCKET", str(server.path))
    return default()


def environment(gateway: Gateway, server: Server) -> dict[str, str]:
    """What a kernel is told."""
    return {
        "SWAP_GATEWAY": gateway.url,
        "SWAP_TOKEN_SOCKET": str(server.path),
        "SWAP_HOME_URL": "http://localhost:8000",
    }


@pytest.fixture
def own_notebook(swap_gateway: Gateway, server: Server, tmp_path: Path) -> Iterator[Notebook]:
    """A notebook with a running kernel of the kernel environment."""
    with Notebook(tmp_path, environment(swap_gateway, server)) as opened:
        yield opened


@pytest.fixture
def notebook(own_notebook: Notebook) -> Notebook:
    """The same; a file whose tests leave a kernel as it was has them share one."""
    return own_notebook


@pytest.fixture(scope="module")
def kernel(shared_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """A notebook that a module's tests share: a kernel takes two seconds of the processor to start."""
    ann = shared_gateway.person("ann of a shared kernel", "analysts")
    with (
        answering(ann, tmp_path_factory.mktemp("s") / "token.sock") as server,
        Notebook(tmp_path_factory.mktemp("kernel"), environment(shared_gateway, server)) as opened,
    ):
        yield opened


@pytest.fixture
def shared_notebook(kernel: Notebook, swap_gateway: Gateway) -> Notebook:
    """The shared one, without the cells of other tests; the sources are mended afterwards."""
    kernel.document.cells.clear()
    return kernel
