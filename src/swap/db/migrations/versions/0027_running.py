"""Let runs of reports be cancelled, limited and resumed, and keep what each took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_STATES = "state in ('data','late','waiting','running','done','failed','refused','left'{})"
_OF_RUNS = (
    ("resumes", sa.Text()),
    ("waits_for", postgresql.ARRAY(sa.Text())),
    ("memory_bytes", sa.BigInteger()),
    ("row_count", sa.BigInteger()),
    ("taken", sa.Integer()),
    ("log", sa.Text()),
)
_OF_QUERIES = (("run_id", sa.Text()), ("fingerprint", sa.LargeBinary()), ("taken_from", sa.Text()))


def upgrade() -> None:
    for name in ("run_seconds", "cell_seconds"):
        op.add_column("report", sa.Column(name, sa.Float(), nullable=True), schema="swap")
    for table, columns in (("report_run", _OF_RUNS), ("query_run", _OF_QUERIES)):
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True), schema="swap")
    _states(",'cancelled'")
    for table, name, column, where in (
        ("report_run", "ix_report_run_waits_for", "ended_at", "waits_for IS NOT NULL"),
        ("query_run", "ix_query_run_run", "run_id", "run_id IS NOT NULL"),
    ):
        op.create_index(name, table, [column], schema="swap", postgresql_where=sa.text(where))


def downgrade() -> None:
    op.execute("UPDATE swap.report_run SET state = 'left' WHERE state = 'cancelled'")
    _states("")
    op.drop_index("ix_query_run_run", "query_run", schema="swap")
    for table, columns in (("report_run", _OF_RUNS), ("query_run", _OF_QUERIES)):
        for name, _ in columns:
            op.drop_column(table, name, schema="swap")
    for name in ("run_seconds", "cell_seconds"):
        op.drop_column("report", name, schema="swap")


def _states(more: str) -> None:
    op.drop_constraint("ck_report_run_state", "report_run", schema="swap", type_="check")
    op.create_check_constraint("ck_report_run_state", "report_run", _STATES.format(more), schema="swap")
