"""The SQL of result tables: whose each is, and what runs wrote of it.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.client.period import Interval
from swap.db.notebook_tables import notebook
from swap.db.report_tables import report, report_output, report_run, report_table
from swap.db.tables import person
from swap.reports.model import RunState
from swap.settings.sources import RESULT_TABLES

OF_PERIOD: Final = ("period_start", "period_end")
"""The columns that each row has beside its own."""
PERIODS: Final = 10_000
"""Of one table."""
_run, _output = report_run.c, report_output.c
_WRITTEN = report_output.join(report_run, (_run.id == _output.run_id) & (_run.epoch == _output.epoch))
"""What the claim wrote that holds the run, or has ended it."""
_DONE = _run.state == RunState.DONE.value
_TABLES = (
    select(report_table, report.c.notebook_id, person.c.name.label("owner"))
    .join(report, report.c.id == report_table.c.report_id)
    .join(person, person.c.id == report_table.c.person_id)
)


@dataclass(frozen=True, slots=True)
class Table:
    """A result table: whose it is, and which report writes it."""

    person_id: str
    owner: str
    name: str
    report_id: str
    notebook_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one run wrote of a table."""

    name: str
    """By which its rows are found."""
    period: Interval
    rows: int
    size_bytes: int
    schema: str
    key: tuple[str, ...]
    lineage: bytes
    """The digest of all that its kernel read."""


@dataclass(frozen=True, slots=True)
class Writing:
    """A run that writes: whose report it is of, and which period it is about."""

    person_id: str
    owner: str
    report_id: str
    period: Interval


def find(conn: Connection, owner: str, name: str) -> Table | None:
    """Return a table by its owner's name and its own; none where several people have that name and such a table."""
    here = (person.c.name == owner, person.c.removed_at.is_(None), report_table.c.name == name)
    rows = conn.execute(_TABLES.where(func.lower(person.c.name) == func.lower(owner), *here)).all()
    return _table(rows[0]) if len(rows) == 1 else None


def of_report(conn: Connection, report_id: str) -> list[Table]:
    """Return the tables that a report writes."""
    wanted = _TABLES.where(report_table.c.report_id == report_id).order_by(report_table.c.name)
    return [_table(row) for row in conn.execute(wanted)]


def opened(conn: Connection, opens: ColumnElement[bool], limit: int) -> list[Table]:
    """Return the first tables of notebooks for which a condition holds."""
    wanted = _TABLES.join(notebook, notebook.c.id == report.c.notebook_id).where(notebook.c.deleted_at.is_(None), opens)
    return [_table(row) for row in conn.execute(wanted.order_by(person.c.name, report_table.c.name).limit(limit))]


def named(conn: Connection, opens: ColumnElement[bool], words: Sequence[str], limit: int) -> list[Table]:
    """Return the first tables with all these words in their names, of notebooks for which a condition holds."""
    called = func.lower(func.concat(RESULT_TABLES, ".", person.c.name, ".", report_table.c.name))
    return opened(conn, and_(opens, *(called.contains(word.lower(), autoescape=True) for word in words)), limit)


def parts(conn: Connection, table: Table) -> list[Part]:
    """Return what counts of a table: of each period what the newest edition wrote that is not held, the last first."""
    newest = (
        select(report_output, _run.period_start, _run.period_end, _run.lineage)
        .select_from(_WRITTEN)
        .ext(distinct_on(_run.period_end, _run.period_start))
        .where(_run.report_id == table.report_id, _output.name == table.name, _DONE, ~_run.is_held)
        .order_by(_run.period_end.desc(), _run.period_start.desc(), _run.edition.desc())
        .limit(PERIODS)
    )
    return [_part(row) for row in conn.execute(newest)]


