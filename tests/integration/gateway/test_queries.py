"""A statement's whole way: over HTTP, through the spine, and back as Arrow."""

from __future__ import annotations

import base64
import io
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from sqlalchemy import text

from integration.gateway.gateways import Gateway, Person, lake, mediawiki
from services import NO_TLS
from swap.connectors.base import Comparison, Predicate, Progress
from swap.identity import Via
from swap.query.execution.queue import Places


def test_one_statement_joins_two_sources(ann: Person, swap: Gateway) -> None:
    rows = ann.rows("""
        SELECT v.page_title, v.view_count, p.page_len
        FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING (page_id)
        WHERE v.year = 2026 ORDER BY 1""")

    assert rows == [("B", 20, 200), ("C", 30, 300)]
    assert [event.event for event in swap.audit() if event.event.startswith("query")] == [
        "query-accepted",
        "query-ended",
    ]


def test_a_source_is_asked_only_for_the_columns_used_and_filters_itself(analyst: Person, shared: Gateway) -> None:
    analyst.rows(
        "SELECT sum(view_count) FROM lake.wmf.pageview_hourly WHERE year = 2026 AND country_code IN ('DE', 'FR') AND"
        " page_title LIKE 'B%'"
    )

    fragment = shared.lake.fragments[-1]
    assert [column.name for column in fragment.columns] == ["page_title", "country_code", "year", "view_count"]
    assert set(fragment.predicates) == {
        Predicate("year", Comparison.EQ, 2026),
        Predicate("country_code", Comparison.IN, ("DE", "FR")),
    }


def test_a_limit_of_one_table_is_pushed_down(analyst: Person, shared: Gateway) -> None:
    assert len(analyst.rows("SELECT n, t FROM lake.big.numbers LIMIT 5 OFFSET 2")) == 5
    assert shared.lake.fragments[-1].limit == 7


def test_a_limit_behind_an_aggregate_is_not_pushed_down(analyst: Person, shared: Gateway) -> None:
    assert analyst.rows("SELECT count(*) FROM lake.big.numbers LIMIT 5") == [(50_000,)]
    assert shared.lake.fragments[-1].limit is None


def test_the_state_says_what_happened(analyst: Person) -> None:
    query_id = analyst.start(
        "SELECT page_id FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING (page_id)"
    )

    state = analyst.ended(query_id)

    assert [stage["key"] for stage in state["stages"]] == [
        "rights",
        "run:lake",
        "fetch:lake",
        "run:mediawiki",
        "fetch:mediawiki",
        "combine",
    ]
    assert {stage["state"] for stage in state["stages"]} == {"done"}
    assert state["stages"][0]["label"] == "Checked your rights"
    assert state["stages"][0]["detail"] == "2 tables in 2 sources, all readable"
    assert state["source_rows"] == {"lake": 6, "mediawiki": 4}
    assert state["columns"] == [{"name": "page_id", "type": "bigint"}]
    assert (state["rows"], state["state"], state["error"]) == (3, "done", None)


def test_a_quick_answer_brings_its_first_rows_and_a_small_result_whole(ann: Person) -> None:
    small = ann.post("SELECT n FROM lake.big.numbers ORDER BY n LIMIT 3", wait=10, rows=2, arrow=10_000).json()
    with ann.client() as client:
        asked = client.get(f"/v1/queries/{small['id']}/result").content

    assert (small["state"]["state"], small["page"]["rows"]) == ("done", [["0"], ["1"]])
    assert base64.b64decode(small["arrow"]) == asked
    assert pa.ipc.open_stream(asked).read_all().column("n").to_pylist() == [0, 1, 2]


def test_a_large_result_and_one_that_is_not_asked_for_do_not_come_with_the_answer(ann: Person) -> None:
    large = ann.post("SELECT n FROM lake.big.numbers", wait=10, arrow=10_000).json()
    unasked = ann.post("SELECT n FROM lake.big.numbers ORDER BY n LIMIT 3", wait=10).json()

    assert (large["state"]["state"], large["arrow"], large["page"]) == ("done", None, None)
    assert (unasked["state"]["state"], unasked["arrow"], unasked["page"]) == ("done", None, None)


