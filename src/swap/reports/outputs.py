"""A run writes one period of a result table: a file of its own, which counts when the run is done and not held.

Nothing is ever changed in place.  What a failed run, or an older claim of one, has written is deleted later.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection, Engine

from swap import audit
from swap.catalog import history
from swap.catalog.model import PART
from swap.client.period import Interval
from swap.errors import Conflict, Invalid, LimitExceeded, NotSignedIn, Problem
from swap.identity import Principal
from swap.reports import results, table_store, tables
from swap.reports.events import ReportTableWritten
from swap.reports.table_store import Writing

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
MOST_TABLES: Final = 20
"""Of one run."""
MOST_COLUMNS: Final = 1_000
PERIOD: Final = pa.schema({name: pa.timestamp("us", "UTC") for name in table_store.OF_PERIOD})
ROWS: Final = "rows.parquet"
LEFT_SECONDS: Final = 3_600.0
"""After which what no run accounts for is deleted: what is written just now is accounted for when it is whole."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run is about to write."""

    name: str
    run_id: str
    epoch: int
    of: Writing
    schema: pa.Schema
    key: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """Where its rows will be, below the directory of all."""
        part = table_store.part_name(self.run_id, self.epoch)
        return Path(self.of.report_id, self.name, f"{PART}={part}")


def begin(
    conn: Connection, person: Principal, name: str, key: Sequence[str], schema: pa.Schema, most_bytes: int
) -> Begun:
    """Return what a run writes if it may: columns of the same types as before, in a table of this report.

    Raises Invalid, Conflict, LimitExceeded, and NotSignedIn for who is no run.
    """
    of = table_store.writing(conn, person.run.id) if person.run else None
    if person.run is None or of is None or of.person_id != person.id:
        raise NotSignedIn(Problem("Only a run of a report writes result tables."))
    if not NAME.fullmatch(name):
        raise Invalid(
            Problem(
                f"{name[:80]} is no name of a result table.",
                todo="Begin with a small letter; then small letters, digits and _ follow, 63 in all.",
            )
        )
    demand_columns(schema.names, key)
    called = tables.spoken(of.owner, name)
    if not table_store.take(conn, of.person_id, name, of.report_id):
        raise Conflict(
            Problem(
                f"{called} is written by another report of yours.",
                todo="Choose another name, or let one report write it.",
            )
        )
    before = results.together(map(history.read_schema, table_store.schemas(conn, of.report_id, name)))
    demand_types(called, before, schema)
    _demand_room(conn, called, of, name, person.run.id, person.run.epoch, most_bytes)
    return Begun(name, person.run.id, person.run.epoch, of, pa.schema([*PERIOD, *schema]), tuple(key))


def demand_columns(names: Sequence[str], key: Sequence[str]) -> None:
    """Raise Invalid for columns that cannot be told apart, and for a key that is not among them."""
    folded = [name.casefold() for name in names]
    taken = [name for name in names if name.casefold() in {*table_store.OF_PERIOD, PART}]
    if taken:
        raise Invalid(Problem(f"SWAP itself writes the column {taken[0]}.", todo="Call yours otherwise."))
    if not 1 <= len(names) <= MOST_COLUMNS or not all(names) or len(set(folded)) < len(folded):
        raise Invalid(Problem(f"A result table has 1 to {MOST_COLUMNS:,} columns, each with a name of its own."))
    if missing := [name for name in key if name not in names]:
        raise Invalid(Problem(f"The key names {missing[0]}, which is no column.", todo="Name columns of the table."))


def demand_types(called: str, before: pa.Schema, schema: pa.Schema) -> None:
    """Raise Conflict for a column that has another type than in earlier periods, or is written otherwise."""
    known = {field.name.casefold(): field for field in before}
    for field in schema:
        was = known.get(field.name.casefold())
        if was is None:
            continue
        if was.name != field.name:
            raise Conflict(
                Problem(
                    f"The column {field.name} of {called} was called {was.name}.",
                    todo=f"Call it {was.name} again: SQL does not tell the two apart.",
                )
            )
        if was.type != field.type:
            raise Conflict(
                Problem(
                    f"The column {field.name} of {called} is {field.type}; in earlier periods it is {was.type}.",
                    why="A column has one type in all periods. Nothing was written.",
                    todo=f'Give it that type, as df.astype({{"{field.name}": …}}), or write a column of another name.',
                )
            )


