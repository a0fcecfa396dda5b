"""Keep what forks took from their originals, and what they suggest to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KINDS = "kind in ('saved','found','restored','forked','merged')"
_KINDS_BEFORE = "kind in ('saved','found','restored')"


def upgrade() -> None:
    _kinds(_KINDS)
    op.add_column("notebook_version", sa.Column("suggested_by", sa.String(10), nullable=True), schema="swap")
    op.create_foreign_key(
        "fk_notebook_version_suggested_by",
        "notebook_version",
        "person",
        ["suggested_by"],
        ["id"],
        source_schema="swap",
        referent_schema="swap",
    )
    op.create_table(
        "notebook_settled",
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("cell", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("notebook_id", "cell", name="pk_notebook_settled"),
        sa.ForeignKeyConstraint(
            ["notebook_id"], ["swap.notebook.id"], name="fk_notebook_settled_notebook_id", ondelete="CASCADE"
        ),
        schema="swap",
    )
    op.create_table(
        "notebook_suggestion",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("fork_id", sa.Text(), nullable=False),
        sa.Column("cell", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=True),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("suggested_by", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(10), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('waiting','accepted','declined')", name="ck_notebook_suggestion_state"),
        sa.PrimaryKeyConstraint("id", name="pk_notebook_suggestion"),
        sa.UniqueConstraint("fork_id", "cell", name="uq_notebook_suggestion_fork_id_cell"),
        sa.ForeignKeyConstraint(
            ["notebook_id"], ["swap.notebook.id"], name="fk_notebook_suggestion_notebook_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["fork_id"], ["swap.notebook.id"], name="fk_notebook_suggestion_fork_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["suggested_by"], ["swap.person.id"], name="fk_notebook_suggestion_suggested_by"),
        sa.ForeignKeyConstraint(["decided_by"], ["swap.person.id"], name="fk_notebook_suggestion_decided_by"),
        schema="swap",
    )
    op.create_index(
        "ix_notebook_suggestion_waiting",
        "notebook_suggestion",
        ["notebook_id", "at"],
        schema="swap",
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("notebook_suggestion", schema="swap")
    op.drop_table("notebook_settled", schema="swap")
    op.drop_constraint("fk_notebook_version_suggested_by", "notebook_version", schema="swap", type_="foreignkey")
    op.drop_column("notebook_version", "suggested_by", schema="swap")
    op.execute("UPDATE swap.notebook_version SET kind = 'saved' WHERE kind IN ('forked', 'merged')")
    _kinds(_KINDS_BEFORE)


def _kinds(condition: str) -> None:
    op.drop_constraint("ck_notebook_version_kind", "notebook_version", schema="swap", type_="check")
    op.create_check_constraint("ck_notebook_version_kind", "notebook_version", condition, schema="swap")
