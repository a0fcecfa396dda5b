"""Keep reports, and their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("standing", sa.Integer(), server_default="0", nullable=False), schema="swap")
    op.create_table(
        "report",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("standing", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
        _refers("report", "notebook_id", "notebook", "CASCADE"),
        _refers("report", "person_id", "person"),
        sa.CheckConstraint("missed in ('latest','all','none')", name="ck_report_missed"),
        sa.CheckConstraint("overlap in ('wait','skip')", name="ck_report_overlap"),
        sa.CheckConstraint("state in ('active','paused','ended')", name="ck_report_state"),
        schema="swap",
    )
    active = sa.text("state = 'active'")
    op.create_index("ix_report_notebook_id", "report", ["notebook_id"], schema="swap")
    op.create_index("ix_report_person", "report", ["person_id"], schema="swap", postgresql_where=active)
    op.create_index("ix_report_due", "report", ["next_due_at"], schema="swap", postgresql_where=active)
    _runs()


def _runs() -> None:
    op.create_table(
        "report_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(10), nullable=True),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edition", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("said", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_report_run"),
        _refers("report_run", "report_id", "report", "CASCADE"),
        _refers("report_run", "asked_by", "person"),
        sa.CheckConstraint(
            "state in ('waiting','running','done','failed','refused','left')", name="ck_report_run_state"
        ),
        sa.UniqueConstraint("report_id", "due_at", name="uq_report_run_report_id_due_at"),
        sa.UniqueConstraint(
            "report_id",
            "period_start",
            "period_end",
            "edition",
            name="uq_report_run_report_id_period_start_period_end_edition",
        ),
        schema="swap",
    )
    for state, column in (("waiting", "start_at"), ("running", "lease_until")):
        where = sa.text(f"state = '{state}'")
        op.create_index(f"ix_report_run_{state}", "report_run", [column], schema="swap", postgresql_where=where)
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_report_run_one", "report_run", ["report_id"], unique=True, schema="swap", postgresql_where=running
    )


def downgrade() -> None:
    op.drop_table("report_run", schema="swap")
    op.drop_table("report", schema="swap")
    op.drop_column("person", "standing", schema="swap")


def _refers(table: str, column: str, to: str, gone: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"swap.{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)
