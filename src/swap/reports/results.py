"""Result tables as queries read them: their columns, their rows' places, and what is read with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection

from swap.catalog import history
from swap.catalog.model import Listed, Stored, TableName, VisibleColumn, VisibleDataset
from swap.connectors.base import Column, Dataset
from swap.identity import Principal
from swap.policy.model import Decision
from swap.query import lineage
from swap.reports import table_store, tables
from swap.reports.table_store import Part, Table
from swap.settings import Policy
from swap.settings.sources import RESULT_TABLES

_OPEN = Decision(True, "result-table", "opens a result table to who may read all that it comes from")


class Results:
    """The result tables of all reports, as somebody may see them."""

    def __init__(self, policy: Policy, now: Callable[[], datetime]) -> None:
        self._policy = policy
        self._now = now

    def find(self, conn: Connection, person: Principal, names: Iterable[TableName]) -> dict[TableName, VisibleDataset]:
        """Return those that are meant by these names: the owner's as it is, the table's in whichever case."""
        found = {}
        for name in names:
            if name.source.casefold() == RESULT_TABLES and (seen := self._seen(conn, person, name)):
                found[name] = seen
        return found

    def listed(self, conn: Connection, person: Principal) -> list[Listed]:
        """Return the first of them, in the order of their names."""
        seen = tables.listed(conn, self._policy, person, self._now())
        return [_listed(each.table, _described(each.table, each.parts)) for each in seen]

    def _seen(self, conn: Connection, person: Principal, name: TableName) -> VisibleDataset | None:
        called, _, run_id = name.table.casefold().partition(tables.EDITION)
        table = table_store.find(conn, name.schema, called)
        parts = self._parts(conn, person, table, run_id) if table is not None else None
        if table is None or not parts:
            return None
        dataset = _described(table, parts)
        if run_id:
            dataset = replace(dataset, name=f"{table.name}{tables.EDITION}{run_id}")
        read = lineage.union(lineage.columns(conn, {part.lineage for part in parts}).values())
        comes_from = tuple(sorted(read, key=lambda column: column.parts))
        stored = Stored((table.report_id, table.name), tuple(part.name for part in parts), comes_from)
        columns = tuple(VisibleColumn(column, _OPEN) for column in dataset.columns)
        return VisibleDataset(RESULT_TABLES, dataset, columns, _OPEN, stored)

    def _parts(self, conn: Connection, person: Principal, table: Table, run_id: str) -> list[Part] | None:
        if not run_id:
            return tables.visible(conn, self._policy, person, table, self._now())
        part = tables.edition(conn, self._policy, person, table, run_id, self._now())
        return None if part is None else [part]


def _listed(table: Table, dataset: Dataset) -> Listed:
    name = TableName(RESULT_TABLES, table.owner, table.name)
    return Listed(name, dataset.comment, dataset.row_estimate, True, dataset.size_bytes, "", _OPEN)


def _described(table: Table, parts: Sequence[Part]) -> Dataset:
    oldest_first = dict.fromkeys(part.schema for part in reversed(parts))
    schema = together(history.read_schema(each) for each in oldest_first)
    key = parts[0].key
    return Dataset(
        table.owner,
        table.name,
        tuple(Column(field.name, field.type, comment="Part of the key." * (field.name in key)) for field in schema),
        comment=f"Written by a report, {len(parts):,} period{'' if len(parts) == 1 else 's'}.",
        owner=table.owner,
        row_estimate=sum(part.rows for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
        rows_exact=True,
    )


def together(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return all columns of editions, in the order in which they came.

    >>> together([pa.schema({"a": pa.int64()}), pa.schema({"b": pa.string(), "a": pa.int64()})]).names
    ['a', 'b']
    """
    fields: dict[str, pa.Field] = {}
    for schema in schemas:
        for field in schema:
            fields.setdefault(field.name, field)
    return pa.schema(fields.values())
