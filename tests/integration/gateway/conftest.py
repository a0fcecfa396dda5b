"""A running gateway: one of a test's own, or one that a module's tests share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import services
from integration.gateway.gateways import Gateway, Person, running


@pytest.fixture
def make_gateway(database: services.Database, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start gateways with sources and limits of a test's own, on one database."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(running(database, tmp_path, *args, **more))


@pytest.fixture
def swap(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway with the usual sources."""
    return make_gateway()


@pytest.fixture
def ann(swap: Gateway) -> Person:
    """An analyst."""
    return swap.person("ann", "analysts")


@pytest.fixture(scope="module")
def shared(module_database: services.Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for all tests of a module, none of which change it."""
    with running(module_database, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def analyst(shared: Gateway) -> Person:
    """An analyst at the shared gateway."""
    return shared.person("ann", "analysts")
