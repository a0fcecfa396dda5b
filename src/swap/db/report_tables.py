"""The tables of reports: what is to run when, each run, and whom it is brought to.

As in `tables`, a change needs a migration.
"""

from __future__ import annotations

from sqlalchemy import (
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from swap.db.schema import metadata, moment

report = Table(
    "report",
    metadata,
    Column("id", Text, primary_key=True),
    Column("notebook_id", Text, ForeignKey("swap.notebook.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),  # what runs, whatever the notebook becomes
    Column("person_id", String(10), ForeignKey("swap.person.id"), nullable=False),  # whom it runs as
    Column("schedule", Text, nullable=False),  # reports.schedule's encoding
    Column("zone", Text, nullable=False),
    Column("missed", Text, nullable=False),
    Column("overlap", Text, nullable=False),
    Column("state", Text, nullable=False),
    # What its person was when they scheduled it, or accepted the version: with less nothing runs.
    Column("groups", ARRAY(Text), nullable=False),
    Column("standing", Integer, nullable=False),
    moment("created_at"),
    moment("next_due_at"),
    CheckConstraint("missed in ('latest','all','none')", name="missed"),
    CheckConstraint("overlap in ('wait','skip')", name="overlap"),
    CheckConstraint("state in ('active','paused','ended')", name="state"),
    Index(None, "notebook_id"),
    Index("ix_report_person", "person_id", postgresql_where=text("state = 'active'")),
    Index("ix_report_due", "next_due_at", postgresql_where=text("state = 'active'")),
)

report_run = Table(
    "report_run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("report_id", Text, ForeignKey("swap.report.id", ondelete="CASCADE"), nullable=False),
    moment("due_at"),
    Column("asked_by", String(10), ForeignKey("swap.person.id"), nullable=True),  # nobody: it was due
    moment("period_start"),
    moment("period_end"),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # Each claim has the next epoch; whoever holds an older one cannot end the run.
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    moment("start_at"),  # not before then
    moment("lease_until", nullable=True),  # a worker that dies stops renewing it; the run is then claimed anew
    moment("started_at", nullable=True),
    moment("ended_at", nullable=True),
    Column("edition", Integer, nullable=True),  # of its period, from 1; only of one that is done
    Column("digest", LargeBinary, nullable=True),  # of the executed notebook's manifest, a part of the notebook
    Column("said", JSONB, nullable=True),  # reports.model's encoding of why it ended as it did
    CheckConstraint("state in ('waiting','running','done','failed','refused','left')", name="state"),
    UniqueConstraint("report_id", "due_at"),
    UniqueConstraint("report_id", "period_start", "period_end", "edition"),
    Index("ix_report_run_waiting", "start_at", postgresql_where=text("state = 'waiting'")),
    # Of a report one at a time.
    Index("uq_report_run_one", "report_id", unique=True, postgresql_where=text("state = 'running'")),
    Index("ix_report_run_running", "lease_until", postgresql_where=text("state = 'running'")),
)

# ── Delivery ────────────────────────────────────────────────────────────────────────────────────────
report_recipient = Table(
    "report_recipient",
    metadata,
    Column("report_id", Text, ForeignKey("swap.report.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("whom", Text, primary_key=True),  # a person's id, or a group's name
    moment("at"),
    CheckConstraint("kind in ('person','group')", name="kind"),
    Index(None, "kind", "whom"),
)

report_letter = Table(
    "report_letter",
    metadata,
    # The outbox of editions; what is `sending` is not sent again.
    Column("run_id", Text, ForeignKey("swap.report_run.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    moment("at"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("due_at"),
    CheckConstraint("state in ('waiting','sending','sent','dropped')", name="state"),
    Index("ix_report_letter_due", "due_at", postgresql_where=text("state = 'waiting'")),
    Index(None, "at"),
)

report_webhook = Table(
    "report_webhook",
    metadata,
    Column("report_id", Text, ForeignKey("swap.report.id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text, nullable=False),
)

report_call = Table(
    "report_call",
    metadata,
    # A webhook is told of each state of a run once it has answered; until then again and again, for a while.
    Column("run_id", Text, ForeignKey("swap.report_run.id", ondelete="CASCADE"), primary_key=True),
    Column("event", Text, primary_key=True),
    moment("at"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("due_at"),
    CheckConstraint("state in ('waiting','sent','dropped')", name="state"),
    Index("ix_report_call_due", "due_at", postgresql_where=text("state = 'waiting'")),
    Index(None, "at"),
)
