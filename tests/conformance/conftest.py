"""The sources under test, each started once for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.subjects import SUBJECTS, Files, Postgres, Subject
from conformance.subjects_hive import Hive
from conformance.subjects_spark import Spark

ALL = (*SUBJECTS, Hive, Spark)


@pytest.fixture(scope="session")
def running() -> Iterator[dict[type[Subject], Subject]]:
    """Return the sources that were started, which all end together: several files ask them."""
    made: dict[type[Subject], Subject] = {}
    yield made
    for each in made.values():
        each.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every source, or those alone of which a test's marks say that they are what it is about.

    Where marks say that one repeats what others show, it is asked in the long mode.
    """
    if "subject" in metafunc.fixturenames:
        wanted, repeats = (
            [mark.args[0] for mark in metafunc.definition.iter_markers(name)] for name in ("sources", "repeats")
        )
        asked = [
            pytest.param(kind, id=kind.kind, marks=[pytest.mark.long] if any(each(kind) for each in repeats) else [])
            for kind in ALL
            if all(each(kind) for each in wanted)
        ]
        metafunc.parametrize("subject", asked, indirect=True, scope="session")


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest, running: dict[type[Subject], Subject]) -> Subject:
    """Return each source in turn."""
    return _started(request.param, running)


@pytest.fixture(scope="session")
def spark(running: dict[type[Subject], Subject]) -> Subject:
    """Return a Spark Thrift Server as a source."""
    return _started(Spark, running)


def _started(kind: type[Subject], running: dict[type[Subject], Subject]) -> Subject:
    if kind not in running:
        running[kind] = kind()
    return running[kind]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL source."""
    made = Postgres()
    yield made
    made.close()


@pytest.fixture
def files() -> Iterator[Files]:
    """Return an empty directory as a source."""
    made = Files()
    yield made
    made.close()
