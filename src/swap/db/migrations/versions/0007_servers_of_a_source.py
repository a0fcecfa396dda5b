"""Keep how each server of a source does: one may be away, or behind, while the others are not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("servers", postgresql.JSONB(), nullable=False, server_default="[]")
    op.add_column("source_state", column, schema="swap")


def downgrade() -> None:
    op.drop_column("source_state", "servers", schema="swap")
