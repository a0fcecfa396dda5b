"""A town of two people for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from swap.launch.forks import Forks
from town import Town


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory as root's SWAP has it: others may pass through it, and list nothing."""
    with tempfile.TemporaryDirectory(prefix="swap-walls-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def loaded() -> Iterator[Forks]:
    """What people's servers are forked from."""
    made = Forks({"LANG": "C.UTF-8"})
    made.load()
    yield made
    made.close()


@pytest.fixture(params=["started", "forked"])
def forks(request: pytest.FixtureRequest) -> Forks:
    """How programs begin: a wall holds either way."""
    return request.getfixturevalue("loaded") if request.param == "forked" else Forks({})


@pytest.fixture
def town(state: Path, forks: Forks) -> Iterator[Town]:
    made = Town(state, forks=forks)
    yield made
    made.close()