def test_the_stage_named_is_the_stage_that_waits(ann: Person, swap: Gateway) -> None:
    swap.mediawiki.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT page_id FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING (page_id)")

    state = ann.until(
        query_id,
        lambda state: next(stage for stage in state["stages"] if stage["key"] == "fetch:lake")["state"] == "done",
    )
    time.sleep(0.3)
    state = ann.state(query_id)

    assert [stage["key"] for stage in state["stages"] if stage["state"] == "active"] == ["run:mediawiki"]
    assert state["headline"] == "Running in mediawiki"
    swap.mediawiki.behaviour.gate.set()
    assert ann.ended(query_id)["state"] == "done"


def test_the_second_run_says_what_is_expected_to_its_own_person_only(ann: Person, swap: Gateway) -> None:
    bertrand = swap.person("bertrand", "analysts")
    statement = "SELECT sum(n) AS n FROM lake.big.numbers WHERE n < :most"
    swap.lake.behaviour.seconds_per_batch = 0.2
    swap.lake.batch_rows = 10_000

    def seen_while_fetching(person: Person, most: int) -> dict[str, Any]:
        query_id = person.start(statement, params={"most": most})
        state = person.until(
            query_id,
            lambda state: any(stage["state"] == "active" for stage in state["stages"] if stage["key"] == "fetch:lake"),
        )
        assert person.ended(query_id)["expected_end"] is None
        return state

    first = seen_while_fetching(ann, 50_000)
    assert first["expected_end"] is None
    assert all(stage["expected"] is None for stage in first["stages"])
    again = seen_while_fetching(ann, 50_000)
    assert again["expected_end"] > again["elapsed"]
    assert [stage["key"] for stage in again["stages"] if stage["expected"]] == ["fetch:lake", "combine"]
    assert seen_while_fetching(ann, 49_999)["expected_end"] is None, "another parameter is another question"
    assert seen_while_fetching(bertrand, 50_000)["expected_end"] is None, "how long ann's took is hers"


def test_a_reader_follows_a_result_that_grows(ann: Person, swap: Gateway) -> None:
    swap.lake.behaviour.seconds_per_batch = 0.4
    swap.lake.batch_rows = 5_000
    query_id = ann.start("SELECT n, t FROM lake.big.numbers")

    with ann.client() as client, client.stream("GET", f"/v1/queries/{query_id}/result") as response:
        chunks = response.iter_raw()
        first = next(chunks)
        running = ann.state(query_id)["state"]
        rest = b"".join([first, *chunks])

    assert running == "running"
    assert pa.ipc.open_stream(rest).read_all().num_rows == 50_000


def test_a_dropped_connection_resumes_by_batch(analyst: Person) -> None:
    query_id = analyst.start("SELECT n FROM lake.big.numbers ORDER BY n")
    analyst.ended(query_id)
    whole = analyst.result(query_id)
    first = whole.to_batches()[0].num_rows

    resumed = analyst.result(query_id, batch=1)

    assert resumed.column("n").to_pylist() == list(range(first, 50_000))
    assert analyst.result(query_id, batch=10_000).num_rows == 0


def test_a_result_is_still_there_after_the_gateway_restarts(make_gateway: Callable[..., Gateway]) -> None:
    first = make_gateway()
    ann = first.person("ann", "analysts")
    query_id = ann.start("SELECT n FROM lake.big.numbers WHERE n < 10 ORDER BY n")
    ann.ended(query_id)

    second = make_gateway()
    later = Person(second, ann.id)

    assert later.state(query_id)["state"] == "done"
    assert later.result(query_id).column("n").to_pylist() == list(range(10))


def test_a_run_that_ended_a_while_ago_takes_no_memory_and_keeps_its_result(ann: Person, swap: Gateway) -> None:
    queries = swap.app.state.parts.queries
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.ended(query_id)
    queries._runs[query_id].ended_at -= timedelta(minutes=11)

    queries.keep_house()

    assert query_id not in queries._runs
    assert (ann.state(query_id)["state"], ann.state(query_id)["rows"]) == ("done", 50_000)
    assert ann.result(query_id).num_rows == 50_000


