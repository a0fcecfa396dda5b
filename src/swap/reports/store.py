"""The SQL of reports and their runs, as people and workers ask for them.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, any_, case, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.client.period import Interval
from swap.db.notebook_tables import notebook
from swap.db.report_tables import report, report_run
from swap.db.tables import jupyter_server, person, query_run, source_state
from swap.errors import Problem
from swap.reports.model import Asked, Held, Missed, Overlap, Report, Run, RunState, State, kept, said
from swap.reports.schedule import Schedule

CHANNEL: Final = "swap_reports"
"""On which workers hear that something may be due."""
STARTING: Final = timedelta(seconds=10)
"""How long after its start a person's server counts as one that they wait for."""
RESUMED_FOR: Final = timedelta(hours=24)
"""How long a run that failed for a source is resumed when that is back."""
WAITS_AT_MOST: Final = timedelta(minutes=10)
"""After which a run does not wait any more for people whose servers start."""
_run = report_run.c
_COLUMNS: Final = tuple(column for column in report_run.c if column.name != "log")
"""Of a run, but for what is its person's alone."""
_other = report_run.alias()
_GOES_ON = exists().where(
    _other.c.report_id == _run.report_id, _other.c.id != _run.id, _other.c.state == RunState.RUNNING.value
)
_HELD = (
    select(
        report,
        notebook.c.person_id.label("owner_id"),
        notebook.c.head,
        notebook.c.deleted_at,
        person.c.groups.label("groups_now"),
        person.c.standing.label("standing_now"),
        person.c.removed_at,
    )
    .join(notebook, notebook.c.id == report.c.notebook_id)
    .join(person, person.c.id == report.c.person_id)
)


def tell_workers(conn: Connection) -> None:
    """Let workers look, when this transaction commits."""
    conn.execute(text(f"NOTIFY {CHANNEL}"))


def add(conn: Connection, new: Report, now: datetime) -> None:
    """Keep a report."""
    conn.execute(
        insert(report).values(
            id=new.id,
            notebook_id=new.notebook_id,
            version=new.version,
            person_id=new.person_id,
            schedule=str(new.schedule),
            zone=new.schedule.zone.key,
            missed=new.missed.value,
            overlap=new.overlap.value,
            state=new.state.value,
            groups=sorted(new.groups),
            standing=new.standing,
            created_at=now,
            next_due_at=new.next_due_at,
            run_seconds=new.run_seconds,
            cell_seconds=new.cell_seconds,
        )
    )
    tell_workers(conn)


def change(conn: Connection, report_id: str, **values: Any) -> None:
    """Change a report."""
    conn.execute(update(report).where(report.c.id == report_id).values(**values))
    tell_workers(conn)


def find(conn: Connection, report_id: str, *, hold: bool = False) -> Held | None:
    """Return a report; with `hold` nobody else changes it before the transaction ends."""
    wanted = _HELD.where(report.c.id == report_id)
    row = conn.execute(wanted.with_for_update(of=report) if hold else wanted).one_or_none()
    return None if row is None else _held(row)


def standing(conn: Connection, person_id: str) -> tuple[frozenset[str], int]:
    """Return a person's groups and standing."""
    found = conn.execute(select(person.c.groups, person.c.standing).where(person.c.id == person_id)).one()
    return frozenset(found.groups), found.standing


def of_notebook(conn: Connection, notebook_id: str) -> list[Report]:
    """Return the reports of a notebook that have not ended."""
    wanted = select(report).where(report.c.notebook_id == notebook_id, report.c.state != State.ENDED.value)
    return [_report(row) for row in conn.execute(wanted.order_by(report.c.created_at))]


def listed(conn: Connection, opens: ColumnElement[bool], limit: int) -> list[Report]:
    """Return reports that have not ended, of notebooks for which a condition holds; the next due first."""
    wanted = (
        select(report)
        .join(notebook, notebook.c.id == report.c.notebook_id)
        .where(report.c.state != State.ENDED.value, notebook.c.deleted_at.is_(None), opens)
        .order_by(report.c.next_due_at, report.c.id)
        .limit(limit)
    )
    return [_report(row) for row in conn.execute(wanted)]


