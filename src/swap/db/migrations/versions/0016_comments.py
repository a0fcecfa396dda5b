"""Keep comments on notebooks, what people are told of, and the mails about that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _comments()
    _notices()
    op.add_column(
        "person", sa.Column("mail_choice", sa.Text(), nullable=False, server_default="at-once"), schema="swap"
    )


def _comments() -> None:
    name = "notebook_comment"
    op.create_table(
        name,
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("cell_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False, server_default="0"),
        _moment("at", nullable=False),
        _moment("changed_at"),
        sa.Column("resolved_by", sa.String(10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _refers(name, "notebook_id", "notebook", "CASCADE"),
        _refers(name, "author", "person"),
        _refers(name, "resolved_by", "person"),
        schema="swap",
    )
    op.create_index(f"ix_{name}_thread_at", name, ["thread", "at"], schema="swap")
    op.create_index(f"ix_{name}_notebook_id_at", name, ["notebook_id", "at"], schema="swap")
    op.create_index(f"ix_{name}_author_at", name, ["author", "at"], schema="swap")


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("notebook_id", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Text(), nullable=True),
        sa.Column("author", sa.String(10), nullable=False),
        _moment("at", nullable=False),
        _moment("read_at"),
        sa.Column("mail", sa.Text(), nullable=False, server_default="waiting"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("kind in ('mention','reply','comment','share','offer')", name="ck_notice_kind"),
        sa.CheckConstraint("mail in ('waiting','sending','sent','dropped')", name="ck_notice_mail"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("comment_id", "person_id", name="uq_notice_comment_id_person_id"),
        _refers("notice", "person_id", "person"),
        _refers("notice", "notebook_id", "notebook", "CASCADE"),
        _refers("notice", "comment_id", "notebook_comment", "CASCADE"),
        _refers("notice", "author", "person"),
        schema="swap",
    )
    op.create_index("ix_notice_person_id_id", "notice", ["person_id", "id"], schema="swap")
    op.create_index("ix_notice_notebook_id", "notice", ["notebook_id"], schema="swap")
    new = sa.text("read_at IS NULL")
    op.create_index("ix_notice_new", "notice", ["person_id"], schema="swap", postgresql_where=new)
    due = sa.text("mail = 'waiting'")
    op.create_index("ix_notice_due", "notice", ["due_at"], schema="swap", postgresql_where=due)
    op.create_index("ix_notice_at", "notice", ["at"], schema="swap")


def downgrade() -> None:
    for table in ("notice", "notebook_comment"):
        op.drop_table(table, schema="swap")
    op.drop_column("person", "mail_choice", schema="swap")


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, to: str, gone: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"swap.{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)
