"""Give deleted notebooks back, and purge those that nobody asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEYS = (
    ("notebook", "fk_notebook_copied_from", "copied_from", "SET NULL"),
    ("notebook_version", "fk_notebook_version_notebook_id", "notebook_id", "CASCADE"),
    ("notebook_part", "fk_notebook_part_notebook_id", "notebook_id", "CASCADE"),
)
_INDEXES = (
    ("ix_notebook_copied_from", ["copied_from"]),
    ("ix_notebook_person_id_deleted_at", ["person_id", "deleted_at"]),
    ("ix_notebook_deleted_at", ["deleted_at"]),
)


def upgrade() -> None:
    for table, name, column, gone in _KEYS:
        _key(table, name, column, gone)
    for name, columns in _INDEXES:
        where = sa.text(f"{columns[-1]} IS NOT NULL")
        op.create_index(name, "notebook", columns, schema="swap", postgresql_where=where)


def downgrade() -> None:
    for name, _ in _INDEXES:
        op.drop_index(name, "notebook", schema="swap")
    for table, name, column, _ in _KEYS:
        _key(table, name, column, None)


def _key(table: str, name: str, column: str, gone: str | None) -> None:
    op.drop_constraint(name, table, schema="swap", type_="foreignkey")
    op.create_foreign_key(
        name, table, "notebook", [column], ["id"], source_schema="swap", referent_schema="swap", ondelete=gone
    )
