"""Keep with whom notebooks are shared; find people and groups by the beginning of their names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notebook_share",
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shared_by", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('person','group','everyone')", name="ck_notebook_share_kind"),
        sa.CheckConstraint("role in ('view','comment','edit','manage','own')", name="ck_notebook_share_role"),
        sa.PrimaryKeyConstraint("notebook_id", "kind", "whom", name="pk_notebook_share"),
        sa.ForeignKeyConstraint(
            ["notebook_id"], ["swap.notebook.id"], name="fk_notebook_share_notebook_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["shared_by"], ["swap.person.id"], name="fk_notebook_share_shared_by"),
        schema="swap",
    )
    op.create_index("ix_notebook_share_kind_whom_at", "notebook_share", ["kind", "whom", "at"], schema="swap")
    op.create_table(
        "person_group",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_person_group"),
        schema="swap",
    )
    op.execute("INSERT INTO swap.person_group SELECT DISTINCT unnest(groups) FROM swap.person")
    op.create_index(
        "ix_person_beginning",
        "person",
        [sa.text("lower(name) text_pattern_ops")],
        schema="swap",
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_person_beginning", "person", schema="swap")
    op.drop_table("person_group", schema="swap")
    op.drop_table("notebook_share", schema="swap")
