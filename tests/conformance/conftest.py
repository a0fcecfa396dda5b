"""The sources under test, each started once for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.subjects import SUBJECTS, Files, Postgres, Subject
from conformance.subjects_hive import Hive
from conformance.subjects_spark import Spark

ALL = (*SUBJECTS, Hive, Spark)


@pytest.fixture(scope="session", params=ALL, ids=[subject.kind for subject in ALL])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Return each source in turn."""
    if request.param is Spark:
        yield request.getfixturevalue("spark")
        return
    made = request.param()
    yield made
    made.close()


@pytest.fixture(scope="session")
def spark() -> Iterator[Spark]:
    """Return a Spark Thrift Server as a source."""
    made = Spark()
    yield made
    made.close()


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