def edition(conn: Connection, table: Table, run_id: str) -> tuple[Part, bool] | None:
    """Return what a run that is done wrote of a table, and whether it is held."""
    wanted = (
        select(report_output, _run.period_start, _run.period_end, _run.lineage, _run.is_held)
        .select_from(_WRITTEN)
        .where(_run.id == run_id, _run.report_id == table.report_id, _output.name == table.name, _DONE)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else (_part(row), row.is_held)


def _part(row: Any) -> Part:
    return Part(
        part_name(row.run_id, row.epoch),
        Interval(row.period_start, row.period_end),
        row.rows,
        row.size_bytes,
        row.schema,
        tuple(row.key),
        row.lineage,
    )


def part_name(run_id: str, epoch: int) -> str:
    """Return by what the rows of one claim are found."""
    return f"{run_id}-{epoch}"


# ── What a run asks that writes one ─────────────────────────────────────────────────────────────────
def writing(conn: Connection, run_id: str) -> Writing | None:
    """Return whose report a run is of, and its period."""
    wanted = (
        select(report.c.person_id, person.c.name, report.c.id, _run.period_start, _run.period_end)
        .join(report, report.c.id == _run.report_id)
        .join(person, person.c.id == report.c.person_id)
        .where(_run.id == run_id)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else Writing(row.person_id, row.name, row.id, Interval(row.period_start, row.period_end))


def goes_on(conn: Connection, run_id: str, epoch: int) -> bool:
    """Tell whether a claim holds its run."""
    running = (_run.id == run_id, _run.epoch == epoch, _run.state == RunState.RUNNING.value)
    return bool(conn.scalar(select(exists().where(*running))))


def take(conn: Connection, person_id: str, name: str, report_id: str) -> bool:
    """Let a report write the table of this name; tell whether it may: another report's it is as long as that wrote it.

    What only a run has written that failed is nobody's, and so is what a report wrote that runs as somebody else now.
    """
    of = report_table.c
    here = (of.person_id == person_id, of.name == name)
    conn.execute(
        upsert(report_table).values(person_id=person_id, name=name, report_id=report_id).on_conflict_do_nothing()
    )
    holder = conn.scalar(select(of.report_id).where(*here).with_for_update())
    if holder == report_id:
        return True
    over = (RunState.FAILED.value, RunState.REFUSED.value, RunState.LEFT.value)
    wrote = _run.report_id == holder, _output.name == name, _run.state.not_in(over), report.c.person_id == person_id
    of_person = _WRITTEN.join(report, report.c.id == _run.report_id)
    if conn.scalar(select(exists(select(_output.run_id).select_from(of_person).where(*wrote)))):
        return False
    conn.execute(update(report_table).where(*here).values(report_id=report_id))
    return True


def schemas(conn: Connection, report_id: str, name: str) -> list[str]:
    """Return the columns that all editions of a table had, also those that are held, each once."""
    done = (_run.report_id == report_id, _output.name == name, _DONE)
    return list(conn.scalars(select(_output.schema).select_from(_WRITTEN).where(*done).distinct()))


def count_periods(conn: Connection, report_id: str, name: str) -> int:
    """Return of how many periods there is something in a table."""
    done = (_run.report_id == report_id, _output.name == name, _DONE)
    periods = select(_run.period_start, _run.period_end).select_from(_WRITTEN).where(*done).distinct().subquery()
    return conn.scalar(select(func.count()).select_from(periods)) or 0


def used_bytes(conn: Connection, person_id: str) -> int:
    """Return what the result tables of a person's reports take, all editions, also what is not deleted yet."""
    of_person = _WRITTEN.join(report, report.c.id == _run.report_id)
    wanted = select(func.coalesce(func.sum(_output.size_bytes), 0)).select_from(of_person)
    return int(conn.scalar(wanted.where(report.c.person_id == person_id)) or 0)


def put(
    conn: Connection,
    run_id: str,
    name: str,
    epoch: int,
    *,
    rows: int,
    size_bytes: int,
    schema: str,
    key: Sequence[str],
    now: datetime,
) -> None:
    """Keep what a claim of a run wrote; a later claim's takes its place, and never the other way round."""
    new = upsert(report_output).values(
        run_id=run_id, name=name, epoch=epoch, rows=rows, size_bytes=size_bytes, schema=schema, key=list(key), at=now
    )
    changed = {each: new.excluded[each] for each in ("epoch", "rows", "size_bytes", "schema", "key", "at")}
    conn.execute(
        new.on_conflict_do_update(
            index_elements=[_output.run_id, _output.name], set_=changed, where=new.excluded.epoch >= _output.epoch
        )
    )


def written_by(conn: Connection, run_id: str, epoch: int) -> set[str]:
    """Return the tables that a claim of a run has written."""
    wanted = select(_output.name).where(_output.run_id == run_id, _output.epoch == epoch)
    return set(conn.scalars(wanted))


def alive(conn: Connection, report_id: str, name: str) -> set[str]:
    """Return by what rows of a table are found that count, may count, or did: those of runs that have not failed."""
    gone = (RunState.FAILED.value, RunState.REFUSED.value, RunState.LEFT.value)
    wanted = (
        select(_output.run_id, _output.epoch)
        .select_from(_WRITTEN)
        .where(_run.report_id == report_id, _output.name == name, _run.state.not_in(gone))
    )
    return {part_name(row.run_id, row.epoch) for row in conn.execute(wanted)}


def emptied(conn: Connection, part: str, name: str) -> None:
    """Count no room any more for what a claim wrote, whose rows were deleted."""
    run_id, _, epoch = part.rpartition("-")
    here = (_output.run_id == run_id, _output.name == name, _output.epoch == int(epoch))
    conn.execute(update(report_output).where(*here).values(size_bytes=0))


def _table(row: Any) -> Table:
    return Table(row.person_id, row.owner, row.name, row.report_id, row.notebook_id)
