"""Keep by what a query's statements can be ended at their sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("handles", postgresql.JSONB(), nullable=False, server_default="[]")
    op.add_column("query_run", column, schema="swap")


def downgrade() -> None:
    op.drop_column("query_run", "handles", schema="swap")
