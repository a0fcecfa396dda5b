"""What is recorded of queries, in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, select, text

from services import Database
from swap.db.tables import query_run
from swap.query import store

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
Make = Callable[..., Sequence[str]]


@pytest.fixture
def make_room(database: Database) -> Iterator[Make]:
    """Record results of ann's, the oldest first, each expiring a minute later; then make room for so many bytes."""

    def make(most_bytes: int, *sizes: int) -> Sequence[str]:
        add(database, "pann", *sizes)
        with database.engine("gateway").begin() as conn:
            return sorted(store.make_room(conn, "pann", f"pann{len(sizes)}", most_bytes, NOW))

    return make


def add(database: Database, person_id: str, *sizes: int, state: str = "done", expired: bool = False) -> None:
    with database.engine("gateway").begin() as conn:
        for number, size in enumerate(sizes, start=1):
            expires_at = NOW + timedelta(minutes=number) if not expired else NOW - timedelta(minutes=number)
            conn.execute(
                insert(query_run).values(
                    id=f"{person_id}{number}{'' if state == 'done' and not expired else state}",
                    person_id=person_id,
                    via="kernel",
                    statement="SELECT 1",
                    state=state,
                    size_bytes=size,
                    ended_at=NOW,
                    expires_at=expires_at,
                )
            )


def kept(database: Database) -> set[str]:
    with database.engine("gateway").begin() as conn:
        return set(conn.scalars(select(query_run.c.id).where(query_run.c.expires_at > NOW)))


def test_results_that_fit_stay(make_room: Make, database: Database) -> None:
    assert make_room(600, 100, 200, 300) == []
    assert kept(database) == {"pann1", "pann2", "pann3"}


def test_the_oldest_results_go_when_all_take_too_much(make_room: Make, database: Database) -> None:
    assert make_room(599, 100, 200, 300, 200) == ["pann1", "pann2"]
    assert kept(database) == {"pann3", "pann4"}


def test_the_newest_result_stays_however_large_it_is(make_room: Make, database: Database) -> None:
    assert make_room(50, 10, 10, 100) == ["pann1", "pann2"]
    assert kept(database) == {"pann3"}


def test_results_of_others_and_what_is_not_kept_count_for_nothing(make_room: Make, database: Database) -> None:
    add(database, "pbob", 1000)
    add(database, "pann", 1000, expired=True)
    add(database, "pann", 1000, state="failed")

    assert make_room(100, 50, 50) == []


def test_what_a_person_asked_in_a_life_is_not_gone_through(make_room: Make, database: Database) -> None:
    add(database, "pann", 10)
    with database.engine("owner").begin() as conn:
        conn.execute(
            text(
                "INSERT INTO swap.query_run (id, person_id, via, statement, state, size_bytes, ended_at, expires_at)"
                " SELECT 'old' || n, 'pann', 'kernel', 'SELECT 1', 'done', 10, :now, :now - n * interval '1 minute'"
                " FROM generate_series(1, 20000) n"
            ),
            {"now": NOW},
        )
    with database.engine("owner").execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("VACUUM ANALYZE swap.query_run"))
    plans: list[str] = []

    def explain(conn: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("UPDATE"):
            with database.engine("owner").connect() as other:
                rows = other.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)  # type: ignore[call-overload]
                plans.append("\n".join(rows.scalars()))

    with database.engine("gateway").begin() as conn:
        event.listen(conn, "before_cursor_execute", explain)
        store.make_room(conn, "pann", "pann1", 5, NOW)

    assert "ix_query_run_kept" in plans[0]
