"""A town of two people for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from town import Town


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory as root's SWAP has it: others may pass through it, and list nothing."""
    with tempfile.TemporaryDirectory(prefix="swap-walls-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def town(state: Path) -> Iterator[Town]:
    made = Town(state)
    yield made
    made.close()
