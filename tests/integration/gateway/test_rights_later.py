"""Rights that end later than a query began: its result closes with the columns it came from."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest
import sqlalchemy
from sqlalchemy import text

from integration.gateway.gateways import Gateway, Person
from swap.arrow_stream import END_OF_STREAM
from swap.errors import Forbidden, NotSignedIn
from swap.identity import Principal, Via
from swap.people import service as people
from swap.query import rights
from swap.query.model import Statement

NUMBERS = "SELECT n FROM lake.big.numbers"
WAYS = ["result", "page", "download"]


def get(person: Person, query_id: str, way: str) -> httpx.Response:
    with person.client() as client:
        return client.get(f"/v1/queries/{query_id}/{way}")


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def announce(swap: Gateway, person: Person) -> None:
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("SELECT pg_notify('swap_access', :id)"), {"id": person.id})


@pytest.mark.parametrize("way", WAYS)
def test_a_kept_result_closes_when_its_columns_do(swap: Gateway, ann: Person, way: str) -> None:
    query_id = ann.start(f"{NUMBERS} LIMIT 3")
    ann.ended(query_id)
    assert get(ann, query_id, way).status_code == 200

    swap.set_groups(ann, "readers")

    response = get(ann, query_id, way)
    assert (response.status_code, response.json()["error"]["category"]) == (403, "forbidden")
    assert response.json()["error"]["title"] == "You may no longer read lake.big.numbers."


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_second_look_that_closes_it(
    swap: Gateway, ann: Person, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query_id = ann.start(f"{NUMBERS} LIMIT 3")
    ann.ended(query_id)
    swap.set_groups(ann, "readers")

    monkeypatch.setattr(rights, "demand", lambda *_: None)  # the defence, switched off

    assert get(ann, query_id, way).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_it_closes_also_after_the_gateway_was_restarted(make_gateway: Callable[..., Gateway], way: str) -> None:
    before = make_gateway()
    ann = before.person("ann", "analysts")
    query_id = ann.start(f"{NUMBERS} LIMIT 3")
    ann.ended(query_id)
    after = make_gateway()
    same = Person(after, ann.id)
    assert get(same, query_id, way).status_code == 200

    after.set_groups(ann, "readers")

    assert get(same, query_id, way).status_code == 403


@pytest.mark.parametrize("restarted", [False, True])
def test_the_state_of_a_query_keeps_to_itself_what_it_read_when_its_columns_close(
    make_gateway: Callable[..., Gateway], *, restarted: bool
) -> None:
    """The combiner's error quotes a value that could not be cast; columns and counts tell of the result."""
    swap = make_gateway()
    ann = swap.person("ann", "analysts")
    failed, done = (
        ann.start("SELECT CAST(page_title AS INT) AS x FROM lake.wmf.pageview_hourly"),
        ann.start(f"{NUMBERS} WHERE n < 7"),
    )
    assert "'A'" in ann.ended(failed)["error"]["title"]
    assert ann.ended(done)["rows"] == 7
    if restarted:
        ann = Person(make_gateway(), ann.id)
        assert "'A'" in ann.state(failed)["error"]["title"]

    swap.set_groups(ann, "readers")

    state = ann.state(failed)
    assert (state["state"], state["error"]["category"]) == ("failed", "forbidden")
    assert state["error"]["title"] == "You may no longer read lake.wmf.pageview_hourly."
    assert "'A'" not in str(state)
    state = ann.state(done)
    assert (state["state"], state["error"], state["columns"], state["rows"]) == ("done", None, None, 0)


def test_a_result_of_which_is_not_known_what_it_read_is_closed(make_gateway: Callable[..., Gateway]) -> None:
    before = make_gateway()
    ann = before.person("ann", "analysts")
    query_id = ann.start("SELECT 1 AS one")
    ann.ended(query_id)
    with before.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.query_run SET reads = NULL"))

    same = Person(make_gateway(), ann.id)

    assert get(same, query_id, "page").status_code == 404


