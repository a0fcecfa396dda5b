"""A small catalog, as seen by one person, for tests of the spine's first steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from swap.catalog.model import Listed, TableName, VisibleColumn, VisibleDataset
from swap.catalog.service import nearest
from swap.connectors.base import Capabilities, Column, Comparison, Dataset
from swap.identity import Principal, Via
from swap.policy.model import Decision
from swap.query import rights
from swap.query.language import names
from swap.query.language.parse import parse
from swap.query.model import OwnTable, Plan
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve
from swap.settings import Denial, Grant, Policy

OPEN = Decision(True, "analysts-read", "opens it")
LOCKED = Decision(False, "below-country", "locks places smaller than a country", "data-privacy")
ANN = Principal("paaaaaaaaa", "ann", frozenset(), Via.KERNEL)
POLICY = Policy(
    grants=(Grant(name="analysts-read", groups=("*",), on=("lake", "mediawiki")),),
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.*.city",),
            because="locks places smaller than a country",
            ask="data-privacy",
            instead={"city": "country_code"},
        ),
    ),
)
FAMILIES = ("boolean", "integer", "float", "decimal", "text", "date", "timestamp", "timestamptz")
ABLE = Capabilities(
    frozenset((family, comparison) for family in FAMILIES for comparison in Comparison), orders=frozenset(FAMILIES)
)
CAPABILITIES = {"lake": ABLE, "mediawiki": ABLE}


def table(
    name: str,
    columns: dict[str, pa.DataType],
    locked: tuple[str, ...] = (),
    *,
    read: Decision = OPEN,
    rows: int | None = None,
) -> VisibleDataset:
    source, schema, last = name.split(".")
    made = tuple(Column(key, type_, comment=f"about {key}") for key, type_ in columns.items())
    visible = tuple(VisibleColumn(column, LOCKED if column.name in locked else OPEN) for column in made)
    return VisibleDataset(
        source,
        Dataset(schema, last, made, comment=f"all {last}", row_estimate=rows),
        visible,
        read,
    )


CATALOG = (
    table(
        "lake.wmf.pageview_hourly",
        {
            "page_title": pa.string(),
            "page_id": pa.int64(),
            "city": pa.string(),
            "country_code": pa.string(),
            "year": pa.int32(),
            "view_count": pa.int64(),
            "event": pa.struct([("ip", pa.string())]),
            "ts": pa.timestamp("us"),
            "flag": pa.bool_(),
            "day": pa.date32(),
            "price": pa.decimal128(9, 2),
            "ratio": pa.float64(),
            "zoned": pa.timestamp("us", "UTC"),
            "raw": pa.binary(),
        },
        ("city",),
    ),
    table(
        "mediawiki.enwiki.page", {"page_id": pa.int64(), "page_title": pa.string(), "page_len": pa.int32()}, rows=7000
    ),
    table("mediawiki.dewiki.page", {"page_id": pa.int64(), "page_title": pa.string()}),
    table("mediawiki.enwiki.revision", {"rev_id": pa.int64()}, read=LOCKED),
)
OWN = {"mine": OwnTable("mine", "u1", pa.schema([("a", pa.int64()), ("b", pa.string())]))}


class Known:
    """A catalog that stands in a list: what `catalog.service.Catalog` answers from the database."""

    def __init__(self, tables: Sequence[VisibleDataset]) -> None:
        self.tables = tables

    def find(self, wanted: Iterable[TableName]) -> dict[TableName, VisibleDataset]:
        folded = {tuple(map(str.casefold, table.name)): table for table in self.tables}
        found = {name: folded.get(tuple(map(str.casefold, name))) for name in wanted}
        return {name: table for name, table in found.items() if table is not None}

    def near(self, written: Sequence[str], limit: int) -> tuple[Listed, ...]:
        listed = {table.name: self._listed(table) for table in self.tables}
        return tuple(listed[name] for name in nearest(".".join(written), written[-1], listed, limit))

    def starting(self, beginning: str, limit: int) -> list[Listed]:
        readable = [table for table in self.tables if table.read.allowed]
        found = [table for table in readable if any(part.startswith(beginning) for part in table.name)]
        return [self._listed(table) for table in found[:limit]]

    def schemas(self, source: str, *, beginning: str, limit: int) -> list[str]:
        schemas = dict.fromkeys(table.name.schema for table in self.tables if table.source == source)
        return [schema for schema in schemas if schema.startswith(beginning)][:limit]

    def inside(self, source: str, schema: str, *, beginning: str, limit: int) -> list[Listed]:
        found = [table for table in self.tables if table.name[:2] == (source, schema)]
        return [self._listed(table) for table in found if table.name.table.startswith(beginning)][:limit]

    @staticmethod
    def _listed(table: VisibleDataset) -> Listed:
        dataset = table.dataset
        return Listed(table.name, dataset.comment, dataset.row_estimate, False, None, "", table.read)


def planned(
    statement: str, params: dict[str, Any] | None = None, capabilities: dict[str, Capabilities] | None = None
) -> Plan:
    known = Known(CATALOG)
    tree = parse(statement, params or {}, 65_536)
    resolved = resolve(tree, statement, known.find(names.tables(tree)), known.near, OWN)
    rights.decide(POLICY, ANN, resolved)
    return plan(resolved, CAPABILITIES if capabilities is None else capabilities, "q1")


def pushed(statement: str, index: int = 0, params: dict[str, Any] | None = None) -> list[str]:
    """Return the comparisons given to the source of one table, as text."""
    fragment = planned(statement, params).inputs[index].fragment
    assert fragment is not None
    return sorted(f"{predicate.column} {predicate.comparison} {predicate.value!r}" for predicate in fragment.predicates)