def _demand_room(
    conn: Connection, called: str, of: Writing, name: str, run_id: str, epoch: int, most_bytes: int
) -> None:
    used = table_store.used_bytes(conn, of.person_id)
    if used >= most_bytes:
        raise LimitExceeded(
            Problem(
                f"Result tables of your reports take {used / 1e9:,.1f} GB already.",
                why="Nothing was written. The setting is reports.tables_bytes.",
                todo="Write less of each period, or delete the notebook of a report that nobody reads.",
                extra={"setting": "reports.tables_bytes", "value": most_bytes},
            )
        )
    if len(table_store.written_by(conn, run_id, epoch) - {name}) >= MOST_TABLES:
        raise LimitExceeded(Problem(f"A run writes at most {MOST_TABLES} result tables.", todo="Write fewer."))
    if table_store.count_periods(conn, of.report_id, name) >= table_store.PERIODS:
        raise LimitExceeded(
            Problem(
                f"{called} has {table_store.PERIODS:,} periods, as many as there can be.",
                todo="Write a table of another name from now on.",
            )
        )


def with_period(batches: Iterable[pa.RecordBatch], period: Interval, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield batches with their period in front."""
    ends = [pa.scalar(each, field.type) for each, field in zip((period.start, period.end), PERIOD, strict=True)]
    for batch in batches:
        front = [pa.repeat(end, batch.num_rows) for end in ends]
        yield pa.RecordBatch.from_arrays([*front, *batch.columns], schema=schema)


def write(
    engine: Engine, root: Path, begun: Begun, rows: int, file: Iterable[bytes], person: Principal, now: datetime
) -> None:
    """Keep a file of rows, whole; from then on it is what the run wrote of this table.

    Raises OSError, and NotSignedIn where the claim has ended meanwhile: what is done is not changed.
    """
    directory = root / begun.directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f".{os.urandom(8).hex()}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            for part in file:
                written.write(part)
            written.flush()
            os.fsync(written.fileno())
            size = written.tell()
        with engine.begin() as conn:
            if not table_store.goes_on(conn, begun.run_id, begun.epoch):
                raise NotSignedIn(Problem("This run is over. Nothing was written."))
            draft.replace(directory / ROWS)
            # The database keeps for certain that they are there; so must the disk.
            for above in (directory, *directory.parents[:2], root):
                _sync(above)
            _record(conn, begun, rows, size, person, now)
    finally:
        draft.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _record(conn: Connection, begun: Begun, rows: int, size: int, person: Principal, now: datetime) -> None:
    table_store.put(
        conn,
        begun.run_id,
        begun.name,
        begun.epoch,
        rows=rows,
        size_bytes=size,
        schema=history.arrow_schema(dict(zip(begun.schema.names, begun.schema.types, strict=True))),
        key=begun.key,
        now=now,
    )
    audit.record(
        conn,
        ReportTableWritten(
            person_id=person.id,
            via=person.via,
            report_id=begun.of.report_id,
            run_id=begun.run_id,
            table=tables.spoken(begun.of.owner, begun.name),
            rows=rows,
            bytes=size,
        ),
    )


def tidy(engine: Engine, root: Path) -> None:
    """Delete the rows of failed runs, of older claims and of reports that are gone."""
    for table in root.glob("*/*"):
        with engine.connect() as conn:
            alive = table_store.alive(conn, table.parent.name, table.name)
        for part in table.glob(f"{PART}=*"):
            old = time.time() - part.stat().st_mtime > LEFT_SECONDS
            name = part.name.removeprefix(f"{PART}=")
            if old and name not in alive:
                log.info("rows of %s that count for nothing are deleted", f"{table.parent.name}/{table.name}")
                shutil.rmtree(part, ignore_errors=True)
                if part.exists():
                    continue
                with engine.begin() as conn:
                    table_store.emptied(conn, name, table.name)