def test_a_query_for_which_there_is_no_thread_fails_and_keeps_no_place(
    ann: Person, swap: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("q"):
            msg = "can't start new thread"  # as Python says at the system's limit
            raise RuntimeError(msg)
        real(thread)

    real = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    assert ann.post("SELECT n FROM lake.big.numbers").status_code == 500
    monkeypatch.setattr(threading.Thread, "start", real)

    with swap.database.engine("owner").begin() as conn:
        assert conn.execute(text("SELECT * FROM swap.admission")).all() == []
        assert conn.scalars(text("SELECT state FROM swap.query_run")).all() == ["failed"]
    assert [row.event for row in swap.audit()][-2:] == ["query-accepted", "query-ended"]


def test_a_query_that_the_database_took_without_saying_so_is_nobodys_and_keeps_no_place(
    ann: Person, swap: Gateway
) -> None:
    engine, lost = swap.app.state.parts.queries.engine, []

    @sqlalchemy.event.listens_for(engine, "commit")
    def lose(conn: sqlalchemy.Connection) -> None:
        connection = conn.connection.dbapi_connection
        if not lost and connection.execute("SELECT count(*) FROM swap.admission").fetchone()[0]:
            lost.append(conn)
            connection.commit()
            connection.close()  # before the answer is read

    assert ann.post("SELECT n FROM lake.big.numbers").status_code == 503

    assert lost
    with swap.database.engine("owner").begin() as conn:
        assert conn.execute(text("SELECT * FROM swap.admission")).all() == []
        assert conn.scalars(text("SELECT state FROM swap.query_run")).all() == ["failed"]
    assert [row.event for row in swap.audit()][-3:] == ["query-accepted", "query-ended", "query-refused"]


def test_an_end_that_could_not_be_recorded_is_recorded_later_and_keeps_no_place(ann: Person, swap: Gateway) -> None:
    gate = swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")
    queries = swap.app.state.parts.queries
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("ALTER TABLE swap.audit_event RENAME TO away"))
    gate.set()
    assert ann.ended(query_id)["state"] == "done"
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("ALTER TABLE swap.away RENAME TO audit_event"))
        assert conn.scalar(text("SELECT state FROM swap.query_run")) == "running"
    assert query_id not in queries.queue._ours

    queries.look_after()
    queries.look_after()

    with swap.database.engine("owner").begin() as conn:
        assert conn.scalar(text("SELECT state FROM swap.query_run")) == "done"
        assert conn.execute(text("SELECT * FROM swap.admission")).all() == []
    assert [row.event for row in swap.audit()].count("query-ended") == 1


def test_an_end_that_the_database_took_without_saying_so_is_recorded_once(ann: Person, swap: Gateway) -> None:
    queries = swap.app.state.parts.queries
    gate, lost = threading.Event(), []
    swap.lake.behaviour.gate = gate
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")

    @sqlalchemy.event.listens_for(queries.engine, "commit")
    def lose(conn: sqlalchemy.Connection) -> None:
        connection = conn.connection.dbapi_connection
        ended = "SELECT count(*) FROM swap.query_run WHERE state = 'done'"
        if not lost and connection.execute(ended).fetchone()[0]:
            lost.append(conn)
            connection.commit()
            connection.close()  # before the answer is read

    gate.set()
    assert ann.ended(query_id)["state"] == "done"

    queries.look_after()

    assert lost
    assert queries._unrecorded == {}
    assert [row.event for row in swap.audit()].count("query-ended") == 1


def test_a_query_cut_off_by_a_restart_says_so(make_gateway: Callable[..., Gateway]) -> None:
    slow = lake()
    slow.behaviour.gate = threading.Event()
    first = make_gateway({"lake": slow, "mediawiki": mediawiki()})
    ann = first.person("ann", "analysts")
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")
    # As if its last row had been written, and its end not yet recorded.
    whole = ann.start("SELECT 1 AS one")
    ann.ended(whole)
    spool = first.app.state.parts.queries.spool
    for suffix in (".arrow", ".json"):
        shutil.copy(spool.path(whole).with_suffix(suffix), spool.path(query_id).with_suffix(suffix))

    second = make_gateway()

    state = Person(second, ann.id).state(query_id)
    assert state["state"] == "failed"
    assert state["error"]["title"] == "SWAP was restarted while this query ran."
    assert [path.stem for path in spool.directory.glob("*.arrow")] == [whole], "what has failed keeps no rows"


