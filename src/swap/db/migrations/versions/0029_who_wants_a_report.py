"""Keep what a webhook answered last, and who does not want to be mailed a report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report_webhook", sa.Column("answer", sa.Text(), nullable=True), schema="swap")
    op.add_column("report_webhook", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True), schema="swap")
    op.create_table(
        "report_declined",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["swap.report.id"], name="fk_report_declined_report_id_report", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name="fk_report_declined_person_id_person"),
        sa.PrimaryKeyConstraint("report_id", "person_id", name="pk_report_declined"),
        schema="swap",
    )


def downgrade() -> None:
    op.drop_table("report_declined", schema="swap")
    for name in ("answered_at", "answer"):
        op.drop_column("report_webhook", name, schema="swap")
