"""The tables of notebooks: versions, shares, comments, forks, cards.  As in `tables`, a change needs a migration."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from swap.db.schema import metadata, moment

notebook = Table(
    "notebook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    Column("path", Text, nullable=False),  # below the home, as it is now
    Column("head", Integer, nullable=False, server_default="0"),  # the newest version's number; 0 before the first
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),  # of its parts, packed
    # What it was forked from, or whose history a copy goes on from that its person made in their home.
    Column("copied_from", Text, ForeignKey("swap.notebook.id", ondelete="SET NULL"), nullable=True),
    Column("copied_version", Integer, nullable=True),
    Column("edited", Boolean, nullable=False, server_default="false"),  # whether somebody else has saved it
    moment("created_at", now=True),
    moment("placed_at", now=True),  # since when it lies in its folder
    moment("deleted_at", nullable=True),
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
    moment("at"),
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
    Column("sent_as", LargeBinary, nullable=True),  # its digest as somebody sent it who edits another's notebook
    Index(None, "person_id", "outputs"),
    Index("ix_notebook_lineage_sent_as", "sent_as", postgresql_where=text("sent_as IS NOT NULL")),
)

notebook_share = Table(
    "notebook_share",
    metadata,
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("whom", Text, primary_key=True),  # a person's id, a group's name, or nothing for everyone
    Column("role", Text, nullable=False),
    moment("expires_at", nullable=True),
    Column("shared_by", String(10), ForeignKey("swap.person.id"), nullable=False),
    moment("at"),
    CheckConstraint("kind in ('person','group','everyone')", name="kind"),
    CheckConstraint("role in ('view','comment','edit','manage','own')", name="role"),
    Index(None, "kind", "whom", "at"),
)

folder_share = Table(
    "folder_share",
    metadata,
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),  # whose folder it is
    Column("folder", Text, primary_key=True),  # below the home, without a slash at either end
    Column("kind", Text, primary_key=True),
    Column("whom", Text, primary_key=True),
    Column("role", Text, nullable=False),
    moment("expires_at", nullable=True),
    moment("at"),
    # No step is empty or begins with a dot: not the home as a whole, nothing hidden, no way up.
    CheckConstraint("folder <> '' and folder !~ '(^|/)([.][^/]*)?(/|$)'", name="folder"),
    CheckConstraint("kind in ('person','group','everyone')", name="kind"),
    CheckConstraint("role in ('view','comment','edit','manage')", name="role"),
    Index(None, "kind", "whom"),
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
    moment("at"),
    moment("changed_at", nullable=True),
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
    Column("run_id", Text, ForeignKey("swap.report_run.id", ondelete="CASCADE"), nullable=True),
    Column("reason", Text, nullable=False, server_default=""),  # what is told by mail once a day, if it is told again
    moment("at"),
    moment("read_at", nullable=True),
    Column("mail", Text, nullable=False, server_default="waiting"),  # the outbox: what is `sending` is not sent again
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("due_at", now=True),
    CheckConstraint(
        "kind in ('mention','reply','comment','share','offer','suggestion','accepted','declined',"
        "'report-failed','report-refused','report-held','report-late','report-recovered')",
        name="kind",
    ),
    CheckConstraint("mail in ('waiting','sending','sent','dropped')", name="mail"),
    UniqueConstraint("comment_id", "person_id"),
    UniqueConstraint("run_id", "kind", "person_id"),
    Index(None, "person_id", "id"),
    Index(None, "notebook_id"),
    Index("ix_notice_new", "person_id", postgresql_where=text("read_at IS NULL")),
    Index("ix_notice_due", "due_at", postgresql_where=text("mail = 'waiting'")),
    Index(None, "at"),
)

# ── Forks ───────────────────────────────────────────────────────────────────────────────────────────
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
    moment("at"),
    Column("state", Text, nullable=False),
    Column("decided_by", String(10), ForeignKey("swap.person.id"), nullable=True),
    moment("decided_at", nullable=True),
    CheckConstraint("state in ('waiting','accepted','declined')", name="state"),
    UniqueConstraint("fork_id", "cell"),
    Index("ix_notebook_suggestion_waiting", "notebook_id", "at", postgresql_where=text("state = 'waiting'")),
)

# ── Finding them ────────────────────────────────────────────────────────────────────────────────────
notebook_card = Table(
    "notebook_card",
    metadata,
    # What the gallery goes through, made of the others by `notebooks.cards`; who may open it is asked of the others.
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),
    moment("saved_at"),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),  # of its cells, in which hits are shown; never of outputs
    Column("open_to", ARRAY(Text), nullable=False),  # whom it may be open to: leaves rows out, lets nobody in
    Column("datasets", ARRAY(Text), nullable=False),  # that its outputs come from, by catalog.keys
    Column("failed", ARRAY(LargeBinary), nullable=False),  # outputs parts with an error
    Column("stars", Integer, nullable=False),
    Column("readers", Integer, nullable=False),
    Column("words", TSVECTOR, nullable=False),  # notebooks.words' encoding
    Index("ix_notebook_card_found", "open_to", "datasets", "words", postgresql_using="gin"),
    Index(None, "saved_at", "notebook_id"),
    Index(None, "stars", "readers", "saved_at", "notebook_id"),
    Index(None, "person_id", "saved_at"),
)

notebook_due = Table(
    "notebook_due",
    metadata,
    # Whose card is to be made anew.  Only added to and taken from: many rows may say the same.
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("notebook_id", Text, nullable=False),
    Index(None, "notebook_id"),
)

notebook_star = Table(
    "notebook_star",
    metadata,
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    moment("at"),
    Index(None, "person_id"),
)

notebook_reader = Table(
    "notebook_reader",
    metadata,
    # Who has opened it; its owner is none.
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    moment("at"),
)