def test_a_running_query_ends_at_its_source_when_its_person_loses_the_right(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start(NUMBERS)
    ann.until(query_id, lambda state: state["state"] == "running")

    swap.set_groups(ann, "readers")
    announce(swap, ann)

    assert ann.ended(query_id)["state"] == "cancelled"
    assert not swap.lake.running


@pytest.mark.parametrize("change", ["sign out", "groups"])
def test_what_changed_while_a_query_was_planned_counts_before_a_source_is_asked(
    swap: Gateway, ann: Person, change: str
) -> None:
    """The news of it came when nobody knew of the run yet, which has its places at once."""
    asked_as = Principal(ann.id, "ann", frozenset({"analysts"}), Via.KERNEL)
    if change == "groups":
        swap.set_groups(ann, "readers")
    else:
        with swap.database.engine("owner").begin() as conn:
            people.sign_out(conn, ann.id, datetime.now(UTC))

    with pytest.raises((Forbidden, NotSignedIn)):
        swap.app.state.parts.queries.run(asked_as, Statement(NUMBERS))

    assert swap.lake.fragments == []
    assert swap.app.state.parts.queries.under_way(ann.id, "") == []


@pytest.mark.parametrize("change", ["sign out", "groups"])
def test_what_changed_while_an_answer_was_waited_for_counts_also_when_no_news_came(
    swap: Gateway, ann: Person, change: str
) -> None:
    swap.app.state.parts.news.stop()
    gate = swap.lake.behaviour.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ann.post, NUMBERS, wait=10, rows=2, arrow=100_000)
        until = time.monotonic() + 20
        while not swap.lake.running:
            assert time.monotonic() < until
            time.sleep(0.01)
        if change == "groups":
            swap.set_groups(ann, "readers")
        else:
            with swap.database.engine("owner").begin() as conn:
                people.sign_out(conn, ann.id, datetime.now(UTC))
        gate.set()
        told = asked.result().json()

    assert (told["page"], told["arrow"], told["state"]["columns"], told["state"]["rows"]) == (None, None, None, 0)


