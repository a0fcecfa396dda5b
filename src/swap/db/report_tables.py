"""The tables of reports: what is to run when, and each run.  As in `tables`, a change needs a migration."""

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
    # Tables that a run waits for, until they are complete or this time is over; reports.model's encoding.
    Column("waits", JSONB, nullable=False, server_default="[]"),
    Column("deadline_seconds", Integer, nullable=False, server_default="21600"),
    # Values for the notebook's parameters, by name; what is not here is as the notebook has it.
    Column("parameters", JSONB, nullable=False, server_default="{}"),
    CheckConstraint("missed in ('latest','all','none')", name="missed"),
    CheckConstraint("overlap in ('wait','skip')", name="overlap"),
    CheckConstraint("state in ('active','paused','ended')", name="state"),
    Index(None, "notebook_id"),
    Index("ix_report_person", "person_id", postgresql_where=text("state <> 'ended'")),
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
    Column("turn", Integer, nullable=False, server_default="0"),  # reports.model.Turn
    Column("batch", Text, nullable=True),  # the backfill it is of
    Column("parameters", JSONB, nullable=True),  # as it was asked for, or ran; nothing: as the report has them then
    moment("late_at", nullable=True),  # when it waits for data too long
    Column("stand", JSONB, nullable=True),  # how far the tables are that it waits for; reports.model's encoding
    CheckConstraint("state in ('data','late','waiting','running','done','failed','refused','left')", name="state"),
    # A due time is a key; what somebody asks for is due when they ask.
    Index("uq_report_run_due", "report_id", "due_at", unique=True, postgresql_where=text("asked_by IS NULL")),
    Index(None, "report_id", "due_at"),
    Index("ix_report_run_batch", "report_id", "batch", postgresql_where=text("batch IS NOT NULL")),
    Index("ix_report_run_data", "start_at", postgresql_where=text("state in ('data','late')")),
    Index("ix_report_run_turn", "turn", "start_at", "period_start", "id", postgresql_where=text("state = 'waiting'")),
    UniqueConstraint("report_id", "period_start", "period_end", "edition"),
    Index("ix_report_run_waiting", "start_at", postgresql_where=text("state = 'waiting'")),
    # Of a report one at a time.
    Index("uq_report_run_one", "report_id", unique=True, postgresql_where=text("state = 'running'")),
    Index("ix_report_run_running", "lease_until", postgresql_where=text("state = 'running'")),
)
