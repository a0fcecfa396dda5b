"""Keep with each run which columns it read, so that its result can be closed with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of runs from before it is not known what they read: nothing here, and their results are not served any more.
    op.add_column(
        "query_run", sa.Column("reads", postgresql.JSONB(astext_type=sa.Text()), nullable=True), schema="swap"
    )
    op.drop_column("admission", "enqueued_at", schema="swap")


def downgrade() -> None:
    op.add_column(
        "admission",
        sa.Column("enqueued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        schema="swap",
    )
    op.drop_column("query_run", "reads", schema="swap")
