"""A running gateway for each test, and an analyst who asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import services
from integration.gateway.gateways import POLICY, Gateway, Person, lake, mediawiki, runtime_for, serve
from swap.connectors.base import Connector
from swap.gateway import app as gateway
from swap.settings import FilesSource, Limits, Policy, Settings


@pytest.fixture
def make_gateway(database: services.Database, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway with sources and limits of a test's own."""
    running = []

    def start(sources: dict[str, Connector] | None = None, policy: Policy = POLICY, places: dict[str, Any] | None = None, **limits: Any) -> Gateway:
        made = sources or {"lake": lake(), "mediawiki": mediawiki()}
        described = {name: FilesSource(kind="files", root=tmp_path, owner="data-platform", connect_timeout_seconds=1, **(places or {})) for name in made}
        settings = Settings(state=tmp_path, sources=described, policy=policy, limits=Limits(**limits))
        runtime = runtime_for(database, tmp_path)
        app = gateway.create(settings, runtime, made)
        serving = serve(app)
        running.append(serving)
        url = next(serving)
        assert app.state.harvester.wait_first(10)
        return Gateway(url, settings, runtime, database, made, app)

    yield start
    for serving in running:
        for _ in serving:
            pass


@pytest.fixture
def swap(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway with the usual sources."""
    return make_gateway()


@pytest.fixture
def ann(swap: Gateway) -> Person:
    """An analyst."""
    return swap.person("ann", "analysts")
