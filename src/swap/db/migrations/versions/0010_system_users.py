"""Give each person a system user of their own, for ever."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "system_user",
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("uid", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_system_user")),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name=op.f("fk_system_user_person_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_system_user_uid")),
        schema="swap",
    )


def downgrade() -> None:
    op.drop_table("system_user", schema="swap")
