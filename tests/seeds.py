"""Seeds of tests with random values: the first of them always, all in the long mode."""

from __future__ import annotations

from typing import Any

import pytest


def seeds(always: int, in_all: int) -> list[Any]:
    """Return a test's parameters."""
    return [pytest.param(seed, marks=[pytest.mark.long] if seed >= always else []) for seed in range(in_all)]
