"""Keep a card of each notebook, by which it is found; stars, and who has opened it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _cards()
    op.create_table(
        "notebook_due",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notebook_due"),
        schema="swap",
    )
    op.create_index("ix_notebook_due_notebook_id", "notebook_due", ["notebook_id"], schema="swap")
    for name in ("notebook_star", "notebook_reader"):
        op.create_table(
            name,
            sa.Column("notebook_id", sa.Text(), nullable=False),
            sa.Column("person_id", sa.String(10), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.PrimaryKeyConstraint("notebook_id", "person_id", name=f"pk_{name}"),
            _refers(name, "notebook_id", "notebook", "CASCADE"),
            _refers(name, "person_id", "person"),
            schema="swap",
        )
    op.create_index("ix_notebook_star_person_id", "notebook_star", ["person_id"], schema="swap")
    op.execute("INSERT INTO swap.notebook_due (notebook_id) SELECT id FROM swap.notebook WHERE deleted_at IS NULL")


def _cards() -> None:
    name = "notebook_card"
    op.create_table(
        name,
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("open_to", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("datasets", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("failed", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", name=f"pk_{name}"),
        _refers(name, "notebook_id", "notebook", "CASCADE"),
        _refers(name, "person_id", "person"),
        schema="swap",
    )
    found = ["open_to", "datasets", "words"]
    op.create_index(f"ix_{name}_found", name, found, schema="swap", postgresql_using="gin")
    for columns in (
        ["saved_at", "notebook_id"],
        ["stars", "readers", "saved_at", "notebook_id"],
        ["person_id", "saved_at"],
    ):
        op.create_index(f"ix_{name}_{'_'.join(columns)}", name, columns, schema="swap")


def downgrade() -> None:
    for table in ("notebook_reader", "notebook_star", "notebook_due", "notebook_card"):
        op.drop_table(table, schema="swap")


def _refers(table: str, column: str, to: str, gone: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"swap.{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)
