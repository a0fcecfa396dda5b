"""The portal under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.web.running import Portal, running
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
