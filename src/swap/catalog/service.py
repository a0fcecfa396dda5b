"""The catalog as one person may see it.  What they may not discover does not exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from swap.catalog import store
from swap.catalog.model import SourceState, VisibleColumn, VisibleDataset
from swap.errors import NotFound, Problem
from swap.identity import Principal
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.settings import Policy, Settings

Health = store.Health


def visible(conn: Connection, policy: Policy, principal: Principal) -> tuple[VisibleDataset, ...]:
    """Return the tables the person may discover, with the verdict on reading each column."""
    found = (_seen_by(policy, principal, harvested) for harvested in store.all_datasets(conn))
    return tuple(dataset for dataset in found if dataset is not None)


def table(
    conn: Connection, policy: Policy, principal: Principal, source: str, schema: str, name: str
) -> VisibleDataset:
    """Return one table.  Raises NotFound alike for one that does not exist and one the person may not discover."""
    for dataset in visible(conn, policy, principal):
        if (dataset.source, dataset.dataset.schema, dataset.dataset.name) == (source, schema, name):
            return dataset
    raise NotFound(
        Problem(
            f"There is no table {source}.{schema}.{name}, or you may not know of it.",
            todo="Look through the tables you may see on the Data page.",
        )
    )


def sources(conn: Connection, settings: Settings, principal: Principal) -> list[SourceState]:
    """Return the sources the person may discover, down ones too, in the settings' order."""
    tables = visible(conn, settings.policy, principal)
    health = store.health(conn)
    states = []
    for name, source in settings.sources.items():
        if not decide(settings.policy, principal, Action.DISCOVER, Resource(name)).allowed:
            continue
        of_source = [dataset for dataset in tables if dataset.source == name]
        seen = health.get(name)
        states.append(
            SourceState(
                name=name,
                kind=source.kind,
                title=source.title,
                owner=source.owner,
                note=source.note,
                up=seen is not None and seen.up,
                since=seen.since if seen else datetime.fromtimestamp(0, UTC),
                tables_readable=sum(dataset.read.allowed for dataset in of_source),
                tables_visible=len(of_source),
            )
        )
    return states


def health(conn: Connection) -> dict[str, Health]:
    """Return the health of every source, by name, whoever asks."""
    return store.health(conn)


def mark(conn: Connection, source: str, *, up: bool, problem: str, now: datetime) -> None:
    """Record that a query found a source up or down."""
    store.record_health(conn, source, up=up, problem=problem, now=now, harvested=False)


def _seen_by(policy: Policy, principal: Principal, harvested: store.Harvested) -> VisibleDataset | None:
    dataset = harvested.dataset
    place = Resource(harvested.source, dataset.schema, dataset.name)
    if not decide(policy, principal, Action.DISCOVER, place).allowed:
        return None
    columns = tuple(
        VisibleColumn(column, decide(policy, principal, Action.READ, resource))
        for column in dataset.columns
        if decide(
            policy,
            principal,
            Action.DISCOVER,
            resource := Resource(place.source, place.schema, place.table, column.name),
        ).allowed
    )
    if not columns:
        # A pattern such as lake.wmf.*.city reaches into every table; it must not tell of those without a city.
        return None
    read = decide(policy, principal, Action.READ, place)
    if read.allowed and not any(column.read.allowed for column in columns):
        read = columns[0].read
    open_names = {column.column.name for column in columns if column.read.allowed}
    if any(column.partition and column.name not in open_names for column in dataset.columns):
        # What partitions there are are values of their columns, and so is which is the newest.
        dataset = replace(dataset, newest="", partitions=None)
    if not read.allowed and dataset.row_estimate is not None:
        # That a table grows by one is news of what is in it.
        dataset = replace(
            dataset,
            row_estimate=_roughly(dataset.row_estimate),
            size_bytes=_roughly(dataset.size_bytes or 0),
            rows_exact=False,
        )
    return VisibleDataset(harvested.source, dataset, columns, read, harvested.harvested_at)


def _roughly(count: int) -> int:
    return round(count, min(0, 2 - len(str(count))))
