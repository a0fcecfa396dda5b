"""What Hive and Spark say of a table (`DESCRIBE FORMATTED`, `SHOW PARTITIONS`), as the catalog keeps it.

Both answer with three columns of text in sections that begin with `# …`; this reads them without knowing more of the
two than that.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from urllib.parse import unquote

from swap.connectors.base import NULL_TESTS, Column, Comparison, Dataset, Partition, Partitions
from swap.connectors.comments import sensitivity
from swap.connectors.hive import types as hive_types
from swap.connectors.hive.types import HiveType
from swap.connectors.partitioned import FINER, KEPT, NULL, moment, newer, order

_STATISTICS = re.compile(r"(\d+) bytes(?:, (\d+) rows)?")

SAMPLED = 16
"""Partitions that are asked of a table of too many, for what all of them hold."""

Line = tuple[str, str, str]
Numbers = tuple[int | None, int | None]
"""Bytes and rows."""


@dataclass(slots=True)
class Described:
    """A table's columns, those of its partitions last, and what else is said of it by name."""

    columns: list[tuple[str, HiveType, str]] = field(default_factory=list)
    """(name, type, comment) of the columns whose types we know."""
    partitions: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)

    @property
    def types(self) -> dict[str, HiveType]:
        """The columns' types by their names."""
        return {name: type_ for name, type_, _ in self.columns}


def described(lines: Iterable[Line], *, spark: bool = False) -> Described:
    """Read `DESCRIBE FORMATTED` or `DESCRIBE`."""
    found = Described()
    section = "# col_name"
    for name, type_, comment in ((a.strip(), b.strip(), c.strip()) for a, b, c in lines):
        if name.startswith("#"):
            # The heading of the columns stands again below that of the partitions.
            section = section if name == "# col_name" else name
        elif name and section == "# col_name":
            _column(found, name, type_, comment, spark=spark)
        elif name and section == "# Partition Information":
            found.partitions.append(name)
            if name not in found.types:
                _column(found, name, type_, comment, spark=spark)
        elif name or type_:
            # Below `Table Parameters:` a parameter's name stands in the second column, its value in the third.
            key, value = (name.rstrip(":"), type_) if name else (type_, comment)
            found.about[key.lower()] = value
    return found


def _column(found: Described, name: str, type_: str, comment: str, *, spark: bool) -> None:
    if not hive_types.nameable(name):
        return
    try:
        found.columns.append((name, hive_types.parse(type_, spark=spark), "" if comment == "null" else comment))
    except hive_types.UnknownTypeError:
        # A column of a type that has no exact form here cannot be named; the others can.
        return


def dataset(schema: str, name: str, found: Described, names: Iterable[str] | None) -> Dataset:
    """Return a table as the catalog keeps it; `names` are its partitions', None where it tells none."""
    about = found.about
    size, rows = numbers(about)
    divided = None if names is None else partitions(found.partitions, names, rows)
    return Dataset(
        schema,
        name,
        tuple(_as_column(*each, partition=each[0] in found.partitions) for each in found.columns),
        about.get("comment", ""),
        about.get("owner", ""),
        rows,
        size,
        newest=divided[1] if divided else "",
        partitions=divided[0] if divided else None,
    )


def numbers(about: dict[str, str]) -> Numbers:
    """Return a table's bytes and rows, as far as somebody has counted them."""
    statistics = _STATISTICS.search(about.get("statistics", ""))
    if statistics is not None:
        return int(statistics[1]), int(statistics[2]) if statistics[2] else None
    size, rows = about.get("totalsize", ""), about.get("numrows", "")
    # Hive writes 0 or -1 rows where nobody has counted.
    return int(size) if size.isdigit() else None, int(rows) if rows.isdigit() and int(rows) else None


def _as_column(name: str, of: HiveType, comment: str, *, partition: bool) -> Column:
    text, marked = sensitivity(comment)
    return Column(
        name,
        of.type,
        text,
        partition=partition,
        sensitivity=marked,
        inexact=frozenset(Comparison) - NULL_TESTS if of.collated else frozenset(),
    )


def partitions(keys: Sequence[str], names: Iterable[str], rows: int | None) -> tuple[Partitions, str]:
    """Return how a table is divided, from names like `year=2026/month=7`, and the newest partition as a moment.

    `rows` of the table are a guess for each.  Only the newest are kept, and no more than those are held while the names
    are read.
    """
    grouping = tuple(keys[:-1] if len(keys) > 1 and keys[-1] == FINER else keys)
    count = 0
    newest: list[tuple[str, str]] = []
    groups: dict[tuple[str, ...], int] = {}
    for name in names:
        count += 1
        values = values_of(name)
        pairs = list(zip(keys, values, strict=False))
        if newer(pairs, newest):
            newest = pairs
        groups[values[: len(grouping)]] = groups.get(values[: len(grouping)], 0) + 1
        if len(groups) > 4 * KEPT:
            groups = dict(_newest(groups))
    each = (rows or 0) / count if count else 0.0
    kept = tuple(
        Partition(tuple(None if value == NULL else value for value in values), parts, round(each * parts), exact=False)
        for values, parts in _newest(groups)
    )
    return Partitions(grouping, FINER if grouping != tuple(keys) else "", count, kept), moment(newest)


class Sample:
    """Partitions chosen by chance among those that pass by; the same ones for as long as a table has the same."""

    def __init__(self, table: str) -> None:
        self.names: list[str] = []
        self._chance = random.Random(table)  # noqa: S311 — nobody is to be surprised by it

    def of(self, names: Iterable[str]) -> Iterator[str]:
        """Let names pass; each is as likely to be chosen as every other."""
        for at, name in enumerate(names):
            if at < SAMPLED:
                self.names.append(name)
            elif (place := self._chance.randrange(at + 1)) < SAMPLED:
                self.names[place] = name
            yield name


def guessed(dataset: Dataset, sample: Sequence[Numbers]) -> Dataset:
    """Return a table of many partitions with what it holds in all, by what some of them hold, as far as that tells."""
    assert dataset.partitions is not None
    count = dataset.partitions.count
    size, rows = _each([size for size, _ in sample]), _each([0 if size == 0 else rows for size, rows in sample])
    newest = tuple(replace(each, rows=round(each.parts * (rows or 0))) for each in dataset.partitions.newest)
    return replace(
        dataset,
        size_bytes=None if size is None else round(size * count),
        row_estimate=None if rows is None else round(rows * count),
        partitions=replace(dataset.partitions, newest=newest),
    )


def _each(known: Sequence[int | None]) -> float | None:
    """Return what one of many holds on average; None when too few tell, or they differ so much that it says nothing."""
    told = [value for value in known if value is not None]
    if 2 * len(told) < SAMPLED or len(told) < len(known) or not any(told):
        return None
    mean = fmean(told)
    return mean if stdev(told, mean) <= mean * len(told) ** 0.5 / 2 else None


def _newest(groups: dict[tuple[str, ...], int]) -> list[tuple[tuple[str, ...], int]]:
    return sorted(groups.items(), key=lambda item: [order(value) for value in item[0]], reverse=True)[:KEPT]


def values_of(name: str) -> tuple[str, ...]:
    """Return a partition's values, from its name."""
    return tuple(unquote(part.partition("=")[2]) for part in name.split("/"))
