"""All tables of SWAP, read top to bottom.  JupyterHub keeps its own in the schema `jupyterhub`.

Moments are `timestamptz`; ids of people are never re-used.  A change here needs a migration; a test
compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    schema="swap",
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def _moment(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """Return a UTC moment column; `now` makes the database fill it in."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)


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
    Column("mail_choice", Text, nullable=False, server_default="at-once"),  # or daily, or none
    _moment("created_at", now=True),
    _moment("removed_at", nullable=True),
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
    _moment("created_at", now=True),
    _moment("expires_at"),
    _moment("ended_at", nullable=True),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)

portal_session = Table(
    "portal_session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the cookie's value; the value itself is nowhere
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("csrf", Text, nullable=False),
    _moment("created_at", now=True),
    _moment("expires_at"),
    _moment("ended_at", nullable=True),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)

system_user = Table(
    "system_user",
    metadata,
    # A row is for ever: a uid that was one person's is never another's, whoever was removed.
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    Column("uid", Integer, nullable=False, unique=True),
    _moment("created_at", now=True),
)

jupyter_server = Table(
    "jupyter_server",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    # SHA-256 of what the server renews tokens with.
    Column("credential_digest", LargeBinary, nullable=False, unique=True),
    _moment("started_at", now=True),
    _moment("ended_at", nullable=True),
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
    _moment("since"),
    _moment("checked_at"),
    _moment("harvested_at", nullable=True),
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
    _moment("at"),
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
    _moment("created_at", now=True),
    _moment("ended_at", nullable=True),
    _moment("expires_at", nullable=True),
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
    _moment("last_at"),  # to the hour
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
    _moment("lease_until"),  # a gateway that dies stops renewing it; the place is then free
    UniqueConstraint("query_id", "source"),
    Index(None, "source", "running"),
)

