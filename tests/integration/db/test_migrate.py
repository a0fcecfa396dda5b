from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services import Database
from swap.db import migrate, notebook_tables, report_tables, roles, tables  # noqa: F401 — all are compared
from swap.db.schema import metadata
from swap.policy.model import Resource
from swap.query import lineage

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_the_migrated_schema_is_the_one_in_tables(database: Database) -> None:
    with database.engine("owner").connect() as conn:
        context = MigrationContext.configure(
            conn,
            opts={
                "include_schemas": True,
                "compare_server_default": True,
                "version_table_schema": "swap",
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "swap",
            },
        )
        assert compare_metadata(context, metadata) == []


def test_the_comparison_sees_a_missing_column(database: Database) -> None:
    with database.engine("owner").connect() as conn:
        conn.execute(text("ALTER TABLE swap.person DROP COLUMN epoch"))
        context = MigrationContext.configure(
            conn,
            opts={
                "include_schemas": True,
                "version_table_schema": "swap",
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "swap",
            },
        )
        (difference,) = compare_metadata(context, metadata)
        assert difference[0] == "add_column"


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.engine("gateway").begin() as conn:
        conn.execute(
            tables.admission.insert().values(query_id="q1", source="lake", person_id="p", lease_until=text("now()"))
        )
    migrate.upgrade(database.engine("owner"))
    with database.engine("gateway").connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM swap.admission")) == 1


@pytest.mark.parametrize("account", sorted(roles.RIGHTS))
def test_every_account_has_exactly_its_rights(database: Database, account: str) -> None:
    granted: dict[str, set[str]] = {}
    with database.engine("owner").connect() as conn:
        for table, right in conn.execute(
            text(
                "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
                " WHERE grantee = :who AND table_schema = 'swap'"
            ),
            {"who": account},
        ):
            granted.setdefault(table, set()).add(right)
        columns = {
            (table, column, right)
            for table, column, right in conn.execute(
                text(
                    "SELECT c.relname, a.attname, p.privilege_type FROM pg_attribute a JOIN pg_class c ON c.oid ="
                    " a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(a.attacl) p WHERE n.nspname"
                    " = 'swap' AND p.grantee = to_regrole(:who)"
                ),
                {"who": account},
            )
        }
    whole = {table: re.sub(r"\w+ \([^)]*\)", "", rights) for table, rights in roles.RIGHTS[account].items()}
    expected = {table: set(re.findall(r"\w+", rights)) for table, rights in whole.items() if rights}
    assert granted == expected
    assert columns == {
        (table, column, right)
        for table, rights in roles.RIGHTS[account].items()
        for right, listed in re.findall(r"(\w+) \(([^)]*)\)", rights)
        for column in listed.split(", ")
    }


def test_a_right_given_by_hand_is_taken_back(database: Database) -> None:
    with database.engine("owner").begin() as conn:
        conn.execute(text("GRANT DELETE ON swap.audit_event TO swap_web"))
        conn.execute(text("GRANT SELECT (statement) ON swap.query_run TO swap_web"))
    migrate.upgrade(database.engine("owner"))
    with database.engine("web").connect() as conn:
        assert not conn.scalar(text("SELECT has_table_privilege('swap.audit_event', 'DELETE')"))
        assert not conn.scalar(text("SELECT has_column_privilege('swap.query_run', 'statement', 'SELECT')"))


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("web", "SELECT * FROM swap.query_run"),
        ("web", "SELECT * FROM swap.dataset"),
        ("gateway", "DELETE FROM swap.query_run"),
        ("web", "DELETE FROM swap.audit_event"),
        ("web", "UPDATE swap.audit_event SET event = 'x'"),
        ("web", "UPDATE swap.notebook_part SET content = ''"),
        ("web", "UPDATE swap.notebook_lineage SET lineage = ''"),
        ("gateway", "SELECT * FROM swap.notebook_suggestion"),
        ("gateway", "UPDATE swap.notebook_comment SET text = ''"),
        ("web", "INSERT INTO swap.person (id, directory_key, name) VALUES ('p', 'p', 'p')"),
        ("gateway", "INSERT INTO swap.sign_in (id, person_id, expires_at) VALUES ('s', 'p', now())"),
        ("gateway", "SELECT * FROM swap.portal_session"),
        ("gateway", "CREATE TABLE swap.mine (a int)"),
        ("gateway", "CREATE TABLE public.mine (a int)"),
        ("gateway", "CREATE SCHEMA mine"),
        ("hub", "SELECT * FROM swap.dataset"),
        ("hub", "CREATE TABLE swap.mine (a int)"),
    ],
)
def test_a_process_cannot_go_beyond_its_rights(database: Database, role: str, statement: str) -> None:
    with database.engine(role).connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
        conn.execute(text(statement))


def test_the_audit_can_be_appended_to_through_sqlalchemy(database: Database) -> None:
    for role in ("hub", "web", "gateway"):
        with database.engine(role).begin() as conn:
            key = conn.execute(
                tables.audit_event.insert().values(event="e", person_id="p", via="portal", detail={})
            ).inserted_primary_key
            assert key is not None
            assert key.id > 0


def test_the_hub_works_in_a_schema_of_its_own(database: Database) -> None:
    with database.engine("hub").begin() as conn:
        conn.execute(text("CREATE TABLE users (id int)"))
        assert conn.scalar(text("SELECT to_regclass('jupyterhub.users')")) is not None
    with database.engine("web").connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
        conn.execute(text("SELECT * FROM jupyterhub.users"))


def test_what_the_runs_that_are_kept_have_read_is_known_from_the_beginning(database: Database) -> None:
    known = importlib.import_module("swap.db.migrations.versions.0013_lineage").KNOWN
    column = ["lake", "wmf", "views", "city"]
    runs = [("q1", "k1", 3, [column]), ("q2", "k1", 1, [column]), ("q3", "k2", 2, [column]), ("q4", "k2", 9, [])]
    with database.engine("owner").begin() as conn:
        for query_id, kernel_id, days, reads in runs:
            conn.execute(
                tables.query_run.insert().values(
                    id=query_id,
                    person_id="p",
                    via="kernel",
                    kernel_id=kernel_id,
                    statement="",
                    state="done",
                    reads=reads,
                    created_at=NOW - timedelta(days=days),
                )
            )
        conn.execute(tables.query_run.insert().values(id="q5", person_id="p", via="kernel", statement="", state="done"))
        conn.execute(text(known))
        assert lineage.of_person(conn, "p", NOW + timedelta(days=89)) == lineage.of_kernels(conn, "p", ["k1"])
        both = lineage.of_kernels(conn, "p", ["k1", "k2"])
        assert both is not None
        assert lineage.union(lineage.columns(conn, both).values()) == {Resource(*column)}
        assert len(both) == 2
        assert lineage.of_kernels(conn, "p", [""]) is None