def test_a_query_that_an_orderly_stop_ends_says_so(make_gateway: Callable[..., Gateway]) -> None:
    slow = lake()
    slow.behaviour.gate = threading.Event()
    swap = make_gateway({"lake": slow, "mediawiki": mediawiki()})
    ann = swap.person("ann", "analysts")
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")

    swap.app.state.parts.queries.stop()

    state = ann.state(query_id)
    assert state["state"] == "cancelled"
    assert state["error"]["title"] == "SWAP was restarted while this query ran."
    assert state["error"]["todo"] == "Run it again."


def test_pages_are_text_and_can_be_sorted(analyst: Person) -> None:
    query_id = analyst.start(
        "SELECT page_title, country_code, view_count, price, ts, event, unhex('00ff') AS raw FROM"
        " lake.wmf.pageview_hourly"
    )
    analyst.ended(query_id)

    with analyst.client() as client:
        page = client.get(
            f"/v1/queries/{query_id}/page", params={"offset": 1, "limit": 2, "sort": "view_count", "descending": True}
        ).json()

    assert page["total"] == 6
    assert page["rows"] == [
        ["E", "IN", "50", "5.00", "2026-11-05 00:00:00", '{"ip":"10.0.0.1","action":"view"}', "\\x00ff"],
        ["D", "FR", "40", "4.00", "2026-11-04 00:00:00", '{"ip":"10.0.0.1","action":"view"}', "\\x00ff"],
    ]
    assert page["columns"][2] == {"name": "view_count", "type": "bigint", "align": "right", "group": True}
    assert [column["type"] for column in page["columns"]] == [
        "text",
        "text",
        "bigint",
        "decimal(9,2)",
        "timestamp",
        "struct",
        "binary",
    ]


def test_pages_walk_over_batches(analyst: Person) -> None:
    query_id = analyst.start("SELECT n FROM lake.big.numbers ORDER BY n")
    analyst.ended(query_id)

    with analyst.client() as client:
        for offset in (0, 16_380, 16_384, 49_995, 60_000):
            page = client.get(f"/v1/queries/{query_id}/page", params={"offset": offset, "limit": 10}).json()
            assert [row[0] for row in page["rows"]] == [
                str(number) for number in range(offset, min(50_000, offset + 10))
            ]


def test_a_result_downloads_as_csv_and_that_is_recorded(ann: Person, swap: Gateway) -> None:
    query_id = ann.start("SELECT page_title, price, event FROM lake.wmf.pageview_hourly WHERE page_id < 3 ORDER BY 1")
    ann.ended(query_id)

    with ann.client() as client:
        response = client.get(f"/v1/queries/{query_id}/download")

    assert response.text.splitlines()[0] == '"page_title","price","event"'
    assert response.text.splitlines()[1] == '"A","1.25","{""ip"":""10.0.0.1"",""action"":""view""}"'
    assert response.headers["content-disposition"] == f'attachment; filename="{query_id}.csv"'
    assert len(swap.audit("result-downloaded")) == 1


def test_a_result_downloads_as_parquet_with_its_types(ann: Person) -> None:
    query_id = ann.start("SELECT page_title, price FROM lake.wmf.pageview_hourly WHERE page_id < 3 ORDER BY 1")
    ann.ended(query_id)

    with ann.client() as client:
        response = client.get(f"/v1/queries/{query_id}/download", params={"format": "parquet"})

    table = pq.read_table(io.BytesIO(response.content))
    assert table.column("page_title").to_pylist()[0] == "A"
    assert pa.types.is_decimal(table.schema.field("price").type)
    assert response.headers["content-disposition"] == f'attachment; filename="{query_id}.parquet"'


def test_a_page_shows_only_the_rows_that_a_filter_leaves(ann: Person) -> None:
    query_id = ann.start("SELECT n, t FROM lake.big.numbers WHERE n < 1000 ORDER BY n")
    ann.ended(query_id)

    with ann.client() as client:
        asked = {"contains": "ROW 99", "column": "t", "sort": "n", "descending": "true", "limit": 2}
        page = client.get(f"/v1/queries/{query_id}/page", params=asked).json()

    assert [row[0] for row in page["rows"]] == ["999", "998"]
    assert page["total"] == 11


