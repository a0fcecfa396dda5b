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