def test_who_cannot_be_looked_up_when_news_come_does_not_go_on(
    swap: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start(NUMBERS)
    ann.until(query_id, lambda state: state["state"] == "running")
    queries = swap.app.state.parts.queries
    monkeypatch.setattr(queries._looking.pool, "_timeout", 0.1)
    # As many as there may be at a time are in use.
    with contextlib.ExitStack() as held:
        with contextlib.suppress(sqlalchemy.exc.TimeoutError):
            while True:
                held.enter_context(queries.engine.connect())
        queries.recheck(ann.id)

    assert ann.ended(query_id)["state"] == "cancelled"


def test_news_of_a_person_who_may_go_on_cancels_nothing(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start(NUMBERS)
    ann.until(query_id, lambda state: state["state"] == "running")

    swap.set_groups(ann, "analysts", "data-privacy")
    announce(swap, ann)
    time.sleep(1)
    swap.lake.behaviour.gate.set()

    assert ann.ended(query_id)["state"] == "done"


def test_a_sign_out_that_nobody_heard_cancels_when_the_listener_is_back(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start(NUMBERS)
    ann.until(query_id, lambda state: state["state"] == "running")
    # Signed out without a notice: as if it had come while the listener's connection was lost.
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": ann.id})
    with swap.database.engine("gateway").begin() as conn:
        conn.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'swap-access-news'")
        )

    deadline = time.monotonic() + 15
    while swap.lake.running:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def reading(person: Person, query_id: str) -> Iterator[Iterator[bytes]]:
    with person.client() as client, client.stream("GET", f"/v1/queries/{query_id}/result") as response:
        assert response.status_code == 200
        yield response.iter_raw()


def test_a_stream_that_is_being_read_stops_after_sign_out(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start(NUMBERS)
    got = io.BytesIO()
    with reading(ann, query_id) as parts:
        with swap.database.engine("owner").begin() as conn:
            people.sign_out(conn, ann.id, datetime.now(UTC))
        for part in parts:  # it ends, though the source still waits
            got.write(part)

    # The columns at most.  Arrow alone takes that for an empty table: it is the end mark that a client looks for.
    if got.getvalue():
        assert pa.ipc.open_stream(got.getvalue()).read_all().num_rows == 0
    assert not got.getvalue().endswith(END_OF_STREAM)


def with_large_result(swap: Gateway) -> tuple[Person, str]:
    """Return an analyst, and a query of theirs whose result is larger than what lies in buffers."""
    ann = swap.person("ann", "analysts")
    query_id = ann.start(
        "SELECT a.n, a.t, b.n AS m, b.t AS u FROM lake.big.numbers a JOIN lake.big.numbers b ON b.n % 20 = a.n % 20 AND"
        " b.n < 800"
    )
    assert ann.ended(query_id)["rows"] > 1_000_000
    return ann, query_id


def test_a_large_result_stops_on_its_way_when_the_right_ends(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway()
    ann, query_id = with_large_result(swap)
    size = ann.state(query_id)["bytes"]
    got: list[int] = []
    with reading(ann, query_id) as parts:
        got.append(len(next(parts)))
        swap.set_groups(ann, "readers")
        time.sleep(1.5)  # longer than the gateway waits before it looks again
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            got.extend(map(len, parts))

    assert sum(got) < size


def test_a_file_whose_right_ends_on_the_way_is_no_whole_file(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway()
    ann, query_id = with_large_result(swap)
    with ann.client() as client, client.stream("GET", f"/v1/queries/{query_id}/download") as response:
        parts = response.iter_raw()
        assert next(parts)
        swap.set_groups(ann, "readers")
        time.sleep(1.5)  # longer than the gateway waits before it looks again
        with pytest.raises(httpx.RemoteProtocolError):
            list(parts)


def test_the_oldest_results_of_a_person_go_first_and_nobody_elses(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(spool_bytes_per_person=1_000_000)
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    bobs = bob.start(NUMBERS)
    bob.ended(bobs)

    ids = []
    for _ in range(4):
        ids.append(ann.start(NUMBERS))  # 400 kB each
        ann.ended(ids[-1])

    answers = [get(ann, query_id, "page").status_code for query_id in ids]
    assert answers == [404, 404, 200, 200], "two of 400 kB fit"
    assert "more than 0.001 GB" in get(ann, ids[0], "page").json()["error"]["why"]
    assert get(bob, bobs, "page").status_code == 200


def test_the_oldest_uploads_of_a_person_go_first(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(spool_bytes_per_person=1_000_000)
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    body = stream(pa.table({"a": pa.array(range(50_000), pa.int64())}))

    def upload(person: Person) -> str:
        with person.client() as client:
            return str(client.post("/v1/uploads", content=body).json()["id"])

    bobs = upload(bob)
    ids = [upload(ann) for _ in range(4)]

    def used(person: Person, upload_id: str) -> bool:
        return person.post("SELECT count(*) AS n FROM mine", tables={"mine": upload_id}).status_code == 202

    assert [used(ann, each) for each in ids] == [False, False, True, True]
    assert used(bob, bobs)


def test_an_upload_finds_room_beside_one_whose_rows_are_gone(swap: Gateway, ann: Person) -> None:
    """A site may keep results, and with them the rows of uploads, for less than an hour."""
    body = stream(pa.table({"a": [1]}))
    with ann.client() as client:
        first = client.post("/v1/uploads", content=body).json()["id"]
        swap.app.state.parts.queries.spool.forget(first)

        assert client.post("/v1/uploads", content=body).status_code == 200


def test_a_download_waits_for_the_end(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.seconds_per_batch = 0.3
    query_id = ann.start(NUMBERS)
    ann.until(query_id, lambda state: state["rows"] > 0)

    error = get(ann, query_id, "download").json()["error"]

    assert (error["category"], error["title"]) == ("invalid", "This query still runs.")
