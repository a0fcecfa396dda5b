"""The tables of SWAP, read top to bottom; those of notebooks and reports are in files of their own beside it.

JupyterHub keeps its own in the schema `jupyterhub`.  Moments are `timestamptz`; ids of people are
never re-used.  A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from swap.db.schema import metadata, moment

# ── People ──────────────────────────────────────────────────────────────────────────────────────────
person = Table(
    "person",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("directory_key", Text, nullable=False, unique=True),  # the authenticator's own immutable key
    Column("name", Text, nullable=False),
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    Column("epoch", Integer, nullable=False, server_default="0"),  # raised by sign-out and removal; older tokens die
    Column("password_mark", Text, nullable=False, server_default=""),  # the directory's; another with another password
    # Raised by all that ends access, but signing out: what was to go on without its person does not.
    Column("standing", Integer, nullable=False, server_default="0"),
    Column("mail_choice", Text, nullable=False, server_default="at-once"),  # or daily, or none
    moment("created_at", now=True),
    moment("removed_at", nullable=True),
)
# People are found by the beginning of their name.
Index(
    "ix_person_beginning",
    func.lower(person.c.name).label("beginning"),
    postgresql_ops={"beginning": "text_pattern_ops"},
    postgresql_where=text("removed_at IS NULL"),
)

person_group = Table(
    "person_group",
    metadata,
    # Every group that somebody was ever in, so that groups are found without going through everybody.
    Column("name", Text(collation="C"), primary_key=True),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("ended_at", nullable=True),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)

portal_session = Table(
    "portal_session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the cookie's value; the value itself is nowhere
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("csrf", Text, nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("ended_at", nullable=True),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)

system_user = Table(
    "system_user",
    metadata,
    # A row is for ever: a uid that was one person's is never another's, whoever was removed.
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    Column("uid", Integer, nullable=False, unique=True),
    moment("created_at", now=True),
)

jupyter_server = Table(
    "jupyter_server",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    # SHA-256 of what the server renews tokens with.
    Column("credential_digest", LargeBinary, nullable=False, unique=True),
    moment("started_at", now=True),
    moment("ended_at", nullable=True),
    Index(None, "person_id"),
    Index(None, "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)

# ── Catalog ─────────────────────────────────────────────────────────────────────────────────────────
source_state = Table(
    "source_state",
    metadata,
    Column("source", Text, primary_key=True),
    Column("up", Boolean, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    moment("since"),
    moment("checked_at"),
    moment("harvested_at", nullable=True),
    Column("servers", JSONB, nullable=False, server_default="[]"),  # catalog.store's encoding of each server's state
)

_KEY = Text(collation="C")  # compared by bytes: a prefix is a range of the index

dataset = Table(
    "dataset",
    metadata,
    Column("source", Text, primary_key=True),
    Column("schema", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    # Without case (catalog.keys): looked up, and held against the patterns of rules.  Early, so that they are near.
    Column("source_key", _KEY, nullable=False),
    Column("schema_key", _KEY, nullable=False),
    Column("name_key", _KEY, nullable=False),
    Column("in_schema", _KEY, nullable=False),  # source and schema in one
    Column("across", _KEY, nullable=False),  # source and name in one: the table in whatever schema
    Column("path", _KEY, nullable=False),  # all three in one
    Column("columns", ARRAY(Text), nullable=False),
    Column("partition_columns", ARRAY(Text), nullable=False),  # and the one of which `newest` is the largest value
    # Of all that is known of it: what did not change is not written again.
    Column("digest", LargeBinary, nullable=False),
    Column("comment", Text, nullable=False),
    Column("row_estimate", BigInteger, nullable=True),
    Column("rows_exact", Boolean, nullable=False),
    Column("size_bytes", BigInteger, nullable=True),
    Column("newest", Text, nullable=False),
    Column("words", _KEY, nullable=False),  # the shown name and the comment, without case
    Index(None, "path"),
    Index(None, "in_schema", "schema"),
    Index(None, "across"),
    Index(None, "schema_key"),
    Index(None, "name_key"),
)

dataset_definition = Table(
    "dataset_definition",
    metadata,
    Column("source", Text, primary_key=True),
    Column("schema", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),  # catalog.store's encoding of connectors.base.Dataset
    # Apart from `dataset`, whose rows are short so that many of them can be gone through.
    ForeignKeyConstraint(
        ["source", "schema", "name"],
        ["swap.dataset.source", "swap.dataset.schema", "swap.dataset.name"],
        ondelete="CASCADE",
    ),
)

dataset_change = Table(
    "dataset_change",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
    Column("schema", Text, nullable=False),
    Column("table", Text, nullable=False),
    moment("at"),
    Column("column", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("was", Text, nullable=True),  # a type, as catalog.history writes it
    Column("now", Text, nullable=True),
    Index(None, "source", "schema", "table", "at"),
    Index(None, "source", "at"),
)

# ── Queries ─────────────────────────────────────────────────────────────────────────────────────────
query_run = Table(
    "query_run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), nullable=False),
    Column("via", Text, nullable=False),
    Column("kernel_id", Text, nullable=False, server_default=""),
    Column("statement", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False, server_default="{}"),
    Column("reads", JSONB, nullable=True),  # query.rights' encoding of the columns; without it the result is closed
    Column("state", Text, nullable=False),
    # By what its statements can be ended at their sources, should everybody who reads them be killed.  Whoever knows a
    # Hive's can: no account reads this table but the gateway's.
    Column("handles", JSONB, nullable=False, server_default="[]"),
    Column("error", JSONB, nullable=True),
    Column("row_count", BigInteger, nullable=True),
    Column("size_bytes", BigInteger, nullable=True),
    moment("created_at", now=True),
    moment("ended_at", nullable=True),
    moment("expires_at", nullable=True),
    # Of a run of a report: its id, and what tells the same question from another, so that a run after it may take it.
    Column("run_id", Text, nullable=True),
    Column("fingerprint", LargeBinary, nullable=True),
    Column("taken_from", Text, nullable=True),  # the query whose result it took
    CheckConstraint("state in ('waiting','running','done','failed','cancelled')", name="state"),
    Index(None, "person_id", "created_at"),
    # A person's kept results with their sizes, newest first, however much they have asked in their life.
    Index(
        "ix_query_run_kept",
        "person_id",
        "expires_at",
        postgresql_where=text("state = 'done'"),
        postgresql_include=["id", "size_bytes"],
    ),
    # What has no end yet, which is looked through again and again.
    Index("ix_query_run_open", "created_at", postgresql_where=text("ended_at IS NULL")),
    Index("ix_query_run_run", "run_id", postgresql_where=text("run_id IS NOT NULL")),
    Index(None, "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)

# What runs are forgotten, and what they read is not: notebooks keep their outputs for years.
lineage = Table(
    "lineage",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # of the set, so that each is there once
    Column("columns", JSONB, nullable=False),  # query.rights' encoding, in order
)

kernel_read = Table(
    "kernel_read",
    metadata,
    Column("person_id", String(10), nullable=False, primary_key=True),
    Column("kernel_id", Text, nullable=False, primary_key=True),  # "" for a person's terminals and the portal
    Column("lineage", LargeBinary, ForeignKey("swap.lineage.digest"), nullable=False, primary_key=True),
    moment("last_at"),  # to the hour
    Index(None, "person_id", "last_at"),
)

admission = Table(
    "admission",
    metadata,
    Column("ticket", BigInteger, primary_key=True, autoincrement=True),
    Column("query_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("person_id", String(10), nullable=False),
    Column("running", Boolean, nullable=False, server_default="false"),
    moment("lease_until"),  # a gateway that dies stops renewing it; the place is then free
    UniqueConstraint("query_id", "source"),
    Index(None, "source", "running"),
)

# ── Audit ───────────────────────────────────────────────────────────────────────────────────────────
audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    moment("at", now=True),
    Column("event", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Index(None, "person_id", "at"),
    Index(None, "at"),
)
