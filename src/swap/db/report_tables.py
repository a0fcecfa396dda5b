"""The tables of reports: what is to run when, and each run.  As in `tables`, a change needs a migration."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
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
    Column("run_seconds", Float, nullable=True),  # what one run may take; null is what the site lets it
    Column("cell_seconds", Float, nullable=True),  # what one cell may take; null is as long as the run may
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
    Column("resumes", Text, nullable=True),  # the run whose queries' results it may take
    # The sources that did not answer when it failed; once all of them do, it is resumed.
    Column("waits_for", ARRAY(Text), nullable=True),
    Column("memory_bytes", BigInteger, nullable=True),  # what its kernel took at most
    Column("row_count", BigInteger, nullable=True),  # of its queries' results
    Column("taken", Integer, nullable=True),  # how many of these it took over from a run before
    Column("log", Text, nullable=True),  # the end of what its programs said; for its person alone
    CheckConstraint("state in ('waiting','running','done','failed','refused','left','cancelled')", name="state"),
    UniqueConstraint("report_id", "due_at"),
    UniqueConstraint("report_id", "period_start", "period_end", "edition"),
    Index("ix_report_run_waiting", "start_at", postgresql_where=text("state = 'waiting'")),
    # Of a report one at a time.
    Index("uq_report_run_one", "report_id", unique=True, postgresql_where=text("state = 'running'")),
    Index("ix_report_run_running", "lease_until", postgresql_where=text("state = 'running'")),
    Index("ix_report_run_waits_for", "ended_at", postgresql_where=text("waits_for IS NOT NULL")),
)
