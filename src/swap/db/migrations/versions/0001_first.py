"""People, catalog, queries, audit: the first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "admission",
        sa.Column("ticket", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("query_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=10), nullable=False),
        sa.Column("running", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_admission")),
        sa.UniqueConstraint("query_id", "source", name=op.f("uq_admission_query_id_source")),
        schema="swap",
    )
    op.create_index(
        op.f("ix_admission_source_running"), "admission", ["source", "running"], unique=False, schema="swap"
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        schema="swap",
    )
    op.create_index(
        op.f("ix_audit_event_person_id_at"), "audit_event", ["person_id", "at"], unique=False, schema="swap"
    )
    op.create_table(
        "dataset",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "schema", "name", name=op.f("pk_dataset")),
        schema="swap",
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=10), nullable=False),
        sa.Column("directory_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("directory_key", name=op.f("uq_person_directory_key")),
        schema="swap",
    )
    op.create_table(
        "query_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=10), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("kernel_id", sa.Text(), server_default="", nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('waiting','running','done','failed','cancelled')", name=op.f("ck_query_run_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_run")),
        schema="swap",
    )
    op.create_index(
        op.f("ix_query_run_person_id_created_at"), "query_run", ["person_id", "created_at"], unique=False, schema="swap"
    )
    op.create_table(
        "source_state",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source_state")),
        schema="swap",
    )
    op.create_table(
        "jupyter_server",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=10), nullable=False),
        sa.Column("credential_digest", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name=op.f("fk_jupyter_server_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jupyter_server")),
        sa.UniqueConstraint("credential_digest", name=op.f("uq_jupyter_server_credential_digest")),
        schema="swap",
    )
    op.create_index(op.f("ix_jupyter_server_person_id"), "jupyter_server", ["person_id"], unique=False, schema="swap")
    op.create_table(
        "portal_session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(length=10), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name=op.f("fk_portal_session_person_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_portal_session")),
        schema="swap",
    )
    op.create_index(op.f("ix_portal_session_person_id"), "portal_session", ["person_id"], unique=False, schema="swap")
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["swap.person.id"], name=op.f("fk_sign_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        schema="swap",
    )
    op.create_index(op.f("ix_sign_in_person_id"), "sign_in", ["person_id"], unique=False, schema="swap")


def downgrade() -> None:
    op.drop_index(op.f("ix_sign_in_person_id"), table_name="sign_in", schema="swap")
    op.drop_table("sign_in", schema="swap")
    op.drop_index(op.f("ix_portal_session_person_id"), table_name="portal_session", schema="swap")
    op.drop_table("portal_session", schema="swap")
    op.drop_index(op.f("ix_jupyter_server_person_id"), table_name="jupyter_server", schema="swap")
    op.drop_table("jupyter_server", schema="swap")
    op.drop_table("source_state", schema="swap")
    op.drop_index(op.f("ix_query_run_person_id_created_at"), table_name="query_run", schema="swap")
    op.drop_table("query_run", schema="swap")
    op.drop_table("person", schema="swap")
    op.drop_table("dataset", schema="swap")
    op.drop_index(op.f("ix_audit_event_person_id_at"), table_name="audit_event", schema="swap")
    op.drop_table("audit_event", schema="swap")
    op.drop_index(op.f("ix_admission_source_running"), table_name="admission", schema="swap")
    op.drop_table("admission", schema="swap")
