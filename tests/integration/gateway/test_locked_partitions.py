"""A partition column that a person may not read: neither what is told of a read nor the rows' order tells its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from integration.gateway.gateways import Gateway, Person, running
from swap.connectors import registry
from swap.settings import Denial, FilesSource, Grant, Policy

CITIES = "ABCDEFGH"
POLICY = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("lake",)),),
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.*.city",),
            unless_groups=("data-privacy",),
            because="locks cities",
            ask="data-privacy",
        ),
    ),
)
VISITS = "lake.wmf.visits"


@pytest.fixture(scope="module")
def real(module_database: services.Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("locked")
    for number, city in enumerate(CITIES, 1):
        place = directory / "lake" / "wmf" / "visits" / f"city={city}"
        place.mkdir(parents=True)
        pq.write_table(pa.table({"id": pa.array([number] * (1000 * number), pa.int64())}), place / "a.parquet")
    sources = {"lake": registry.create("lake", FilesSource(kind="files", root=directory / "lake"))}
    with running(module_database, directory, sources, POLICY, seconds=20) as gateway:
        yield gateway


@pytest.fixture
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


@pytest.fixture
def bertrand(real: Gateway) -> Person:
    """Somebody who may read the cities."""
    return real.person("bertrand", "analysts", "data-privacy")


def ended(person: Person, statement: str) -> dict[str, Any]:
    state = person.ended(person.start(statement))
    assert state["state"] == "done", state["error"]
    return state


def detail(state: dict[str, Any]) -> str:
    return str(next(stage["detail"] for stage in state["stages"] if stage["key"] == "run:lake"))


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT count(*) AS n FROM {VISITS}",
        f"SELECT id FROM {VISITS} LIMIT 1",
        f"SELECT id FROM {VISITS} WHERE id = 1",
    ],
)
def test_how_many_files_were_read_is_told_to_those_who_may_know(ann: Person, bertrand: Person, statement: str) -> None:
    assert "file" in detail(ended(bertrand, statement))
    assert detail(ended(ann, statement)) == ""


def test_a_limit_does_not_stop_at_a_citys_end(ann: Person, bertrand: Person) -> None:
    """With LIMIT n the files that were opened and the rows that were read told how many rows each city has."""
    sizes = {1000 * number for number in range(1, 9)}
    first_rows = {ended(ann, f"SELECT id FROM {VISITS} LIMIT 1")["source_rows"]["lake"] for _ in range(3)}

    assert all(rows % 8192 == 0 or rows == sum(sizes) for rows in first_rows)
    assert ended(bertrand, f"SELECT id FROM {VISITS} LIMIT 1")["source_rows"] == {"lake": 1}


def test_the_cities_come_in_no_order(ann: Person, bertrand: Person) -> None:
    def order(person: Person) -> tuple[int, ...]:
        return tuple(dict.fromkeys(row[0] for row in person.rows(f"SELECT id FROM {VISITS}")))

    assert order(bertrand) == tuple(range(1, 9))
    orders = {order(ann) for _ in range(4)}
    assert len(orders) > 1
    assert all(sorted(each) == list(range(1, 9)) for each in orders)