# ── Runs ────────────────────────────────────────────────────────────────────────────────────────────
def add_run(conn: Connection, new: Run) -> bool:
    """Keep a run, unless there is one of its report and due time; tell whether it is new."""
    values = {
        "id": new.id,
        "report_id": new.report_id,
        "due_at": new.due_at,
        "asked_by": new.asked_by,
        "period_start": new.period.start,
        "period_end": new.period.end,
        "version": new.version,
        "state": new.state.value,
        "start_at": new.start_at,
        "ended_at": new.ended_at,
        "resumes": new.resumes,
        "said": None if new.said is None else kept(new.said),
    }
    once = upsert(report_run).values(**values).on_conflict_do_nothing(index_elements=[_run.report_id, _run.due_at])
    return conn.execute(once).rowcount == 1


def run(conn: Connection, run_id: str) -> Run | None:
    """Return a run."""
    row = conn.execute(select(*_COLUMNS).where(_run.id == run_id)).one_or_none()
    return None if row is None else _as_run(row)


def log(conn: Connection, run_id: str) -> str:
    """Return the end of what a run's programs said."""
    return conn.scalar(select(_run.log).where(_run.id == run_id)) or ""


def runs(conn: Connection, report_id: str, begins: int, limit: int) -> list[Run]:
    """Return a report's runs, the last due first."""
    wanted = select(*_COLUMNS).where(_run.report_id == report_id).order_by(_run.due_at.desc())
    return [_as_run(row) for row in conn.execute(wanted.offset(begins).limit(limit))]


def runs_since(conn: Connection, report_id: str, since: datetime, limit: int) -> list[Run]:
    """Return a report's runs due since a moment, the last first."""
    wanted = select(*_COLUMNS).where(_run.report_id == report_id, _run.due_at >= since)
    return [_as_run(row) for row in conn.execute(wanted.order_by(_run.due_at.desc()).limit(limit))]


def last_done(conn: Connection, report_id: str, limit: int) -> list[Run]:
    """Return a report's last runs that went well, the last first."""
    wanted = select(*_COLUMNS).where(_run.report_id == report_id, _run.state == RunState.DONE.value)
    return [_as_run(row) for row in conn.execute(wanted.order_by(_run.due_at.desc()).limit(limit))]


def last_runs(conn: Connection, reports: Iterable[str], limit: int) -> dict[str, list[Run]]:
    """Return the last runs of each of some reports that are over, the last first."""
    at = func.row_number().over(partition_by=_run.report_id, order_by=_run.due_at.desc()).label("at")
    over = ("done", "failed", "refused", "left", "cancelled")
    numbered = select(*_COLUMNS, at).where(_run.report_id.in_(list(reports)), _run.state.in_(over)).subquery()
    found: dict[str, list[Run]] = {}
    for row in conn.execute(select(numbered).where(numbered.c.at <= limit).order_by(numbered.c.due_at.desc())):
        found.setdefault(row.report_id, []).append(_as_run(row))
    return found


def editions(conn: Connection, report_id: str, begins: int, limit: int) -> list[Run]:
    """Return a report's editions: the newest period first, and of a period the newest edition."""
    wanted = select(*_COLUMNS).where(_run.report_id == report_id, _run.edition.is_not(None))
    order = (_run.period_end.desc(), _run.period_start.desc(), _run.edition.desc())
    return [_as_run(row) for row in conn.execute(wanted.order_by(*order).offset(begins).limit(limit))]


def is_open(conn: Connection, report_id: str) -> bool:
    """Tell whether a run of a report waits or goes on."""
    open_ = _run.state.in_((RunState.WAITING.value, RunState.RUNNING.value))
    return conn.scalar(select(_run.id).where(_run.report_id == report_id, open_).limit(1)) is not None


