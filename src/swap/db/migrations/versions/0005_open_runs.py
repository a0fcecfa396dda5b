"""Find the runs that have no end without going through all that were ever asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_query_run_open",
        "query_run",
        ["created_at"],
        schema="swap",
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_query_run_open", "query_run", schema="swap")
