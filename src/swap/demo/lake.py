"""The demo's lake: directories of Parquet, partitioned as in Hive, each table with a `_table.toml` beside its data.

A table is written beside its place and moved there whole; one that is there is complete and is kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tomlkit

from swap.demo import canonical, describe, events, flights, pageviews
from swap.errors import Problem, Unavailable

VERSION = 1
"""Raised when the data changes; an older lake is then made again."""


class Progress(Protocol):
    """Told of each step of the first start: before it (`done` false) and after it, with the bytes it wrote."""

    def __call__(self, step: str, *, done: bool, size_bytes: int) -> None:
        """Take one report."""


def silent(step: str, *, done: bool, size_bytes: int) -> None:
    """Report nothing."""


Parts = Iterator[tuple[str, pa.Table]]
"""(directory of a partition, below the table; its rows)"""


def sidecar(about: describe.About) -> str:
    """Return `_table.toml`.

    Comment, owner, newest data, and for each column its comment, sensitivity and, for a partition, its type.
    """
    file = tomlkit.document()
    file["comment"] = about.comment
    file["owner"] = about.owner
    if about.newest:
        file["newest"] = about.newest
    columns = tomlkit.table(is_super_table=True)
    for name, comment in about.columns.items():
        column = tomlkit.table()
        column["comment"] = comment
        if name in about.sensitivity:
            column["sensitivity"] = about.sensitivity[name]
        if name in about.partitions:
            column["type"] = about.partitions[name]
        columns[name] = column
    file["columns"] = columns
    return tomlkit.dumps(file)


def _pageviews() -> Parts:
    for hour, rows in pageviews.hourly():
        yield _hour(hour.year, hour.month, hour.day, hour.hour), rows


def _projectviews() -> Parts:
    for hour, rows in pageviews.hourly():
        yield _hour(hour.year, hour.month, hour.day, hour.hour), pageviews.by_project(rows)


def _events() -> Parts:
    for hour, rows in events.hourly():
        yield _hour(hour.year, hour.month, hour.day, hour.hour), rows


def _hour(year: int, month: int, day: int, hour: int) -> str:
    return f"year={year}/month={month}/day={day}/hour={hour}"


def _flights() -> Parts:
    rows = flights.read("flights")
    for month in range(1, 13):
        yield f"month={month}", rows.filter(pc.equal(rows["month"], month)).drop_columns(["month"])


def _whole(table: Callable[[], pa.Table]) -> Callable[[], Parts]:
    def parts() -> Parts:
        yield ".", table()

    return parts


def _editors() -> Parts:
    yield f"month={canonical.LAST_MONTH}", canonical.editors_daily()


def _weather() -> pa.Table:
    return flights.read("weather")


TABLES: dict[str, Callable[[], Parts]] = {
    "wmf.pageview_hourly": _pageviews,
    "wmf.projectview_hourly": _projectviews,
    "wmf.editors_daily": _editors,
    "event.navigationtiming": _events,
    "canonical_data.countries": _whole(canonical.countries),
    "canonical_data.wikis": _whole(canonical.wikis),
    "nyc.flights": _flights,
    "nyc.weather": _whole(_weather),
}


def make(root: Path, progress: Progress = silent, tables: Mapping[str, Callable[[], Parts]] = TABLES) -> None:
    """Write every table that is missing."""
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / f".version-{VERSION}"
    if not stamp.exists():
        for old in root.glob(".version-*"):
            old.unlink()
        for schema in {name.partition(".")[0] for name in TABLES}:
            shutil.rmtree(root / schema, ignore_errors=True)
        stamp.touch()
    for name, parts in tables.items():
        schema, _, table = name.partition(".")
        place = root / schema / table
        if place.exists():
            continue
        progress(f"lake.{name}", done=False, size_bytes=0)
        draft = root / schema / f".{table}.new"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            for partition, rows in parts():
                folder = draft / partition
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(rows, folder / "part-00000.parquet", compression="zstd", row_group_size=65_536)
            (draft / "_table.toml").write_text(sidecar(describe.LAKE[name]), encoding="utf-8")
            draft.rename(place)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise Unavailable(
                Problem(
                    f"The demo's table {name} cannot be written below {root}.",
                    why=f"{error.strerror or error}.",
                    todo=(
                        "Free some space or mend the directory's rights, then start again: tables that are complete are"
                        " kept."
                    ),
                )
            ) from error
        progress(
            f"lake.{name}",
            done=True,
            size_bytes=sum(file.stat().st_size for file in place.rglob("*") if file.is_file()),
        )
