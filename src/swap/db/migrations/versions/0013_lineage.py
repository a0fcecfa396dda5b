"""Keep what kernels read, and what outputs come from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KNOWN = """
WITH run AS (
    SELECT person_id, kernel_id, reads, sha256(convert_to(reads::text, 'UTF8')) AS digest, max(created_at) AS last_at
    FROM swap.query_run WHERE jsonb_typeof(reads) = 'array' GROUP BY person_id, kernel_id, reads
), kept AS (
    INSERT INTO swap.lineage SELECT DISTINCT digest, reads FROM run
)
INSERT INTO swap.kernel_read SELECT person_id, kernel_id, digest, last_at FROM run
"""
"""What the runs that are kept tell: kernels go on, and outputs are judged by the last 90 days."""


def upgrade() -> None:
    op.create_table(
        "lineage",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_lineage"),
        schema="swap",
    )
    op.create_table(
        "kernel_read",
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("kernel_id", sa.Text(), nullable=False),
        sa.Column("lineage", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "kernel_id", "lineage", name="pk_kernel_read"),
        sa.ForeignKeyConstraint(["lineage"], ["swap.lineage.digest"], name="fk_kernel_read_lineage"),
        schema="swap",
    )
    op.create_index("ix_kernel_read_person_id_last_at", "kernel_read", ["person_id", "last_at"], schema="swap")
    op.create_table(
        "notebook_lineage",
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("outputs", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("lineage", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", "outputs", name="pk_notebook_lineage"),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name="fk_notebook_lineage_person_id"),
        sa.ForeignKeyConstraint(["lineage"], ["swap.lineage.digest"], name="fk_notebook_lineage_lineage"),
        schema="swap",
    )
    op.create_index(
        "ix_notebook_lineage_person_id_outputs", "notebook_lineage", ["person_id", "outputs"], schema="swap"
    )
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_table("notebook_lineage", schema="swap")
    op.drop_table("kernel_read", schema="swap")
    op.drop_table("lineage", schema="swap")
