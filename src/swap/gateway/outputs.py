"""A run of a report writes a result table: rows that its kernel has uploaded become its period's."""

from __future__ import annotations

import pyarrow as pa
from pydantic import Field

from swap.errors import NotFound, Problem
from swap.gateway import parquet
from swap.gateway.asking import Body, Reporting, WithParts
from swap.query.results.spool import not_kept
from swap.reports import outputs, tables


class OutputBody(Body):
    """Which upload becomes which table, and the columns that tell its rows apart."""

    name: str = Field(max_length=200)
    upload: str = Field(max_length=200)
    key: list[str] = Field(default_factory=list, max_length=100)


def put(body: OutputBody, caller: Reporting, with_parts: WithParts) -> dict[str, object]:
    """Keep an upload of this run's kernel as what the run writes of a table."""
    settings, queries, person = with_parts.settings, with_parts.queries, caller.principal
    brought = queries.uploads.table(person, body.name, body.upload)
    if brought.kernel_id != caller.kernel_id:
        # Another kernel of theirs may have read what this run has not.
        raise NotFound(Problem("This upload is another kernel's.", todo="Send the table again from the run itself."))
    with with_parts.upload_turns.of(person.id):
        written = queries.spool.written(body.upload)
        with with_parts.engine.begin() as conn:
            begun = outputs.begin(
                conn, person, body.name, body.key, parquet.flat(written.schema), settings.reports.tables_bytes
            )
        whole = pa.schema([*outputs.PERIOD, *written.schema])
        rows = written.rows[-1]
        batches = outputs.with_period(queries.spool.batches(body.upload), begun.of.period, whole)
        try:
            file = parquet.parquet(batches, whole, rows)
            outputs.write(with_parts.engine, with_parts.tables, begun, rows, file, person, queries.now())
        except (OSError, EOFError) as error:
            raise not_kept(error) from None
    return {"table": tables.spoken(begun.of.owner, begun.name), "rows": rows}
