"""What is over for long is deleted: in pieces, by an index, without waiting for anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from services import Database
from swap.db import purge
from swap.db.purge import AUDIT, DELETED, ENDED, PIECE, Aging

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(days=90)
ALL = (*ENDED, DELETED, AUDIT)
ROWS = {
    "query_run": "(id, person_id, via, statement, state, created_at, ended_at)"
    " SELECT 'q' || n || :kind, 'p', 'kernel', 'SELECT 1', 'done', {at}, {at}",
    "sign_in": "(id, person_id, created_at, expires_at) SELECT 's' || n || :kind, 'pannaaaaaa', {at}, {at}",
    "portal_session": "(digest, person_id, csrf, created_at, expires_at)"
    " SELECT sha256(('c' || n || :kind)::bytea), 'pannaaaaaa', '', {at}, {at}",
    "jupyter_server": "(id, person_id, credential_digest, started_at, ended_at)"
    " SELECT 'j' || n || :kind, 'pannaaaaaa', sha256(('d' || n || :kind)::bytea), {at}, {at}",
    "notebook": "(id, person_id, path, deleted_at) SELECT 'n' || n || :kind, 'pannaaaaaa', 'a.ipynb', {at}",
    "notice": "(person_id, kind, notebook_id, author, at) SELECT 'pannaaaaaa', 'share', 'kept', 'pannaaaaaa', {at}",
    "report_letter": "(run_id, person_id, at, due_at) SELECT 'u' || n || :kind, 'pannaaaaaa', {at}, {at}",
    "report_call": "(run_id, event, at, due_at) SELECT 'u' || n || :kind, 'done', {at}, {at}",
    "audit_event": "(at, event, person_id, via, detail) SELECT {at}, 'signed-out', :kind, 'portal', '{{}}'",
}


REPORT = """
INSERT INTO swap.report (id, notebook_id, version, person_id, schedule, zone, missed, overlap, state, groups, standing,
  created_at, next_due_at)
