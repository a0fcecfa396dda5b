"""Tell people of runs of reports, and bring editions to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_BEFORE = "kind in ('mention','reply','comment','share','offer','suggestion','accepted','declined')"
_OF_RUNS = "'report-failed','report-refused','report-held','report-late','report-recovered'"
_KINDS = f"{_BEFORE.removesuffix(')')},{_OF_RUNS})"


def upgrade() -> None:
    op.add_column("notice", sa.Column("run_id", sa.Text(), nullable=True), schema="swap")
    op.add_column("notice", sa.Column("reason", sa.Text(), server_default="", nullable=False), schema="swap")
    op.create_foreign_key(
        "fk_notice_run_id",
        "notice",
        "report_run",
        ["run_id"],
        ["id"],
        source_schema="swap",
        referent_schema="swap",
        ondelete="CASCADE",
    )
    op.create_unique_constraint(
        "uq_notice_run_id_kind_person_id", "notice", ["run_id", "kind", "person_id"], schema="swap"
    )
    _kinds(_KINDS)
    op.create_table(
        "report_recipient",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("report_id", "kind", "whom", name="pk_report_recipient"),
        _refers("report_recipient", "report_id", "report", "CASCADE"),
        sa.CheckConstraint("kind in ('person','group')", name="ck_report_recipient_kind"),
        schema="swap",
    )
    op.create_index("ix_report_recipient_kind_whom", "report_recipient", ["kind", "whom"], schema="swap")
    op.create_table(
        "report_webhook",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("report_id", name="pk_report_webhook"),
        _refers("report_webhook", "report_id", "report", "CASCADE"),
        schema="swap",
    )
    _outbox(
        "report_letter",
        sa.Column("person_id", sa.String(10), nullable=False),
        "state in ('waiting','sending','sent','dropped')",
        _refers("report_letter", "person_id", "person"),
    )
    _outbox(
        "report_call",
        sa.Column("event", sa.Text(), nullable=False),
        "state in ('waiting','sent','dropped')",
    )


def _outbox(table: str, second: sa.Column[object], states: str, *more: sa.ForeignKeyConstraint) -> None:
    op.create_table(
        table,
        sa.Column("run_id", sa.Text(), nullable=False),
        second,
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", second.name, name=f"pk_{table}"),
        _refers(table, "run_id", "report_run", "CASCADE"),
        *more,
        sa.CheckConstraint(states, name=f"ck_{table}_state"),
        schema="swap",
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(f"ix_{table}_due", table, ["due_at"], schema="swap", postgresql_where=waiting)
    op.create_index(f"ix_{table}_at", table, ["at"], schema="swap")


def downgrade() -> None:
    for table in ("report_call", "report_letter", "report_webhook", "report_recipient"):
        op.drop_table(table, schema="swap")
    op.execute(f"DELETE FROM swap.notice WHERE kind IN ({_OF_RUNS})")  # noqa: S608 — words of ours
    _kinds(_BEFORE)
    op.drop_constraint("uq_notice_run_id_kind_person_id", "notice", schema="swap", type_="unique")
    op.drop_constraint("fk_notice_run_id", "notice", schema="swap", type_="foreignkey")
    op.drop_column("notice", "reason", schema="swap")
    op.drop_column("notice", "run_id", schema="swap")


def _kinds(condition: str) -> None:
    op.drop_constraint("ck_notice_kind", "notice", schema="swap", type_="check")
    op.create_check_constraint("ck_notice_kind", "notice", condition, schema="swap")


def _refers(table: str, column: str, to: str, gone: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"swap.{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)
