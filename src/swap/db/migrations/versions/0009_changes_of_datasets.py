"""Remember what changes in the columns of tables, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dataset_change",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=True),
        sa.Column("now", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_dataset_change"),
        schema="swap",
    )
    for columns in (["source", "schema", "table", "at"], ["source", "at"]):
        op.create_index(f"ix_dataset_change_{'_'.join(columns)}", "dataset_change", columns, schema="swap")


def downgrade() -> None:
    op.drop_table("dataset_change", schema="swap")
