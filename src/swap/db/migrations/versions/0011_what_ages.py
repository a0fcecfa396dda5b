"""Find what is over for long without going through all that was ever recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_query_run_ended_at", "query_run", "ended_at", "ended_at IS NOT NULL"),
    ("ix_sign_in_expires_at", "sign_in", "expires_at", None),
    ("ix_portal_session_expires_at", "portal_session", "expires_at", None),
    ("ix_jupyter_server_ended_at", "jupyter_server", "ended_at", "ended_at IS NOT NULL"),
    ("ix_audit_event_at", "audit_event", "at", None),
)


def upgrade() -> None:
    for name, table, column, only in INDEXES:
        op.create_index(name, table, [column], schema="swap", postgresql_where=None if only is None else sa.text(only))


def downgrade() -> None:
    for name, table, _column, _only in INDEXES:
        op.drop_index(name, table, schema="swap")