VALUES ('r', 'kept', 1, 'pannaaaaaa', 'hour 00:15', 'UTC', 'latest', 'wait', 'ended', '{}', 0, :last, :last)
ON CONFLICT DO NOTHING
"""
RUNS = """
INSERT INTO swap.report_run (id, report_id, due_at, period_start, period_end, version, state, start_at)
SELECT 'u' || n || :kind, 'r', at, at, at, 1, 'done', at
FROM (SELECT n, CAST(:last AS timestamptz) - make_interval(secs => :rows - n) AS at FROM generate_series(1, :rows) n) made
ON CONFLICT DO NOTHING
"""


def fill(conn: Connection, aging: Aging, rows: int, last: datetime, kind: str) -> None:
    """Add rows that were over at a moment, and each a second before the next."""
    conn.execute(
        text(
            "INSERT INTO swap.person (id, directory_key, name) VALUES ('pannaaaaaa', 'k', 'Anna') ON CONFLICT DO NOTHING"
        )
    )
    if aging.table.name in {"notice", "report_letter", "report_call"}:
        kept = "INSERT INTO swap.notebook (id, person_id, path) VALUES ('kept', 'pannaaaaaa', 'kept.ipynb') ON CONFLICT DO NOTHING"
        conn.execute(text(kept))
    if aging.table.name in {"report_letter", "report_call"}:
        conn.execute(text(REPORT), {"last": last})
        conn.execute(text(RUNS), {"rows": rows, "last": last, "kind": kind})
    made = ROWS[aging.table.name].format(at="CAST(:last AS timestamptz) - make_interval(secs => :rows - n)")
    conn.execute(
        text(f"INSERT INTO {aging.table.fullname} {made} FROM generate_series(1, :rows) n"),
        {"rows": rows, "last": last, "kind": kind},
    )


def count(database: Database, aging: Aging) -> int:
    with database.engine("owner").connect() as conn:
        return int(conn.scalar(text(f"SELECT count(*) FROM {aging.table.fullname}")) or 0)


@pytest.mark.parametrize("aging", ALL, ids=lambda aging: aging.table.name)
def test_what_is_old_goes_in_pieces_and_the_rest_stays(database: Database, aging: Aging) -> None:
    with database.engine("owner").begin() as conn:
        fill(conn, aging, 2 * aging.piece + aging.piece // 2, BEFORE - timedelta(seconds=1), "old")
        fill(conn, aging, 7, NOW, "new")

    pieces = [aging.piece, aging.piece, aging.piece // 2]
    assert list(purge.purge(database.engine("owner"), aging, BEFORE)) == [each for each in pieces if each]

    assert count(database, aging) == 7
    assert list(purge.purge(database.engine("owner"), aging, BEFORE)) == []


def test_what_has_not_ended_stays_however_old_it_is(database: Database) -> None:
    runs, servers = ENDED[0], ENDED[3]
    with database.engine("owner").begin() as conn:
        for aging in (runs, servers):
            fill(conn, aging, 3, BEFORE - timedelta(days=400), "old")
            conn.execute(text(f"UPDATE {aging.table.fullname} SET ended_at = NULL"))

    for aging in (runs, servers):
        assert list(purge.purge(database.engine("owner"), aging, BEFORE)) == []
        assert count(database, aging) == 3


@pytest.mark.parametrize("aging", ALL, ids=lambda aging: aging.table.name)
def test_a_piece_goes_along_an_index_to_the_places_of_its_rows(database: Database, aging: Aging) -> None:
    with database.engine("owner").begin() as conn:
        fill(conn, aging, 20 * PIECE, BEFORE, "old")
    with database.engine("owner").connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text(f"ANALYZE {aging.table.fullname}"))
        values = {"after": purge._FIRST, "before": BEFORE, "piece": aging.piece}
        plan = "\n".join(conn.scalars(text(f"EXPLAIN {purge.statement(aging)}"), values))

    assert "Tid Scan" in plan
    assert f"Index Scan using ix_{aging.table.name}_{aging.over_at}" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


def test_what_somebody_holds_is_not_waited_for(database: Database) -> None:
    runs = ENDED[0]
    with database.engine("owner").begin() as conn:
        fill(conn, runs, 10, BEFORE - timedelta(days=1), "old")
    with database.engine("gateway").begin() as holder:
        holder.execute(text("UPDATE swap.query_run SET statement = '' WHERE id = 'q5old'"))

        assert sum(purge.purge(database.engine("owner"), runs, BEFORE)) == 9

    assert sum(purge.purge(database.engine("owner"), runs, BEFORE)) == 1


def test_what_was_deleted_stays_so_when_the_purge_is_cut_short(database: Database) -> None:
    runs = ENDED[0]
    with database.engine("owner").begin() as conn:
        fill(conn, runs, 2 * PIECE, BEFORE - timedelta(days=1), "old")
    pieces = purge.purge(database.engine("owner"), runs, BEFORE)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    assert count(database, runs) == PIECE
    assert list(purge.purge(database.engine("owner"), runs, BEFORE)) == [PIECE]


def test_a_deleted_notebook_goes_with_its_history_and_what_was_copied_from_it_stays(database: Database) -> None:
    with database.engine("owner").begin() as conn:
        fill(conn, DELETED, 1, BEFORE - timedelta(days=1), "old")
        for notebook, of in (("n1old", None), ("copy", "n1old")):
            conn.execute(
                text(
                    "INSERT INTO swap.notebook (id, person_id, path, head, copied_from)"
                    " VALUES (:id, 'pannaaaaaa', :id, 1, :of) ON CONFLICT DO NOTHING"
                ),
                {"id": notebook, "of": of},
            )
            conn.execute(
                text(
                    "INSERT INTO swap.notebook_version (notebook_id, number, digest, file_digest, author, via, kind,"
                    " environment, save_id, at) VALUES (:id, 1, '', '', 'pannaaaaaa', 'server', 'saved', '{}', 's', now())"
                ),
                {"id": notebook},
            )
            conn.execute(text("INSERT INTO swap.notebook_part VALUES (:id, '', 0, 0, '')"), {"id": notebook})

    assert sum(purge.purge(database.engine("owner"), DELETED, BEFORE)) == 1

    with database.engine("owner").connect() as conn:
        for table in ("notebook_version", "notebook_part"):
            assert conn.scalars(text(f"SELECT notebook_id FROM swap.{table}")).all() == ["copy"]
        assert conn.execute(text("SELECT id, copied_from FROM swap.notebook")).all() == [("copy", None)]
