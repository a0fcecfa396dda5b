"""Admission: places by source and person, in one step, and free again when a gateway dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

import services
from swap.db.tables import admission
from swap.errors import LimitExceeded
from swap.query.execution.queue import Queue
from swap.settings import FilesSource, Limits, MysqlSource, Settings


@pytest.fixture
def make(database: services.Database, tmp_path: Path) -> Callable[..., Queue]:
    made: list[Queue] = []

    def queue(slots: int = 2, slots_per_person: int = 1, **limits: int) -> Queue:
        source = FilesSource(kind="files", root=tmp_path, slots=slots, slots_per_person=slots_per_person)
        settings = Settings(state=tmp_path, sources={"lake": source, "wiki": source}, limits=Limits(**limits))
        made.append(Queue(database.engine("gateway"), settings))
        return made[-1]

    return queue


def enqueue(queue: Queue, query_id: str, person_id: str, sources: list[str]) -> bool:
    with queue._engine.begin() as conn:
        starts = queue.enqueue(conn, query_id, person_id, sources)
    queue.hold(query_id, person_id, sources, running=starts)
    return starts


def leave(queue: Queue, query_id: str) -> None:
    with queue._engine.begin() as conn:
        queue.leave(conn, query_id)
    queue.wake()


def test_a_free_place_is_given_at_once(make: Callable[..., Queue]) -> None:
    queue = make()

    assert enqueue(queue, "q1", "ann", ["lake"])
    assert queue.try_start("q1")[0], "it has its place already"


def test_one_person_gets_no_more_than_their_places(make: Callable[..., Queue]) -> None:
    queue = make(slots=2, slots_per_person=1)
    for query, person in (("q1", "ann"), ("q2", "ann"), ("q3", "bob")):
        enqueue(queue, query, person, ["lake"])

    assert [queue.try_start(query)[0] for query in ("q1", "q2", "q3")] == [True, False, True]
    leave(queue, "q1")
    assert queue.try_start("q2")[0]


def test_the_position_counts_who_stands_before(make: Callable[..., Queue]) -> None:
    queue = make(slots=1)
    for query, person in (("q1", "ann"), ("q2", "bob"), ("q3", "cid")):
        enqueue(queue, query, person, ["lake"])
    queue.try_start("q1")

    assert queue.try_start("q3") == (False, {"lake": 2})
    assert queue.try_start("q2") == (False, {"lake": 1})


def test_who_came_first_starts_first(make: Callable[..., Queue]) -> None:
    queue = make(slots=1)
    for query, person in (("q1", "ann"), ("q2", "bob")):
        enqueue(queue, query, person, ["lake"])

    assert not queue.try_start("q2")[0]
    assert queue.try_start("q1")[0]


def test_a_query_of_two_sources_takes_both_places_or_none(make: Callable[..., Queue]) -> None:
    queue = make(slots=1)
    enqueue(queue, "q1", "ann", ["wiki"])
    queue.try_start("q1")
    enqueue(queue, "q2", "bob", ["lake", "wiki"])
    enqueue(queue, "q3", "cid", ["lake"])

    assert queue.try_start("q2") == (False, {"lake": 1, "wiki": 1})
    assert queue.try_start("q3")[0], "what q2 cannot use yet stands open to others"


def test_each_server_of_a_source_has_places_of_its_own(database: services.Database, tmp_path: Path) -> None:
    shards = {name: {"server": "h:1", "databases": [name], "slots": 1} for name in ("s1", "s2")}
    wiki = MysqlSource.model_validate({"kind": "mysql", "user": "u", "shards": shards, "slots": 8})
    queue = Queue(database.engine("gateway"), Settings(state=tmp_path, sources={"wiki": wiki}))

    assert enqueue(queue, "q1", "ann", ["wiki", "wiki (s1)"])
    assert not enqueue(queue, "q2", "bob", ["wiki", "wiki (s1)"])
    assert enqueue(queue, "q3", "cid", ["wiki", "wiki (s2)"])

    leave(queue, "q1")
    assert queue.try_start("q2")[0]


def test_a_source_is_no_narrower_than_its_servers_together(database: services.Database, tmp_path: Path) -> None:
    shards = {name: {"server": "h:1", "databases": [name], "slots": 5} for name in ("s1", "s2")}
    wiki = MysqlSource.model_validate({"kind": "mysql", "user": "u", "shards": shards})
    queue = Queue(database.engine("gateway"), Settings(state=tmp_path, sources={"wiki": wiki}))

    for number in range(10):
        assert enqueue(queue, f"q{number}", f"person{number}", ["wiki", f"wiki (s{number % 2 + 1})"])
    assert not enqueue(queue, "q10", "one more", ["wiki", "wiki (s1)"])


def test_opposite_orders_never_wait_for_one_another(make: Callable[..., Queue]) -> None:
    queue = make(slots=1, waiting_per_person=1000)
    finished: list[str] = []

    def work(name: str, sources: list[str]) -> None:
        for turn in range(10):
            query = f"{name}{turn}"
            enqueue(queue, query, name, sources)
            while not queue.try_start(query)[0]:
                queue.wait(0.05)
            leave(queue, query)
        finished.append(name)

    threads = [
        threading.Thread(target=work, args=each, daemon=True)
        for each in (("a", ["lake", "wiki"]), ("b", ["wiki", "lake"]), ("c", ["wiki"]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=40)

    assert sorted(finished) == ["a", "b", "c"]


def test_two_gateways_share_the_places(make: Callable[..., Queue]) -> None:
    one, two = make(slots=1), make(slots=1)
    enqueue(one, "q1", "ann", ["lake"])
    enqueue(two, "q2", "bob", ["lake"])

    assert (one.try_start("q1")[0], two.try_start("q2")[0]) == (True, False)
    leave(one, "q1")
    assert two.try_start("q2")[0]


def test_a_dead_gateways_places_are_free_when_their_leases_end(
    make: Callable[..., Queue], database: services.Database
) -> None:
    dead, living = make(slots=1), make(slots=1)
    enqueue(dead, "q1", "ann", ["lake"])
    dead.try_start("q1")
    enqueue(living, "q2", "bob", ["lake"])
    assert not living.try_start("q2")[0]

    with database.engine("owner").begin() as conn:
        conn.execute(
            update(admission)
            .where(admission.c.query_id == "q1")
            .values(lease_until=func.now() - text("interval '1 second'"))
        )

    assert living.try_start("q2")[0]


def test_a_living_gateway_renews_its_leases(make: Callable[..., Queue], database: services.Database) -> None:
    queue = make()
    enqueue(queue, "q1", "ann", ["lake"])
    queue.try_start("q1")
    with database.engine("owner").begin() as conn:
        conn.execute(update(admission).values(lease_until=func.now() + text("interval '1 second'")))

    queue.renew()

    with database.engine("owner").begin() as conn:
        left = conn.scalar(select(func.extract("epoch", admission.c.lease_until - func.now())))
    assert left is not None
    assert left > 15


def test_a_lease_that_was_lost_while_running_is_taken_up_again(
    make: Callable[..., Queue], database: services.Database
) -> None:
    queue = make()
    enqueue(queue, "q1", "ann", ["lake"])
    queue.try_start("q1")
    with database.engine("owner").begin() as conn:
        conn.execute(admission.delete())

    queue.renew()

    with database.engine("owner").begin() as conn:
        assert conn.execute(select(admission.c.query_id, admission.c.running)).all() == [("q1", True)]


def test_too_many_waiting_are_refused(make: Callable[..., Queue]) -> None:
    queue = make(slots=1, waiting_per_person=2)
    assert enqueue(queue, "q0", "ann", ["lake"])
    assert not enqueue(queue, "q1", "ann", ["lake"])
    assert not enqueue(queue, "q2", "ann", ["lake"])

    with pytest.raises(LimitExceeded, match=r"limits\.waiting_per_person"):
        enqueue(queue, "q3", "ann", ["lake"])
    enqueue(queue, "q4", "bob", ["lake"])
