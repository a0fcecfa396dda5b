"""Bring a database to this version's schema and rights.  Safe to run again, and from two processes at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from swap.db import engine as database
from swap.db import roles

SCRIPTS = Path(__file__).parent / "migrations"


def config(conn: Connection) -> Config:
    """Return Alembic's configuration for an open connection; there is no alembic.ini."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.attributes["connection"] = conn
    return settings


def version(engine: Engine) -> str:
    """Return the version of the schema that is there; empty when there is none."""
    with engine.connect() as conn:
        return MigrationContext.configure(conn, opts={"version_table_schema": "swap"}).get_current_revision() or ""


def newest() -> str:
    """Return the version this code brings."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head() or ""


def upgrade(engine: Engine) -> None:
    """Apply what is missing, in one transaction, then put `roles.RIGHTS` in force."""
    with engine.begin() as conn:
        # Two starts at once: the second waits here and then finds nothing left to do.
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('swap.migrate'))"))
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS swap"))
        command.upgrade(config(conn), "head")
        roles.enforce(conn)


def bring(url: str) -> tuple[str, str]:
    """Upgrade the database at an address; return the version that was there, empty for none, and the one that is."""
    owner = database.create(url)
    try:
        before = version(owner)
        upgrade(owner)
        return before, version(owner)
    finally:
        owner.dispose()
