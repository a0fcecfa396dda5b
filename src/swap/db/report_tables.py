"""The tables of reports: what is to run when, each run, and whom it is brought to.

As in `tables`, a change needs a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    # Tables that a run waits for, until they are complete or this time is over; reports.model's encoding.
    Column("waits", JSONB, nullable=False, server_default="[]"),
    Column("deadline_seconds", Integer, nullable=False, server_default="21600"),
    # Values for the notebook's parameters, by name; what is not here is as the notebook has it.
    Column("parameters", JSONB, nullable=False, server_default="{}"),
    Column("run_seconds", Float, nullable=True),  # what one run may take; null is what the site lets it
    Column("cell_seconds", Float, nullable=True),  # what one cell may take; null is as long as the run may
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
    Column("expected", JSONB, nullable=True),  # reports.expected's encoding of what the notebook expected
    # An edition that is not as its notebook expected, until somebody releases it: no reader has it.
    Column("is_held", Boolean, nullable=False, server_default="false"),
    Column("released_by", String(10), ForeignKey("swap.person.id"), nullable=True),
    moment("released_at", nullable=True),
    moment("files_at", nullable=True),  # when a worker is to write its data files; only of one that was held
    # All that its kernel read, of one that is done: who may not read that sees nothing of its result tables.
    Column("lineage", LargeBinary, ForeignKey("swap.lineage.digest"), nullable=True),
    Column("resumes", Text, nullable=True),  # the run whose queries' results it may take
    # The sources that did not answer when it failed; once all of them do, it is resumed.
    Column("waits_for", ARRAY(Text), nullable=True),
    Column("memory_bytes", BigInteger, nullable=True),  # what its kernel took at most
    Column("row_count", BigInteger, nullable=True),  # of its queries' results
    Column("taken", Integer, nullable=True),  # how many of these it took over from a run before
    Column("log", Text, nullable=True),  # the end of what its programs said; for its person alone
    CheckConstraint("edition is not null or not is_held", name="held"),
    CheckConstraint(
        "state in ('data','late','waiting','running','done','failed','refused','left','cancelled')", name="state"
    ),
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
    Index("ix_report_run_files", "files_at", postgresql_where=text("files_at IS NOT NULL")),
    Index("ix_report_run_waits_for", "ended_at", postgresql_where=text("waits_for IS NOT NULL")),
)

report_table = Table(
    "report_table",
    metadata,
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    # The one report of that person which writes it.
    Column("report_id", Text, ForeignKey("swap.report.id", ondelete="CASCADE"), nullable=False),
    Index(None, "report_id"),
)

report_output = Table(
    "report_output",
    metadata,
    Column("run_id", Text, ForeignKey("swap.report_run.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),  # of the claim that wrote it; it counts if the run is done in this one
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("schema", Text, nullable=False),  # Arrow's own schema message, as of a dataset
    Column("key", ARRAY(Text), nullable=False),
    moment("at"),
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

report_declined = Table(
    "report_declined",
    metadata,
    # Who does not want to be mailed a report, whoever names them or a group of theirs.
    Column("report_id", Text, ForeignKey("swap.report.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", String(10), ForeignKey("swap.person.id"), primary_key=True),
    moment("at"),
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
    Column("answer", Text, nullable=True),  # the last one, as SWAP says it: nothing that the host wrote
    moment("answered_at", nullable=True),
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
