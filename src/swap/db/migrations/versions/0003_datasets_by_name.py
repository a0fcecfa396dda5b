"""Find datasets by name: keys without case, and what is long about them in a table of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")


def upgrade() -> None:
    # What sources have is harvested again when the gateway starts; nothing is lost with the old rows.
    op.drop_table("dataset", schema="swap")
    op.create_table(
        "dataset",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *(
            sa.Column(name, KEY, nullable=False)
            for name in ("source_key", "schema_key", "name_key", "in_schema", "across", "path")
        ),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("partition_columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("row_estimate", sa.BigInteger(), nullable=True),
        sa.Column("rows_exact", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("newest", sa.Text(), nullable=False),
        sa.Column("words", KEY, nullable=False),
        sa.PrimaryKeyConstraint("source", "schema", "name", name="pk_dataset"),
        schema="swap",
    )
    for columns in (("path",), ("in_schema", "schema"), ("across",), ("schema_key",), ("name_key",)):
        op.create_index(f"ix_dataset_{'_'.join(columns)}", "dataset", list(columns), schema="swap")
    op.create_table(
        "dataset_definition",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("source", "schema", "name", name="pk_dataset_definition"),
        sa.ForeignKeyConstraint(
            ["source", "schema", "name"],
            ["swap.dataset.source", "swap.dataset.schema", "swap.dataset.name"],
            name="fk_dataset_definition_source_schema_name",
            ondelete="CASCADE",
        ),
        schema="swap",
    )


def downgrade() -> None:
    op.drop_table("dataset_definition", schema="swap")
    op.drop_table("dataset", schema="swap")
    op.create_table(
        "dataset",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "schema", "name", name="pk_dataset"),
        schema="swap",
    )
