"""Remember what changes with a person's password, so that a change is noticed whenever it was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("password_mark", sa.Text(), nullable=False, server_default=""), schema="swap")


def downgrade() -> None:
    op.drop_column("person", "password_mark", schema="swap")
