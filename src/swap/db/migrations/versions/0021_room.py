"""Count how much of the database each notebook's versions take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notebook", sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0"), schema="swap"
    )
    op.execute(
        "UPDATE swap.notebook SET size_bytes = taken.size_bytes FROM ("
        " SELECT notebook_id, sum(octet_length(content)) AS size_bytes FROM swap.notebook_part GROUP BY notebook_id"
        ") AS taken WHERE taken.notebook_id = notebook.id"
    )


def downgrade() -> None:
    op.drop_column("notebook", "size_bytes", schema="swap")
