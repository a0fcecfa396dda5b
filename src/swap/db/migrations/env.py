"""Alembic's entry: run inside the transaction of `swap.db.migrate`."""

from alembic import context

from swap.db import notebook_tables, report_tables, tables  # noqa: F401 — each adds its own to what all share
from swap.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema="swap",
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name == "swap",
    compare_server_default=True,
)
context.run_migrations()
