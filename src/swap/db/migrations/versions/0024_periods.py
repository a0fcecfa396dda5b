"""Let runs be asked for by period, wait for their data, and have parameters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_STATES = "'waiting','running','done','failed','refused','left'"


def upgrade() -> None:
    of_report: tuple[sa.Column[Any], ...] = (
        sa.Column("waits", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("deadline_seconds", sa.Integer(), server_default="21600", nullable=False),
        sa.Column("parameters", postgresql.JSONB(), server_default="{}", nullable=False),
    )
    for column in of_report:
        op.add_column("report", column, schema="swap")
    _persons("state <> 'ended'")
    of_run: tuple[sa.Column[Any], ...] = (
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(), nullable=True),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stand", postgresql.JSONB(), nullable=True),
    )
    for column in of_run:
        op.add_column("report_run", column, schema="swap")
    _states(f"'data','late',{_STATES}")
    op.drop_constraint("uq_report_run_report_id_due_at", "report_run", schema="swap", type_="unique")
    due, key = ["report_id", "due_at"], "uq_report_run_due"
    op.create_index(key, "report_run", due, unique=True, schema="swap", postgresql_where=sa.text("asked_by IS NULL"))
    op.create_index("ix_report_run_report_id_due_at", "report_run", due, schema="swap")
    for name, columns, where in (
        ("batch", ["report_id", "batch"], "batch IS NOT NULL"),
        ("data", ["start_at"], "state in ('data','late')"),
        ("turn", ["turn", "start_at", "period_start", "id"], "state = 'waiting'"),
    ):
        op.create_index(f"ix_report_run_{name}", "report_run", columns, schema="swap", postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in ("turn", "data", "batch", "report_id_due_at"):
        op.drop_index(f"ix_report_run_{name}", "report_run", schema="swap")
    op.drop_index("uq_report_run_due", "report_run", schema="swap")
    # What was asked for together has one due time; what waits for data is not known there.
    op.execute("DELETE FROM swap.report_run WHERE batch IS NOT NULL OR state IN ('data', 'late')")
    op.create_unique_constraint("uq_report_run_report_id_due_at", "report_run", ["report_id", "due_at"], schema="swap")
    _states(_STATES)
    for column in ("stand", "late_at", "parameters", "batch", "turn"):
        op.drop_column("report_run", column, schema="swap")
    _persons("state = 'active'")
    for column in ("parameters", "deadline_seconds", "waits"):
        op.drop_column("report", column, schema="swap")


def _persons(where: str) -> None:
    # The directory is asked about who has one that may run.
    op.drop_index("ix_report_person", "report", schema="swap")
    op.create_index("ix_report_person", "report", ["person_id"], schema="swap", postgresql_where=sa.text(where))


def _states(states: str) -> None:
    op.drop_constraint("ck_report_run_state", "report_run", schema="swap", type_="check")
    op.create_check_constraint("ck_report_run_state", "report_run", f"state in ({states})", schema="swap")
