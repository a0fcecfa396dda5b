"""Keep with whom folders of notebooks are shared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    placed = sa.Column("placed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
    op.add_column("notebook", placed, schema="swap")
    op.create_table(
        "folder_share",
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("folder <> '' and folder !~ '(^|/)([.][^/]*)?(/|$)'", name="ck_folder_share_folder"),
        sa.CheckConstraint("kind in ('person','group','everyone')", name="ck_folder_share_kind"),
        sa.CheckConstraint("role in ('view','comment','edit','manage')", name="ck_folder_share_role"),
        sa.PrimaryKeyConstraint("person_id", "folder", "kind", "whom", name="pk_folder_share"),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name="fk_folder_share_person_id"),
        schema="swap",
    )
    op.create_index("ix_folder_share_kind_whom", "folder_share", ["kind", "whom"], schema="swap")


def downgrade() -> None:
    op.drop_table("folder_share", schema="swap")
    op.drop_column("notebook", "placed_at", schema="swap")
