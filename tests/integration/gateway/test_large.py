"""Large values, wide results and many of them: what one person asks costs the gateway a bounded amount."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from integration.gateway.gateways import Gateway, Person


def page(person: Person, query_id: str, **params: Any) -> dict[str, Any]:
    with person.client() as client:
        response = client.get(f"/v1/queries/{query_id}/page", params=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


def upload(person: Person, table: pa.Table, **options: Any) -> httpx.Response:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    with person.client() as client:
        return client.post("/v1/uploads", content=sink.getvalue())


@pytest.mark.parametrize("value", ["range(10000000)", "repeat('x', 100000000)"])
def test_a_row_that_is_too_large_to_be_paged_is_refused(ann: Person, value: str) -> None:
    error = ann.fails(f"SELECT {value} AS x")

    assert (error["category"], error["title"]) == ("limit", "A row of the result is larger than 16 MB.")


def test_many_large_rows_travel_in_small_batches(ann: Person) -> None:
    query_id = ann.start("SELECT repeat('x', 3000000) AS x FROM lake.big.numbers WHERE n < 12")
    assert ann.ended(query_id)["state"] == "done"

    batches = ann.result(query_id).to_batches()

    assert sum(batch.num_rows for batch in batches) == 12
    assert max(batch.nbytes for batch in batches) <= 16_000_000


def test_a_page_cuts_long_values_and_the_download_does_not(ann: Person) -> None:
    query_id = ann.start("SELECT repeat('ä', 1000000) AS t, range(1000000) AS l, 'short' AS s, [1, 2] AS few")
    ann.ended(query_id)

    (row,) = page(ann, query_id)["rows"]
    with ann.client() as client:
        csv = client.get(f"/v1/queries/{query_id}/download").text

    assert row == ["ä" * 10_000 + "…", "… array of 8.0 MB, too long to be shown", "short", "[1,2]"]
    assert csv.count("ä") == 1_000_000
    assert "999999]" in csv


@pytest.mark.parametrize("descending", [False, True])
def test_a_sorted_page_is_the_same_whatever_batches_its_rows_are_in(ann: Person, descending: bool) -> None:
    query_id = ann.start("SELECT (n * 7919) % 50000 AS k, t FROM lake.big.numbers")
    ann.ended(query_id)
    assert len(ann.result(query_id).to_batches()) > 2

    rows = page(ann, query_id, offset=20_000, limit=500, sort="k", descending=descending)["rows"]

    keys = range(29_999, 29_499, -1) if descending else range(20_000, 20_500)
    assert [int(row[0]) for row in rows] == list(keys)
    inverse = pow(7919, -1, 50_000)
    assert [row[1] for row in rows] == [f"row {key * inverse % 50_000}" for key in keys]


def test_an_unsorted_page_crosses_batches(ann: Person) -> None:
    query_id = ann.start("SELECT n FROM lake.big.numbers ORDER BY n")
    ann.ended(query_id)

    rows = page(ann, query_id, offset=16_000, limit=1000)["rows"]

    assert [int(row[0]) for row in rows] == list(range(16_000, 17_000))


def test_infinity_far_years_and_intervals_are_shown_as_they_are_written(ann: Person) -> None:
    query_id = ann.start(
        "SELECT DATE '5000000-01-01' AS d, 'infinity'::TIMESTAMP AS t, INTERVAL '1 day 14 hours' AS i, 1 AS n"
    )
    ann.ended(query_id)

    assert page(ann, query_id)["rows"] == [["5000000-01-01", "infinity", "1 day 14:00:00", "1"]]


def test_two_columns_of_one_name_cannot_be_sorted_by_it(ann: Person) -> None:
    query_id = ann.start("SELECT 1 AS a, 2 AS a")
    ann.ended(query_id)

    with ann.client() as client:
        error = client.get(f"/v1/queries/{query_id}/page", params={"sort": "a"}).json()["error"]

    assert (error["category"], error["title"]) == ("invalid", "Two columns of this result are called a.")


def test_a_compressed_upload_is_refused_before_it_is_large_here(ann: Person) -> None:
    bomb = pa.table({"x": ["x" * 100_000_000]})

    response = upload(ann, bomb, compression="zstd")

    assert response.status_code == 413
    assert response.json()["error"]["title"] == "A row of the result is larger than 16 MB."


def test_columns_with_endless_names_are_refused(ann: Person, swap: Gateway) -> None:
    response = upload(ann, pa.table({"x" * 2_000_000: pa.array([], pa.int64())}))

    assert response.status_code == 413
    assert "too many columns" in response.json()["error"]["title"]
    assert not list(swap.runtime.spool.glob("u*.arrow"))


def test_names_count_towards_a_persons_room(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(spool_bytes_per_person=1_000_000)
    ann = swap.person("ann", "analysts")
    long = upload(ann, pa.table({"x" * 400_000: pa.array([], pa.int64())})).json()["id"]

    for _ in range(5):
        assert ann.ended(ann.start("SELECT * FROM mine", tables={"mine": long}))["state"] == "done"
    ann.ended(ann.start("SELECT 1 AS one"))

    assert len(list(swap.runtime.spool.glob("q*.arrow"))) <= 4


def test_an_ended_run_keeps_no_value_of_its_parameters(ann: Person, swap: Gateway) -> None:
    query_id = ann.start("SELECT n FROM lake.big.numbers WHERE t = :secret", params={"secret": "hunter2" * 100})
    ann.ended(query_id)

    run = swap.app.state.parts.queries._runs[query_id]

    assert "hunter2" not in repr(run.plan)
    assert page(ann, query_id)["total"] == 0, "what it read is still known"


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_query_whose_table_is_gone_leaves_no_descriptor_open(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1}, spool_bytes_per_person=1_000_000)
    ann = swap.person("ann", "analysts")
    table = pa.table({"a": pa.array(range(70_000), pa.int64())})
    first = upload(ann, table).json()["id"]
    swap.lake.behaviour.gate = threading.Event()
    holder = ann.start("SELECT n FROM lake.big.numbers LIMIT 1")
    ann.until(holder, lambda state: state["state"] == "running")
    many = ", ".join(f"lake.canonical.countries c{number}" for number in range(20))
    waiting = ann.start(f"SELECT count(*) AS n FROM {many}, mine", tables={"mine": first})
    for _ in range(2):
        upload(ann, table)  # more than the person's room: the first one goes

    def descriptors() -> int:
        pool = swap.app.state.parts.queries._pool
        until(lambda: pool._spare is not None)  # which has some of its own
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()

    swap.lake.behaviour.gate.set()
    ann.ended(holder)

    assert ann.ended(waiting)["error"]["title"] == "One of your tables is gone."
    until(lambda: descriptors() <= before)
