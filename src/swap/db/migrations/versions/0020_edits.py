"""Let others save versions of a notebook: their outputs have names of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notebook", sa.Column("edited", sa.Boolean(), server_default="false", nullable=False), schema="swap")
    op.add_column("notebook_lineage", sa.Column("sent_as", sa.LargeBinary(), nullable=True), schema="swap")
    op.create_index(
        "ix_notebook_lineage_sent_as",
        "notebook_lineage",
        ["sent_as"],
        schema="swap",
        postgresql_where=sa.text("sent_as IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_notebook_lineage_sent_as", table_name="notebook_lineage", schema="swap")
    op.drop_column("notebook_lineage", "sent_as", schema="swap")
    op.drop_column("notebook", "edited", schema="swap")
