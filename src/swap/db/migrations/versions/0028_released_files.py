"""Let workers write the data files of editions that were held, once these are released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report_run", sa.Column("files_at", sa.DateTime(timezone=True), nullable=True), schema="swap")
    op.create_index(
        "ix_report_run_files",
        "report_run",
        ["files_at"],
        schema="swap",
        postgresql_where=sa.text("files_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_report_run_files", "report_run", schema="swap")
    op.drop_column("report_run", "files_at", schema="swap")
