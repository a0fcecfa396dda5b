"""A small site in a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import starts
from starts import Start


@pytest.fixture
def first() -> Iterator[Start]:
    """Return one that has never run."""
    with starts.somewhere() as made:
        yield made


@pytest.fixture
def start(first: Start) -> Start:
    """Return one of which a test does not care whether it has run."""
    return first