def test_cancelling_ends_it_at_the_source(ann: Person, swap: Gateway) -> None:
    swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.until(query_id, lambda state: state["state"] == "running")

    with ann.client() as client:
        assert client.delete(f"/v1/queries/{query_id}").json() == {"state": "cancelled"}
        assert client.delete(f"/v1/queries/{query_id}").json() == {"state": "cancelled"}

    assert swap.lake.running == 0
    assert swap.audit("query-ended")[0].detail["state"] == "cancelled"


def test_a_query_over_its_time_is_stopped_at_the_source(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(seconds=0.7)
    swap.lake.behaviour.gate = threading.Event()

    error = swap.person("ann", "analysts").fails("SELECT n FROM lake.big.numbers")

    assert error["category"] == "timed-out"
    assert swap.lake.running == 0


@pytest.mark.parametrize(
    ("limits", "statement", "setting"),
    [
        ({"rows": 100}, "SELECT n FROM lake.big.numbers", "limits.rows"),
        ({"bytes": 10_000}, "SELECT n FROM lake.big.numbers", "limits.bytes"),
        ({"source_bytes": 10_000}, "SELECT count(n) FROM lake.big.numbers", "limits.source_bytes"),
        (
            {"memory_bytes": 60_000_000},
            "SELECT a.n, b.t, random() r FROM lake.big.numbers a, lake.big.numbers b WHERE a.n < 2000 ORDER BY r",
            "limits.memory_bytes",
        ),
    ],
)
def test_a_limit_appears_in_its_error(
    make_gateway: Callable[..., Gateway], limits: dict[str, int], statement: str, setting: str
) -> None:
    swap = make_gateway(**limits, **({"spill_bytes": 1_000_000} if "memory_bytes" in limits else {}))

    error = swap.person("ann", "analysts").fails(statement)

    assert error["category"] == "limit"
    assert setting in error["why"] or "limits.spill_bytes" in error["why"]


def test_a_statement_over_its_length_is_refused(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(statement_bytes=100)

    error = swap.person("ann", "analysts").refused("SELECT " + "1, " * 100 + "1")

    assert (error["category"], "limits.statement_bytes" in error["why"]) == ("limit", True)


def test_a_source_that_breaks_off_never_gives_a_result(ann: Person, swap: Gateway) -> None:
    swap.lake.behaviour.fail_after_rows = 20_000

    query_id = ann.start("SELECT n FROM lake.big.numbers")
    state = ann.ended(query_id)

    assert (state["state"], state["error"]["category"]) == ("failed", "source-failed")
    with ann.client() as client:
        body = client.get(f"/v1/queries/{query_id}/result").content
    assert not body.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")


def test_a_source_that_breaks_off_is_never_counted(ann: Person, swap: Gateway) -> None:
    swap.lake.behaviour.fail_after_rows = 20_000

    for _ in range(5):
        assert ann.fails("SELECT count(*) FROM lake.big.numbers")["category"] == "source-failed"


def test_a_source_that_is_down_says_so_while_others_work(ann: Person, swap: Gateway) -> None:
    swap.mediawiki.behaviour.down = True

    error = ann.fails("SELECT page_id FROM mediawiki.enwiki.page")

    assert error["category"] == "source-down"
    assert error["title"] == "mediawiki does not answer; lake does."
    assert (error["source"], error["ask"]) == ("mediawiki", "data-platform")
    assert ann.rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]
    with ann.client() as client:
        sources = {each["name"]: each["up"] for each in client.get("/v1/catalog").json()["sources"]}
    assert sources == {"lake": True, "mediawiki": False}


def test_waiting_shows_the_position_and_the_rule(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1})
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    swap.lake.behaviour.gate = threading.Event()
    first, second, third = (who.start("SELECT n FROM lake.big.numbers LIMIT 1") for who in (ann, bob, ann))

    waiting = ann.until(third, lambda state: state["headline"] == "Waiting, position 2")

    assert waiting["state"] == "waiting"
    assert (
        waiting["note"]
        == "lake runs 1 query at a time, at most 1 of one person. Yours starts when the next place is free."
    )
    assert (
        next(stage for stage in waiting["stages"] if stage["key"] == "wait:lake")["detail"]
        == "position 2, 1 query before yours"
    )
    swap.lake.behaviour.gate.set()
    states = [ann.ended(first), bob.ended(second), ann.ended(third)]
    assert [state["state"] for state in states] == ["done"] * 3
    assert states[2]["summary"].startswith("waited ")


