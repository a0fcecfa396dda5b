from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services import Database
from swap import ports
from swap.db import engine
from swap.errors import to_json


def test_a_refused_connection_says_what_to_do_and_where_to_whoever_runs_swap() -> None:
    dead = engine.create(f"postgresql://swap_web:hush@127.0.0.1:{ports.free(1)[0]}/swap")
    with pytest.raises(engine.DatabaseUnavailable) as caught, dead.connect():
        pass
    assert "127.0.0.1" in caught.value.details
    assert "swap doctor" in str(caught.value)
    assert "hush" not in caught.value.details
    # What goes to a notebook or a page.
    sent = str(to_json(caught.value))
    assert not re.search(r"127\.0\.0\.1|port|refused|psycopg|swap_web", sent), sent


def test_a_wrong_password_is_explained_without_the_password(database: Database) -> None:
    address = engine.create(database.url("web")).url.set(password="wrong-secret")
    with pytest.raises(engine.DatabaseUnavailable) as caught, engine.create(address).connect():
        pass
    assert "password authentication failed" in caught.value.details
    assert "wrong-secret" not in caught.value.details


def test_a_connection_lost_in_the_pool_is_replaced_unnoticed(database: Database) -> None:
    pooled = database.engine("web")
    with pooled.connect() as conn:
        pid = conn.scalar(text("SELECT pg_backend_pid()"))
    with database.server.administrator() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pooled.connect() as conn:
        assert conn.scalar(text("SELECT pg_backend_pid()")) != pid


def test_a_connection_lost_in_a_transaction_is_unavailable(database: Database) -> None:
    with database.engine("web").connect() as conn:
        pid = conn.scalar(text("SELECT pg_backend_pid()"))
        with database.server.administrator() as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(engine.DatabaseUnavailable):
            conn.execute(text("SELECT 1"))


def test_a_wrong_statement_stays_a_programming_error(database: Database) -> None:
    with database.engine("web").connect() as conn, pytest.raises(ProgrammingError):
        conn.execute(text("SELECT * FROM nowhere"))