def next_edition(conn: Connection, report_id: str, period: Interval) -> int:
    """Return the number of a period's next edition; the report is held by whoever asks."""
    last = conn.scalar(
        select(func.max(_run.edition)).where(
            _run.report_id == report_id, _run.period_start == period.start, _run.period_end == period.end
        )
    )
    return (last or 0) + 1


# ── What workers ask ────────────────────────────────────────────────────────────────────────────────
def hold_due(conn: Connection, now: datetime) -> Held | None:
    """Return an active report that is due, held; those that another worker holds are passed over."""
    wanted = (
        _HELD.where(report.c.state == State.ACTIVE.value, report.c.next_due_at <= now)
        .order_by(report.c.next_due_at)
        .limit(1)
        .with_for_update(of=report, skip_locked=True)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _held(row)


def claim(conn: Connection, now: datetime, lease_until: datetime) -> tuple[Run, int] | None:
    """Claim the first run that waits for nothing, or whose lease is over; return it and its epoch.

    One that is overtaken by no other run of its report: these come one after the other.
    """
    free = or_(
        (_run.state == RunState.WAITING.value) & (_run.start_at <= now) & ~_GOES_ON,
        (_run.state == RunState.RUNNING.value) & (_run.lease_until <= now),
    )
    first = select(_run.id).where(free).order_by(_run.start_at, _run.id).limit(1).with_for_update(skip_locked=True)
    run_id = conn.scalar(first)
    if run_id is None:
        return None
    row = conn.execute(
        update(report_run)
        .where(_run.id == run_id)
        .values(
            state=RunState.RUNNING.value,
            epoch=_run.epoch + 1,
            # Whoever held it is gone.
            failures=_run.failures + case((_run.state == RunState.RUNNING.value, 1), else_=0),
            lease_until=lease_until,
            started_at=now,
        )
        .returning(*_COLUMNS)
    ).one()
    return _as_run(row), row.epoch


def gives_way(conn: Connection, now: datetime) -> bool:
    """Tell whether a run waits behind people: somebody's server is starting, and it has not waited for long already."""
    waiting = _run.state == RunState.WAITING.value, ~_GOES_ON
    waits = exists().where(*waiting, _run.start_at <= now)
    overdue = exists().where(*waiting, _run.start_at <= now - WAITS_AT_MOST)
    # Of a server a worker may know no more than these.
    server = jupyter_server.c
    starts = select(server.started_at).where(server.ended_at.is_(None), server.started_at > now - STARTING).exists()
    return bool(conn.scalar(select(waits & ~overdue & starts)))


def renew(conn: Connection, run_id: str, epoch: int, lease_until: datetime) -> bool:
    """Renew the lease of a run; tell whether it is still held in this epoch, and its report has not ended."""
    ours = _run.id == run_id, _run.epoch == epoch, _run.state == RunState.RUNNING.value
    goes_on = exists().where(report.c.id == _run.report_id, report.c.state != State.ENDED.value)
    return conn.execute(update(report_run).where(*ours, goes_on).values(lease_until=lease_until)).rowcount == 1


def end(conn: Connection, run_id: str, epoch: int, state: RunState, **values: Any) -> bool:
    """End a run, or let it wait again, if it is held in this epoch; tell whether it was."""
    ours = _run.id == run_id, _run.epoch == epoch, _run.state == RunState.RUNNING.value
    done = conn.execute(update(report_run).where(*ours).values(state=state.value, lease_until=None, **values))
    return done.rowcount == 1


def cancel(conn: Connection, run_id: str, why: Problem, now: datetime) -> bool:
    """End a run that waits or goes on; tell whether it did.  Whoever holds it finds that it is not theirs any more."""
    open_ = _run.state.in_((RunState.WAITING.value, RunState.RUNNING.value))
    values = {"state": RunState.CANCELLED.value, "lease_until": None, "ended_at": now, "said": kept(why)}
    return conn.execute(update(report_run).where(_run.id == run_id, open_).values(**values)).rowcount == 1


def asked(conn: Connection, run_id: str, kernel_id: str) -> Asked:
    """Return what a run's kernel has asked."""
    query = query_run.c
    of_it = query.run_id == run_id, query.kernel_id == kernel_id
    counts = conn.execute(
        select(func.coalesce(func.sum(query.row_count), 0), func.count(query.taken_from)).where(*of_it)
    ).one()
    last = select(query.sources).where(*of_it, query.state == "failed").order_by(query.ended_at.desc()).limit(1)
    return Asked(int(counts[0]), int(counts[1]), tuple(conn.scalar(last) or ()))


def hold_back(conn: Connection, now: datetime) -> tuple[Run, Report] | None:
    """Return a run, held, that failed for sources which all answer again, and its report; none that is over for long.

    One of its period that came later is in its place.
    """
    mine = report_run.alias()
    state = source_state.c
    its = select(state.source).where(state.source == any_(_run.waits_for))
    away, came_back = (
        its.where(state.up.is_(False)).exists(),
        its.where(state.up, state.since >= _run.started_at).exists(),
    )
    same = mine.c.report_id == _run.report_id, mine.c.period_start == _run.period_start
    later = exists().where(*same, mine.c.period_end == _run.period_end, mine.c.due_at > _run.due_at)
    wanted = (
        select(*_COLUMNS)
        .where(_run.waits_for.is_not(None), _run.ended_at > now - RESUMED_FOR, ~away, came_back, ~later)
        .order_by(_run.ended_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = conn.execute(wanted).one_or_none()
    held = None if row is None else find(conn, row.report_id)
    return None if held is None else (_as_run(row), held.report)


def resumed(conn: Connection, run_id: str) -> None:
    """Say of a run that it is resumed, or is not to be."""
    conn.execute(update(report_run).where(_run.id == run_id).values(waits_for=None))


def take_version(conn: Connection, run_id: str, version: int) -> None:
    """Say which version a run runs."""
    conn.execute(update(report_run).where(_run.id == run_id).values(version=version))


def put_digest(conn: Connection, run_id: str, digest: str) -> None:
    """Say what a run has executed."""
    conn.execute(update(report_run).where(_run.id == run_id).values(digest=bytes.fromhex(digest)))


def wakes_at(conn: Connection) -> datetime | None:
    """Return when something is due next, waits until, or is without its worker; three ends of indexes."""
    waits, runs_ = (_run.state == RunState.WAITING.value) & ~_GOES_ON, _run.state == RunState.RUNNING.value
    moments = (
        select(func.min(report.c.next_due_at)).where(report.c.state == State.ACTIVE.value),
        select(func.min(_run.start_at)).where(waits),
        select(func.min(_run.lease_until)).where(runs_),
    )
    found = conn.execute(select(*(moment.scalar_subquery() for moment in moments))).one()
    return min((each for each in found if each is not None), default=None)


def _report(row: Any) -> Report:
    return Report(
        row.id,
        row.notebook_id,
        row.version,
        row.person_id,
        Schedule.read(row.schedule, row.zone),
        Missed(row.missed),
        Overlap(row.overlap),
        State(row.state),
        frozenset(row.groups),
        row.standing,
        row.next_due_at,
        row.run_seconds,
        row.cell_seconds,
    )


def _held(row: Row[Any]) -> Held:
    return Held(
        _report(row),
        row.owner_id,
        row.head,
        row.deleted_at is not None,
        frozenset(row.groups_now),
        row.standing_now,
        row.removed_at is not None,
    )


def _as_run(row: Any) -> Run:
    problem, cell = said(row.said)
    return Run(
        row.id,
        row.report_id,
        row.due_at,
        row.asked_by,
        Interval(row.period_start, row.period_end),
        row.version,
        RunState(row.state),
        row.failures,
        row.start_at,
        row.started_at,
        row.ended_at,
        row.edition,
        None if row.digest is None else row.digest.hex(),
        problem,
        cell,
        row.resumes,
        tuple(row.waits_for or ()),
        row.memory_bytes,
        row.row_count,
        row.taken,
    )