def test_of_a_source_with_several_servers_a_query_waits_for_the_one_it_reads(swap: Gateway) -> None:
    swap.mediawiki.server_of = lambda schema: schema  # type: ignore[method-assign]
    queue = swap.app.state.parts.queries.queue
    queue._places |= {f"mediawiki ({schema})": Places(1, 1) for schema in ("enwiki", "dewiki")}
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    swap.mediawiki.behaviour.gate = threading.Event()
    first, second = (who.start("SELECT page_len FROM mediawiki.enwiki.page") for who in (ann, bob))
    third = ann.start("SELECT page_len FROM mediawiki.dewiki.page")

    waiting = bob.until(second, lambda state: state["headline"] == "Waiting, position 1")
    ann.until(third, lambda state: state["state"] == "running")

    assert waiting["note"].startswith("mediawiki (enwiki) runs 1 query at a time")
    swap.mediawiki.behaviour.gate.set()
    assert [who.ended(each)["state"] for who, each in ((ann, first), (bob, second), (ann, third))] == ["done"] * 3


def test_what_a_source_says_of_an_answer_stays_with_it(swap: Gateway, ann: Person) -> None:
    swap.lake.behaviour.progress = {"numbers": [Progress(notice="lake is 2 h behind.")] * 2}

    state = ann.ended(ann.start("SELECT n FROM lake.big.numbers LIMIT 1"))

    assert (state["state"], state["notices"]) == ("done", ["lake is 2 h behind."])


def test_a_waiting_query_can_be_cancelled(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1})
    ann = swap.person("ann", "analysts")
    swap.lake.behaviour.gate = threading.Event()
    first, second = (ann.start("SELECT n FROM lake.big.numbers LIMIT 1") for _ in range(2))
    ann.until(second, lambda state: state["headline"] == "Waiting, position 1")

    with ann.client() as client:
        assert client.delete(f"/v1/queries/{second}").json() == {"state": "cancelled"}

    assert len(swap.lake.fragments) == 1
    swap.lake.behaviour.gate.set()
    assert ann.ended(first)["state"] == "done"


def test_time_spent_waiting_does_not_count_against_the_limit(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1}, seconds=4)
    ann = swap.person("ann", "analysts")
    gates = [threading.Event(), threading.Event()]
    swap.lake.behaviour.gate = gates[0]
    first, second = (ann.start("SELECT n FROM lake.big.numbers LIMIT 1") for _ in range(2))
    time.sleep(2.5)
    swap.lake.behaviour.gate = gates[1]
    gates[0].set()
    ann.until(second, lambda state: state["state"] == "running")
    time.sleep(2)
    gates[1].set()

    states = [ann.ended(each) for each in (first, second)]
    assert [state["state"] for state in states] == ["done", "done"]
    assert states[1]["elapsed"] > 4


def test_too_many_waiting_queries_of_one_person_are_refused(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1}, waiting_per_person=1)
    ann = swap.person("ann", "analysts")
    swap.lake.behaviour.gate = threading.Event()
    first = ann.start("SELECT n FROM lake.big.numbers LIMIT 1")
    ann.until(first, lambda state: state["state"] == "running")
    ann.start("SELECT n FROM lake.big.numbers LIMIT 1")

    error = ann.refused("SELECT n FROM lake.big.numbers LIMIT 1")

    assert (error["category"], error["extra"]["setting"]) == ("limit", "limits.waiting_per_person")
    swap.lake.behaviour.gate.set()


