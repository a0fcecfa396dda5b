from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from swap import audit
from swap.db.tables import audit_event
from swap.identity import Via


def test_an_event_becomes_one_row_with_its_fields(database):
    with database.engine("gateway").begin() as conn:
        audit.record(
            conn,
            audit.QueryRefused(
                person_id="paaaaaaaaa",
                via=Via.KERNEL,
                kernel_id="k1",
                statement="DROP TABLE x",
                category="refused",
                reason="not a SELECT",
            ),
        )

    with database.engine().connect() as conn:
        row = conn.execute(select(audit_event)).one()
    assert (row.event, row.person_id, row.via) == ("query-refused", "paaaaaaaaa", "kernel")
    assert row.detail == {
        "kernel_id": "k1",
        "statement": "DROP TABLE x",
        "category": "refused",
        "reason": "not a SELECT",
        "rule": "",
        "dialect": "",
    }


def test_a_record_of_a_deed_that_is_rolled_back_is_rolled_back_too(database):
    def deed_that_fails():
        with database.engine("hub").begin() as conn:
            audit.record(conn, audit.SignedOut(person_id="paaaaaaaaa"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deed_that_fails()

    with database.engine().connect() as conn:
        assert conn.execute(select(audit_event)).all() == []


def test_text_that_postgresql_cannot_keep_is_recorded_all_the_same(database):
    with database.engine("gateway").begin() as conn:
        audit.record(
            conn,
            audit.QueryAccepted(
                person_id="paaaaaaaaa",
                query_id="q1",
                kernel_id="",
                statement="select '\0\ud800'",
                datasets=("lake.wmf.\0",),
                columns=(),
                rules=(),
            ),
        )

    with database.engine().connect() as conn:
        detail = conn.execute(select(audit_event.c.detail)).scalar_one()
    assert detail["statement"] == "select '·?'"
    assert detail["datasets"] == ["lake.wmf.·"]


@pytest.mark.parametrize("role", ["hub", "web", "gateway", "worker"])
@pytest.mark.parametrize(
    "deed", ["update swap.audit_event set person_id = ''", "delete from swap.audit_event", "truncate swap.audit_event"]
)
def test_no_process_can_change_what_was_recorded(database, role, deed):
    with pytest.raises(ProgrammingError, match="permission denied"), database.engine(role).begin() as conn:
        conn.execute(text(deed))