# ── Notebooks ───────────────────────────────────────────────────────────────────────────────────────
notebook = Table(
    "notebook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("path", Text, nullable=False),  # below the home, as it is now
    Column("head", Integer, nullable=False, server_default="0"),  # the newest version's number; 0 before the first
    # What it was forked from, or whose history a copy goes on from that its person made in their home.
    Column("copied_from", Text, ForeignKey("swap.notebook.id", ondelete="SET NULL"), nullable=True),
    Column("copied_version", Integer, nullable=True),
    _moment("created_at", now=True),
    _moment("deleted_at", nullable=True),
    Index("ix_notebook_place", "person_id", "path", unique=True, postgresql_where=text("deleted_at IS NULL")),
    Index(None, "copied_from", postgresql_where=text("copied_from IS NOT NULL")),
    Index(None, "person_id", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

notebook_version = Table(
    "notebook_version",
    metadata,
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("parent", Integer, nullable=True),  # the version it was made from
    Column("restored", Integer, nullable=True),  # the version whose content it has again
    Column("digest", LargeBinary, nullable=False),  # of its manifest, which is a part
    Column("file_digest", LargeBinary, nullable=False),  # of the file in the home that it was saved as
    Column("author", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("suggested_by", String(10), ForeignKey("swap.person.id"), nullable=True),  # whose cells it took in
    Column("via", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("environment", JSONB, nullable=False),  # the kernel, as the person's server says it
    Column("save_id", Text, nullable=False),  # of the save: the same one, sent again, is the same version
    _moment("at"),
    CheckConstraint("kind in ('saved','found','restored','forked','merged')", name="kind"),
    UniqueConstraint("notebook_id", "save_id"),
    Index(None, "digest"),
)

notebook_part = Table(
    "notebook_part",
    metadata,
    # Of one notebook: to name a part that another notebook has shows nothing of it, and not that it is there.
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("lists", Integer, nullable=False),  # and objects in its JSON: what building it takes
    Column("content", LargeBinary, nullable=False),  # swap.content's encoding, packed
)

notebook_lineage = Table(
    "notebook_lineage",
    metadata,
    # Also of one that was purged: an output that was copied from it carries on what it comes from.
    Column("notebook_id", Text, primary_key=True),
    Column("outputs", LargeBinary, primary_key=True),  # the part's digest
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),  # who saved it there first
    Column("lineage", LargeBinary, ForeignKey("swap.lineage.digest"), nullable=False),
    Index(None, "person_id", "outputs"),
)

notebook_share = Table(
    "notebook_share",
    metadata,
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("whom", Text, primary_key=True),  # a person's id, a group's name, or nothing for everyone
    Column("role", Text, nullable=False),
    _moment("expires_at", nullable=True),
    Column("shared_by", String(10), ForeignKey("swap.person.id"), nullable=False),
    _moment("at"),
    CheckConstraint("kind in ('person','group','everyone')", name="kind"),
    CheckConstraint("role in ('view','comment','edit','manage','own')", name="role"),
    Index(None, "kind", "whom", "at"),
)

# ── Comments, and notices: these hold no text, which is looked up with the rights of then ───────────
notebook_comment = Table(
    "notebook_comment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), nullable=False),
    Column("thread", Text, nullable=False),  # the id of its first comment
    Column("cell_id", Text, nullable=False),  # "" for the notebook as a whole
    Column("version", Integer, nullable=False),  # that its author looked at
    Column("author", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("text", Text, nullable=False),  # nothing since `changed_at` when it was deleted
    Column("changes", Integer, nullable=False, server_default="0"),
    _moment("at"),
    _moment("changed_at", nullable=True),
    Column("resolved_by", String(10), ForeignKey("swap.person.id"), nullable=True),  # of a thread's first alone
    Index(None, "thread", "at"),
    Index(None, "notebook_id", "at"),
    Index(None, "author", "at"),
)

notice = Table(
    "notice",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), nullable=False),
    Column("comment_id", Text, ForeignKey("swap.notebook_comment.id", ondelete="CASCADE"), nullable=True),
    Column("author", String(10), ForeignKey("swap.person.id"), nullable=False),
    _moment("at"),
    _moment("read_at", nullable=True),
    Column("mail", Text, nullable=False, server_default="waiting"),  # the outbox: what is `sending` is not sent again
    Column("tries", Integer, nullable=False, server_default="0"),
    _moment("due_at", now=True),
    CheckConstraint("kind in ('mention','reply','comment','share','offer')", name="kind"),
    CheckConstraint("mail in ('waiting','sending','sent','dropped')", name="mail"),
    UniqueConstraint("comment_id", "person_id"),
    Index(None, "person_id", "id"),
    Index(None, "notebook_id"),
    Index("ix_notice_new", "person_id", postgresql_where=text("read_at IS NULL")),
    Index("ix_notice_due", "due_at", postgresql_where=text("mail = 'waiting'")),
    Index(None, "at"),
)

notebook_settled = Table(
    "notebook_settled",
    metadata,
    # A fork, a cell of its original by `merging.keyed`, and its source when that was last taken or left; none: removed.
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("cell", LargeBinary, primary_key=True),
    Column("source", LargeBinary, nullable=True),
)

notebook_suggestion = Table(
    "notebook_suggestion",
    metadata,
    Column("id", Text, primary_key=True),
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), nullable=False),
    Column("fork_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), nullable=False),
    Column("cell", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),  # of the fork
    Column("base", LargeBinary, nullable=True),  # the source from which the cell was changed; none: it is new
    Column("source", LargeBinary, nullable=False),  # a part of the fork
    Column("suggested_by", String(10), ForeignKey("swap.person.id"), nullable=False),
    _moment("at"),
    Column("state", Text, nullable=False),
    Column("decided_by", String(10), ForeignKey("swap.person.id"), nullable=True),
    _moment("decided_at", nullable=True),
    CheckConstraint("state in ('waiting','accepted','declined')", name="state"),
    UniqueConstraint("fork_id", "cell"),
    Index("ix_notebook_suggestion_waiting", "notebook_id", "at", postgresql_where=text("state = 'waiting'")),
)

# ── Audit ───────────────────────────────────────────────────────────────────────────────────────────
audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _moment("at", now=True),
    Column("event", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Index(None, "person_id", "at"),
    Index(None, "at"),
)
