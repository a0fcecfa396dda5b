"""Find a person's kept results without going through all they ever asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_query_run_kept",
        "query_run",
        ["person_id", "expires_at"],
        schema="swap",
        postgresql_where=sa.text("state = 'done'"),
        postgresql_include=["id", "size_bytes"],
    )


def downgrade() -> None:
    op.drop_index("ix_query_run_kept", "query_run", schema="swap")
