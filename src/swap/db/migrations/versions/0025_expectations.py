"""Keep what reports expect, which editions are held, and the tables that reports write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_OF_RUNS = ("expected", "is_held", "released_by", "released_at", "lineage")


def upgrade() -> None:
    held: sa.Column[bool] = sa.Column("is_held", sa.Boolean(), server_default="false", nullable=False)
    op.add_column("report_run", sa.Column("expected", postgresql.JSONB(), nullable=True), schema="swap")
    op.add_column("report_run", held, schema="swap")
    op.add_column("report_run", sa.Column("released_by", sa.String(10), nullable=True), schema="swap")
    op.add_column("report_run", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True), schema="swap")
    op.add_column("report_run", sa.Column("lineage", sa.LargeBinary(), nullable=True), schema="swap")
    for column, to, key in (("released_by", "person", "id"), ("lineage", "lineage", "digest")):
        name = f"fk_report_run_{column}"
        op.create_foreign_key(name, "report_run", to, [column], [key], source_schema="swap", referent_schema="swap")
    op.create_check_constraint(
        op.f("ck_report_run_held"), "report_run", "edition is not null or not is_held", schema="swap"
    )
    _tables()


def _tables() -> None:
    op.create_table(
        "report_table",
        sa.Column("person_id", sa.String(10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "name", name="pk_report_table"),
        _refers("report_table", "person_id", "person"),
        _refers("report_table", "report_id", "report", "CASCADE"),
        schema="swap",
    )
    op.create_index("ix_report_table_report_id", "report_table", ["report_id"], schema="swap")
    op.create_table(
        "report_output",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("key", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_report_output"),
        _refers("report_output", "run_id", "report_run", "CASCADE"),
        schema="swap",
    )


def downgrade() -> None:
    op.drop_table("report_output", schema="swap")
    op.drop_table("report_table", schema="swap")
    op.drop_constraint(op.f("ck_report_run_held"), "report_run", schema="swap", type_="check")
    for column in _OF_RUNS:
        op.drop_column("report_run", column, schema="swap")


def _refers(table: str, column: str, to: str, gone: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"swap.{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)
