"""The portal under test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.web.running import Portal, running, walled
from services import Database


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Iterator[Portal]:
    with running(database, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Return one portal for many tests that leave it as they found it."""
    with running(module_database, tmp_path_factory.mktemp("portal")) as made:
        yield made


@pytest.fixture(scope="module", params=["near", "far"])
def either(
    request: pytest.FixtureRequest, module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """Return a portal that touches homes itself, and then one that has no power, behind walls of its own."""
    run = {"near": running, "far": walled}[request.param]
    if request.param == "far" and os.geteuid() != 0:
        pytest.skip("only root can be a warden")
    with run(module_database, tmp_path_factory.mktemp("portal")) as made:
        yield made
