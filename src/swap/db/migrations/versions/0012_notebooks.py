"""Keep the versions of notebooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notebook",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("head", sa.Integer(), server_default="0", nullable=False),
        sa.Column("copied_from", sa.Text(), nullable=True),
        sa.Column("copied_version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notebook"),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name="fk_notebook_person_id"),
        sa.ForeignKeyConstraint(["copied_from"], ["swap.notebook.id"], name="fk_notebook_copied_from"),
        schema="swap",
    )
    op.create_index(
        "ix_notebook_place",
        "notebook",
        ["person_id", "path"],
        unique=True,
        schema="swap",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "notebook_version",
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("restored", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("file_digest", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.String(10), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("environment", postgresql.JSONB(), nullable=False),
        sa.Column("save_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('saved','found','restored')", name="ck_notebook_version_kind"),
        sa.PrimaryKeyConstraint("notebook_id", "number", name="pk_notebook_version"),
        sa.UniqueConstraint("notebook_id", "save_id", name="uq_notebook_version_notebook_id_save_id"),
        sa.ForeignKeyConstraint(["notebook_id"], ["swap.notebook.id"], name="fk_notebook_version_notebook_id"),
        sa.ForeignKeyConstraint(["author"], ["swap.person.id"], name="fk_notebook_version_author"),
        schema="swap",
    )
    op.create_index("ix_notebook_version_digest", "notebook_version", ["digest"], schema="swap")
    op.create_table(
        "notebook_part",
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("lists", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", "digest", name="pk_notebook_part"),
        sa.ForeignKeyConstraint(["notebook_id"], ["swap.notebook.id"], name="fk_notebook_part_notebook_id"),
        schema="swap",
    )
    # What is packed already is not tried again.
    op.execute("ALTER TABLE swap.notebook_part ALTER COLUMN content SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("notebook_part", schema="swap")
    op.drop_table("notebook_version", schema="swap")
    op.drop_table("notebook", schema="swap")
