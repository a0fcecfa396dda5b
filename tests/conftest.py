"""Fixtures for every kind of test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from xdist.remote import Producer

import services
from swap.db.embedded import EmbeddedPostgres
from together import Together

# jsonschema's, to check addresses: a grammar that takes each process of tests more than a second to load.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    """Have xdist hand out files as `scripts/run-tests` asks for it, with some of them together."""
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def embedded_postgres() -> Iterator[EmbeddedPostgres]:
    """Return a running server, one for each test process."""
    yield from services.run_postgres()


@pytest.fixture
def database(embedded_postgres: EmbeddedPostgres) -> Iterator[services.Database]:
    """Return a fresh, migrated database."""
    made = services.fresh_database(embedded_postgres)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_database(embedded_postgres: EmbeddedPostgres) -> Iterator[services.Database]:
    """Return a migrated database that a module's tests share."""
    made = services.fresh_database(embedded_postgres)
    yield made
    made.close()
