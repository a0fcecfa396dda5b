"""A small catalog, as seen by one person, for tests of the spine's first steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from swap.catalog.model import VisibleColumn, VisibleDataset
from swap.connectors.base import Capabilities, Column, Comparison, Dataset
from swap.policy.model import Decision
from swap.query.language.parse import parse
from swap.query.model import OwnTable, Plan
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve
from swap.settings import Denial, Policy

OPEN = Decision(True, "analysts-read", "opens it")
LOCKED = Decision(False, "below-country", "locks places smaller than a country", "data-privacy")
POLICY = Policy(
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.*.city",),
            because="locks places smaller than a country",
            ask="data-privacy",
            instead={"city": "country_code"},
        ),
    )
)
FAMILIES = ("boolean", "integer", "float", "decimal", "text", "date", "timestamp", "timestamptz")
ABLE = Capabilities(frozenset((family, comparison) for family in FAMILIES for comparison in Comparison))
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
        datetime(2026, 11, 23, tzinfo=UTC),
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


def planned(
    statement: str, params: dict[str, Any] | None = None, capabilities: dict[str, Capabilities] | None = None
) -> Plan:
    resolved = resolve(parse(statement, params or {}, 65_536), statement, CATALOG, OWN, POLICY)
    return plan(resolved, CAPABILITIES if capabilities is None else capabilities, "q1")


def pushed(statement: str, index: int = 0, params: dict[str, Any] | None = None) -> list[str]:
    """Return the comparisons given to the source of one table, as text."""
    fragment = planned(statement, params).inputs[index].fragment
    assert fragment is not None
    return sorted(f"{predicate.column} {predicate.comparison} {predicate.value!r}" for predicate in fragment.predicates)
