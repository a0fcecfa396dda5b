"""What the gateway holds to be true is what happens: after a crash, a tidy administrator, a kernel that is gone."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from queue import Queue

import sqlalchemy
from sqlalchemy import text

from integration.gateway.gateways import Gateway, Person, lake, mediawiki
from swap.connectors.base import Progress
from swap.query.run.presence import GONE_SECONDS, Presence


class Clock:
    """Real time, and as much more as a test has let pass."""

    def __init__(self) -> None:
        self.more = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.more


def held(gateway: Gateway) -> threading.Event:
    gate = gateway.lake.behaviour.gate = threading.Event()
    return gate


def running(person: Person, **more: str) -> str:
    query_id = person.start("SELECT n FROM lake.big.numbers", **more)
    person.until(query_id, lambda state: state["state"] == "running")
    return query_id


def with_clock(gateway: Gateway) -> Clock:
    clock = Clock()
    gateway.app.state.parts.queries.presence = Presence(clock)
    return clock


def places(gateway: Gateway) -> int:
    with gateway.database.engine("owner").begin() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM swap.admission")) or 0)


def test_what_a_killed_gateway_left_has_an_end_in_the_audit_and_holds_no_place(
    make_gateway: Callable[..., Gateway],
) -> None:
    first = make_gateway({"lake": lake(), "mediawiki": mediawiki()}, places={"slots": 2, "slots_per_person": 2})
    held(first)
    ann = first.person("ann", "analysts")
    left = [running(ann), running(ann)]
    assert places(first) == 2

    # The first goes on, as one would that a machine has paused: its leases have 20 seconds to go.
    second = make_gateway(places={"slots": 2, "slots_per_person": 2})

    assert places(second) == 0
    ended = [row for row in second.audit("query-ended") if row.detail["query_id"] in left]
    assert [(row.person_id, row.detail["state"]) for row in ended] == [(ann.id, "failed")] * 2
    assert Person(second, ann.id).rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]


def test_what_a_killed_gateway_left_at_a_source_is_ended_there(make_gateway: Callable[..., Gateway]) -> None:
    handle = {"server": "s1", "user": "research", "number": 7}
    first_lake = lake()
    first = make_gateway({"lake": first_lake, "mediawiki": mediawiki()})
    first_lake.behaviour.progress = {"numbers": [Progress(handle=handle)]}
    held(first)
    ann = first.person("ann", "analysts")
    left = running(ann)
    asked: Queue[tuple[object, str]] = Queue()
    mediawiki_too, next_lake = mediawiki(), lake()
    for connector in (next_lake, mediawiki_too):
        connector.end = lambda handle, query_id: asked.put((handle, query_id)) or True  # type: ignore[func-returns-value, method-assign]

    make_gateway({"lake": next_lake, "mediawiki": mediawiki_too})

    assert asked.get(timeout=60) == (handle, left)
    assert asked.empty()


def test_a_place_that_nobody_holds_is_given_back_by_the_sweep(ann: Person, swap: Gateway) -> None:
    gate = held(swap)
    query_id = running(ann)
    with swap.database.engine("owner").begin() as conn:
        conn.execute(
            text(
                "INSERT INTO swap.admission (query_id, source, person_id, running, lease_until)"
                " VALUES ('qleaked', 'lake', :person, true, now() + interval '1 hour')"
            ),
            {"person": ann.id},
        )
        conn.execute(
            text(
                "INSERT INTO swap.query_run (id, person_id, via, statement, state)"
                " VALUES ('qleaked', :person, 'kernel', 'SELECT 1', 'running')"
            ),
            {"person": ann.id},
        )

    swap.app.state.parts.queries.keep_house()

    assert places(swap) == 1, "the running query's own"
    assert [row.detail["query_id"] for row in swap.audit("query-ended")] == ["qleaked"]
    gate.set()
    assert ann.ended(query_id)["state"] == "done"


def test_a_spool_that_somebody_deleted_is_made_anew(ann: Person, swap: Gateway) -> None:
    kept = ann.start("SELECT n FROM lake.big.numbers")
    ann.ended(kept)
    shutil.rmtree(swap.runtime.spool)

    assert ann.rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]
    assert ann.rows("SELECT count(*) FROM lake.big.numbers a, range(2) r(x)") == [(100_000,)]
    with ann.client() as client:
        gone = client.get(f"/v1/queries/{kept}/result")
    assert (gone.status_code, gone.json()["error"]["title"]) == (404, "This result is gone.")


def test_files_that_a_killed_gateway_was_writing_are_gone_and_results_stay(
    make_gateway: Callable[..., Gateway],
) -> None:
    first = make_gateway()
    ann = first.person("ann", "analysts")
    query_id = ann.start("SELECT n FROM lake.big.numbers")
    ann.ended(query_id)
    half = first.runtime.spool / "qhalf.arrow"
    half.write_bytes(b"half a result")
    (first.runtime.spool / "uhalf.new").write_bytes(b"{")

    second = make_gateway()

    assert not half.exists()
    assert list(second.runtime.spool.glob("*.new")) == []
    assert Person(second, ann.id).result(query_id).num_rows == 50_000


def test_a_query_whose_kernel_is_gone_is_cancelled_at_the_source_after_a_minute(ann: Person, swap: Gateway) -> None:
    clock = with_clock(swap)
    held(swap)
    queries = swap.app.state.parts.queries
    query_id = running(ann, program="one")

    queries.look_after()
    assert ann.state(query_id)["state"] == "running"
    clock.more += GONE_SECONDS
    queries.look_after()

    state = ann.ended(query_id)
    assert (state["state"], state["error"]["title"]) == ("cancelled", "Cancelled: its kernel is gone")
    assert swap.lake.running == 0
    assert swap.audit("query-ended")[-1].detail["reason"].startswith("Cancelled: its kernel is gone")


def test_a_kernel_that_holds_a_line_is_there_and_one_that_was_restarted_is_another(ann: Person, swap: Gateway) -> None:
    clock = with_clock(swap)
    gate = held(swap)
    queries = swap.app.state.parts.queries
    with ann.client() as client, client.stream("GET", "/v1/queries", params={"program": "one"}) as line:
        told = line.iter_lines()  # kept: without it the line is closed
        assert next(told) is not None
        mine, before_restart = running(ann, program="one"), running(ann, program="zero")
        clock.more += GONE_SECONDS
        queries.look_after()
        assert ann.ended(before_restart)["state"] == "cancelled"
        gate.set()
        state = ann.ended(mine)
        assert state["state"] == "done", state["error"]


def test_a_query_that_is_to_go_on_without_its_kernel_does(ann: Person, swap: Gateway) -> None:
    clock = with_clock(swap)
    gate = held(swap)
    query_id = running(ann)
    clock.more += 10 * GONE_SECONDS

    swap.app.state.parts.queries.look_after()

    gate.set()
    assert ann.ended(query_id)["state"] == "done"


def test_nobody_ends_somebody_elses_query_or_keeps_it_by_a_line_of_that_name(ann: Person, swap: Gateway) -> None:
    clock = with_clock(swap)
    held(swap)
    bob = swap.person("bob", "analysts")
    query_id = running(ann, program="one")
    with bob.client() as client, client.stream("GET", "/v1/queries", params={"program": "one"}) as line:
        told = line.iter_lines()  # kept: without it the line is closed
        assert next(told) is not None
        clock.more += GONE_SECONDS
        swap.app.state.parts.queries.look_after()
        assert ann.ended(query_id)["state"] == "cancelled"


def test_a_query_that_is_accepted_during_the_sweep_keeps_its_places(ann: Person, swap: Gateway) -> None:
    queries = swap.app.state.parts.queries
    gate = held(swap)
    first = running(ann)
    late: list[str] = []

    @sqlalchemy.event.listens_for(queries.engine, "before_cursor_execute")
    def accept(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "DELETE FROM swap.admission" in statement and not late:
            late.append("")
            late[0] = running(ann)

    with swap.database.engine("owner").begin() as conn:
        conn.execute(
            text(
                "INSERT INTO swap.admission (query_id, source, person_id, running, lease_until)"
                " VALUES ('qleaked', 'lake', 'pnobody', true, now() + interval '1 hour')"
            )
        )
    queries.keep_house()

    with swap.database.engine("owner").begin() as conn:
        assert set(conn.scalars(text("SELECT query_id FROM swap.admission"))) == {first, *late}
    gate.set()
    assert [ann.ended(each)["state"] for each in (first, *late)] == ["done", "done"]


def test_an_end_that_cannot_be_recorded_holds_up_no_other(ann: Person, swap: Gateway) -> None:
    queries = swap.app.state.parts.queries
    gate = held(swap)
    ids = [running(ann), running(ann)]
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("ALTER TABLE swap.audit_event RENAME TO away"))
    gate.set()
    for each in ids:
        ann.ended(each)
    with swap.database.engine("owner").begin() as conn:
        conn.execute(text("ALTER TABLE swap.away RENAME TO audit_event"))
        # What nothing can be done about: the first one's end is refused, now and later.
        conn.execute(text(f"ALTER TABLE swap.query_run ADD CHECK (id <> '{ids[0]}' OR ended_at IS NULL) NOT VALID"))

    queries.look_after()
    queries.keep_house()

    assert list(queries._unrecorded) == [ids[0]]
    assert [row.detail["query_id"] for row in swap.audit("query-ended")] == [ids[1]]


def test_a_spool_that_somebody_emptied_has_room_again(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway(spool_bytes=1_000_000)
    ann = swap.person("ann", "analysts")
    for _ in range(3):
        ann.ended(ann.start("SELECT n FROM lake.big.numbers"))  # 400 kB each
    assert ann.fails("SELECT n FROM lake.big.numbers")["title"] == "SWAP's room for results is full."
    shutil.rmtree(swap.runtime.spool)

    swap.app.state.parts.queries.keep_house()

    assert len(ann.rows("SELECT n FROM lake.big.numbers")) == 50_000
