"""Bring a database to this version's schema and rights.  Safe to run again, and from two processes at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from swap.db import roles

SCRIPTS = Path(__file__).parent / "migrations"


def config(conn: Connection) -> Config:
    """Return Alembic's configuration for an open connection; there is no alembic.ini."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.attributes["connection"] = conn
    return settings


def upgrade(engine: Engine) -> None:
    """Apply what is missing, in one transaction, then put `roles.RIGHTS` in force."""
    with engine.begin() as conn:
        # Two starts at once: the second waits here and then finds nothing left to do.
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('swap.migrate'))"))
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS swap"))
        command.upgrade(config(conn), "head")
        roles.enforce(conn)