def test_rights_are_checked_again_when_a_waiting_query_starts(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(places={"slots": 1, "slots_per_person": 1})
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    swap.lake.behaviour.gate = threading.Event()
    first = ann.start("SELECT n FROM lake.big.numbers LIMIT 1")
    second = bob.start("SELECT n FROM lake.big.numbers LIMIT 1")
    bob.until(second, lambda state: state["state"] == "waiting")
    swap.set_groups(bob, "readers")
    swap.lake.behaviour.gate.set()

    assert ann.ended(first)["state"] == "done"
    assert bob.ended(second)["error"]["title"] == "You may no longer read lake.big.numbers."
    assert len(swap.lake.fragments) == 1


def test_parameters_are_values_of_their_own_type(analyst: Person) -> None:
    params = {
        "text": "o'brien; DROP",
        "number": -3,
        "flag": True,
        "nothing": None,
        "list": [1, 3],
        "money": {"type": "decimal", "value": "1.250"},
        "day": {"type": "date", "value": "2026-11-03"},
        "moment": {"type": "timestamp", "value": "2026-11-03T00:00:00"},
        "raw": {"type": "binary", "value": "00ff"},
    }

    rows = analyst.rows(
        """SELECT :text AS a, :number AS b, :flag AS c, :nothing AS d, $money AS e, :day AS f, :raw AS g, page_id
                       FROM lake.wmf.pageview_hourly WHERE page_id IN (:list) AND ts >= :moment""",
        params=params,
    )

    assert rows == [("o'brien; DROP", -3, True, None, Decimal("1.250"), datetime(2026, 11, 3).date(), b"\x00\xff", 3)]  # noqa: DTZ001


def test_a_parameter_without_a_value_and_one_without_a_use_are_told(analyst: Person) -> None:
    assert "no value" in analyst.refused("SELECT $a AS x")["title"]
    assert analyst.refused("SELECT 1 AS x", params={"a": 1})["title"] == "The statement does not use the parameter a."


def test_a_person_joins_a_table_of_their_own(analyst: Person) -> None:
    with analyst.client() as client:
        upload = client.post("/v1/uploads", content=stream(pa.table({"code": ["DE", "FR"], "team": ["x", "y"]}))).json()

    rows = analyst.rows(
        "SELECT team, sum(view_count) FROM mine JOIN lake.wmf.pageview_hourly v ON v.country_code = mine.code GROUP BY"
        " 1 ORDER BY 1",
        tables={"mine": upload["id"]},
    )

    assert upload["rows"] == 2
    assert rows == [("x", 30), ("y", 70)]


def test_anothers_upload_does_not_exist(analyst: Person, shared: Gateway) -> None:
    with shared.person("bob", "analysts").client() as client:
        upload = client.post("/v1/uploads", content=stream(pa.table({"a": [1]}))).json()

    assert analyst.refused("SELECT * FROM mine", tables={"mine": upload["id"]})["category"] == "not-found"
    assert analyst.refused("SELECT * FROM mine", tables={"mine": "../../etc/passwd"})["category"] == "not-found"


@pytest.mark.parametrize("body", [b"", b"not arrow at all", b"\xff\xff\xff\xff\xff\x00\x00\x00"])
def test_an_upload_that_is_not_arrow_is_refused(analyst: Person, body: bytes) -> None:
    with analyst.client() as client:
        response = client.post("/v1/uploads", content=body)

    assert (response.status_code, response.json()["error"]["category"]) == (400, "invalid")


def test_an_upload_over_its_limit_is_refused(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(upload_bytes=1000)
    with swap.person("ann", "analysts").client() as client:
        response = client.post("/v1/uploads", content=stream(pa.table({"a": list(range(1000))})))

    assert (response.status_code, response.json()["error"]["category"]) == (413, "limit")


def test_a_body_over_its_limit_is_refused_even_without_a_length(analyst: Person, shared: Gateway) -> None:
    def endless() -> object:
        for _ in range(300):
            yield b"x" * 100_000

    with analyst.client() as client:
        response = client.post("/v1/queries", content=endless())

    assert response.status_code == 413


def test_a_star_says_what_it_left_out(analyst: Person) -> None:
    query_id = analyst.start("SELECT * FROM lake.wmf.pageview_hourly")
    state = analyst.ended(query_id)

    assert "city" not in [column["name"] for column in state["columns"]]
    assert state["notices"] == ["SELECT * left out city: the rule below-country locks it."]


def test_anothers_query_does_not_exist(analyst: Person, shared: Gateway) -> None:
    query_id = analyst.start("SELECT 1 AS x")
    analyst.ended(query_id)

    with shared.person("bob", "analysts").client() as client:
        answers = [client.get(f"/v1/queries/{query_id}{path}") for path in ("", "/result", "/page", "/download")] + [
            client.delete(f"/v1/queries/{query_id}")
        ]
        nothing = client.get("/v1/queries/qdoesnotexist")

    assert [answer.status_code for answer in answers] == [404] * 5
    assert {answer.json()["error"]["title"] for answer in answers} == {nothing.json()["error"]["title"]}


def test_the_portal_may_ask_too_but_not_upload_or_complete(analyst: Person) -> None:
    with analyst.client(Via.PORTAL) as client:
        assert client.post("/v1/queries", json={"statement": "SELECT 1 AS x"}).status_code == 202
        assert client.post("/v1/uploads", content=b"").status_code == 403
        assert client.post("/v1/complete", json={"sql": "", "offset": 0}).status_code == 403


def test_the_catalog_shows_what_the_person_may_discover(analyst: Person, shared: Gateway) -> None:
    with analyst.client() as client:
        catalog = client.get("/v1/catalog/tables").json()
        found = client.get("/v1/catalog/find?name=lake/wmf/pageview_hourly&name=lake/private/secret&name=x").json()
        changed = client.get("/v1/catalog/find?name=lake/wmf/pageview_hourly&changed=true").json()
        table = client.get("/v1/catalog/lake/wmf/pageview_hourly").json()
        hidden = client.get("/v1/catalog/lake/private/secret")
        missing = client.get("/v1/catalog/lake/private/nothing")
    with shared.person("chidi", "readers").client() as client:
        few = client.get("/v1/catalog/tables").json()
        sources = client.get("/v1/catalog").json()["sources"]
        schemas = client.get("/v1/catalog/schemas?source=lake").json()["schemas"]

    names = [each["name"] for each in catalog["tables"]]
    assert "lake.wmf.pageview_hourly" in names
    assert not [name for name in names if "private" in name]
    city = next(column for column in table["columns"] if column["name"] == "city")
    assert (city["readable"], city["rule"], city["ask"]) == (False, "below-country", "data-privacy")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert [each["name"] for each in few["tables"]] == ["lake.canonical.countries"]
    assert [(each["name"], each["tables"]) for each in sources] == [("lake", {"visible": 1, "readable": 1})]
    assert schemas == [{"name": "canonical", "visible": 1, "readable": 1}]
    assert found["tables"] == [{"source": "lake", "schema": "wmf", "table": "pageview_hourly", "readable": True}]
    assert changed["tables"] == [found["tables"][0] | {"changed_at": None}]


def test_completion_knows_what_the_person_may_see(analyst: Person) -> None:
    sql = "SELECT v.ci FROM lake.wmf.pageview_hourly v"
    with analyst.client() as client:
        locked = client.post("/v1/complete", json={"sql": sql, "offset": 11}).json()
        open_ = client.post("/v1/complete", json={"sql": sql.replace("ci", "co"), "offset": 11}).json()

    assert locked["items"] == []
    assert [(item["label"], item["type"]) for item in open_["items"]] == [("country_code", "text")]
    assert (open_["start"], open_["end"]) == (9, 11)


def test_an_unknown_route_and_a_broken_body_are_errors_of_our_form(analyst: Person) -> None:
    with analyst.client() as client:
        nothing = client.get("/v1/nothing")
        broken = client.post("/v1/queries", json={"statment": "SELECT 1"})

    assert (nothing.status_code, nothing.json()["error"]["category"]) == (404, "not-found")
    assert (broken.status_code, broken.json()["error"]["category"]) == (400, "invalid")


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_the_answer_changes_with_the_source(ann: Person, swap: Gateway) -> None:
    before = ann.rows("SELECT page_len FROM mediawiki.enwiki.page WHERE page_id = 1")
    rows = swap.mediawiki.tables["enwiki.page"].rows
    swap.mediawiki.tables["enwiki.page"].rows = rows.set_column(
        2, "page_len", pa.array([101, 200, 300, 700], pa.int32())
    )

    assert (before, ann.rows("SELECT page_len FROM mediawiki.enwiki.page WHERE page_id = 1")) == ([(100,)], [(101,)])


def test_nobody_without_a_token_gets_anything(shared: Gateway) -> None:
    with httpx.Client(base_url=shared.url, trust_env=False, verify=NO_TLS) as client:
        assert client.get("/v1/health").json() == {"ok": True}
        assert client.post("/v1/queries", json={"statement": "SELECT 1"}).json()["error"]["category"] == "not-signed-in"
        assert client.get("/v1/catalog").status_code == 401
