"""PostgreSQL as a source: text regenerated from the fragment goes in, Arrow comes out of COPY.

Every read has a connection of its own, read-only and named after the query, so that `pg_stat_activity`
tells whose it is and closing it cancels it.  Identifiers are quoted and values are literals of the
column's own type; no text a person wrote is ever sent.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import pyarrow as pa
from psycopg import sql

from swap import arrow_stream
from swap.connectors import postgres_decode as decode
from swap.connectors import postgres_types as types
from swap.connectors.base import (
    NULL_TESTS,
    Capabilities,
    Column,
    Comparison,
    Dataset,
    Deadline,
    Fragment,
    OnBehalf,
    Progress,
    ReadStats,
    Sent,
    rows_without_columns,
    unheard,
)
from swap.connectors.postgres_wire import Link
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SettingsError, SourceFailed, SourceUnavailable
from swap.settings import PostgresSource, Secret

log = logging.getLogger(__name__)

_BATCH_BYTES = 2_000_000
_BATCH_ROWS = 65_536
_BATCH_SECONDS = 0.2
"""Rows do not wait longer than this for company: a slow source's first rows are shown while it works."""
_FAMILIES = ("boolean", "integer", "float", "decimal", "text", "binary", "date", "time", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
)

_WATCH = "SELECT set_config('client_connection_check_interval', '2s', false) WHERE version() ~ 'linux'; "
_HARVEST_TABLES = 500
"""Tables whose columns a harvest asks for at once."""
_HARVEST_SECONDS = 120.0
"""How long each of its questions may take."""

_COLUMNS = """
    SELECT a.attname, coalesce(b.oid, t.oid)::int8, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
           CASE WHEN e.typcategory = 'A' AND e.oid NOT IN (22, 30) THEN e.typelem ELSE 0 END::int8,
           coalesce(co.collisdeterministic, true)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
      JOIN pg_type e ON e.oid = coalesce(b.oid, t.oid)
      LEFT JOIN pg_collation co ON co.oid = a.attcollation
     WHERE n.nspname = {schema} AND c.relname = {table} AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
"""

_TABLES = """
    SELECT c.oid::int8
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
     ORDER BY n.nspname, c.relname
"""

_DESCRIBED = """
    SELECT n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), pg_get_userbyid(c.relowner),
           CASE WHEN c.relkind IN ('r', 'm', 'p') AND c.reltuples >= 0 THEN c.reltuples::int8 END,
           CASE WHEN c.relkind IN ('r', 'm') THEN c.relpages::int8 * current_setting('block_size')::int8 END,
           a.attname, coalesce(b.oid, t.oid)::int8, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
           CASE WHEN e.typcategory = 'A' AND e.oid NOT IN (22, 30) THEN e.typelem ELSE 0 END::int8,
           coalesce(col_description(c.oid, a.attnum), '')
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
      JOIN pg_type e ON e.oid = coalesce(b.oid, t.oid)
     WHERE c.oid IN ({tables})
       AND (has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT'))
     ORDER BY n.nspname, c.relname, a.attnum
"""


class PostgresConnector:
    """One PostgreSQL database."""

    def __init__(self, name: str, source: PostgresSource) -> None:
        self.name = name
        self.capabilities = CAPABILITIES
        self._source = source
        self._open: set[PostgresReader] = set()

    def check(self) -> None:
        """Connect and ask for nothing."""
        link = self.link("check", math.inf)
        try:
            link.connect(math.inf)
        finally:
            link.close()

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table, view and materialised view that the account may read, without system schemas."""
        ends_at = time.monotonic() + _HARVEST_SECONDS
        link = self.link("harvest", ends_at)
        try:
            link.connect(ends_at)
            tables = [str(_int(oid)) for (oid,) in link.ask(_TABLES)]
            for start in range(0, len(tables), _HARVEST_TABLES):
                link.extend(time.monotonic() + _HARVEST_SECONDS)
                some = sql.SQL(", ").join(map(sql.Literal, tables[start : start + _HARVEST_TABLES]))
                rows = link.ask(link.text(sql.SQL(_DESCRIBED).format(tables=some)))
                yield [_dataset(list(group)) for _, group in groupby(rows, key=lambda row: row[:2])]
        except QueryTimedOut:
            raise SourceUnavailable(
                Problem(
                    f"{self.name} does not answer.",
                    f"Its catalog took longer than {_HARVEST_SECONDS:g} s.",
                    "Other sources keep working.",
                    source=self.name,
                )
            ) from None
        finally:
            link.close()

    def read(
        self,
        fragment: Fragment,
        on_behalf: OnBehalf,  # noqa: ARG002 — the source has one account
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,  # noqa: ARG002 — PostgreSQL does not know how far a SELECT is
    ) -> PostgresReader:
        """Start a fragment."""
        reader = PostgresReader(self, fragment, deadline, self._source.user)
        self._open.add(reader)
        return reader

    def close(self) -> None:
        """Cancel what runs."""
        for reader in tuple(self._open):
            reader.cancel()

    def ended(self, reader: PostgresReader) -> None:
        """Forget a read that is over."""
        self._open.discard(reader)

    def link(self, query_id: str, ends_at: float) -> Link:
        """Return an unopened connection: read-only, no longer than the query, named after it."""
        source = self._source
        options = {
            "default_transaction_read_only": "on",
            "search_path": "pg_catalog",
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "postgres",
            "extra_float_digits": "1",
            "bytea_output": "hex",
        }
        if ends_at < math.inf:
            options["statement_timeout"] = str(max(1, math.ceil((ends_at - time.monotonic()) * 1000)))
        parameters: dict[str, str | int] = {
            "host": source.host,
            "port": source.port,
            "dbname": source.database,
            "user": source.user,
            "sslmode": source.sslmode,
            "gssencmode": "disable",
            "client_encoding": "UTF8",
            "application_name": f"swap:{query_id}"[:63],
            "options": " ".join(f"-c {key}={value}" for key, value in options.items()),
        }
        if source.password is not None:
            parameters["password"] = self._password(source.password)
        return Link(self.name, parameters, source.connect_timeout_seconds)

    def _password(self, secret: Secret) -> str:
        try:
            return secret.read()
        except SettingsError as error:
            log.warning("%s: %s", self.name, error)
            raise SourceUnavailable(
                Problem(
                    f"{self.name} does not answer.",
                    "SWAP cannot read the password of its account.",
                    f"SWAP's administrator finds the setting in [sources.{self.name}].",
                    source=self.name,
                )
            ) from None


class PostgresReader:
    """One COPY on a connection of its own."""

    def __init__(self, connector: PostgresConnector, fragment: Fragment, deadline: Deadline, account: str) -> None:
        self.stats = ReadStats(account=account)
        self._connector = connector
        self._fragment = fragment
        self._deadline = deadline
        self._link: Link | None = None
        self._cancelled = False

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Write the rows as they come."""
        try:
            schema = self._fragment.columns_as(names)
            return arrow_stream.write(self, sink, schema, lambda rows, at: heard(Sent(rows, at)))
        except BrokenPipeError:
            return None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the fragment's rows."""
        try:
            self._link = link = self._connector.link(self._fragment.query_id or "query", self._deadline.at)
            if self._cancelled:
                raise QueryCancelled
            link.connect(self._deadline.at)
            columns = self._columns(link)
            self.stats.statement = link.text(_select(self._fragment, columns))
            yield from self._batches(link, [columns[each.name] for each in self._fragment.columns])
        finally:
            self.close()

    def cancel(self) -> None:
        """Cancel at the server; the iteration then raises QueryCancelled."""
        self._cancelled = True
        link = self._link
        if link is not None:
            link.cancel()

    def close(self) -> None:
        """Cancel what is left and disconnect."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._connector.ended(self)

    def _columns(self, link: Link) -> dict[str, types.SourceColumn]:
        """Return how the table's columns travel now; refuse when one changed since the catalog was harvested."""
        fragment = self._fragment
        question = sql.SQL(_COLUMNS).format(schema=sql.Literal(fragment.schema), table=sql.Literal(fragment.table))
        # A server that waits for a lock notices nothing of a gateway that died, unless it is told to look.
        watch = _WATCH if link.server_version >= 140000 else ""
        found = {
            str(row[0]): types.column(str(row[0]), _int(row[1]), _int(row[2]), _int(row[3]), row[4] == "t")
            for row in link.ask(watch + link.text(question))
        }
        for column in fragment.columns:
            if column.name not in found or found[column.name].type != column.type:
                raise self._failed(
                    f"The column {column.name} of {fragment.schema}.{fragment.table} changed since the catalog was"
                    " renewed.",
                    "Run the query again in a few minutes.",
                )
        return found

    def _batches(self, link: Link, columns: list[types.SourceColumn]) -> Iterator[pa.RecordBatch]:
        pending: list[bytes] = []
        size = 0
        skip = decode.HEADER_BYTES
        sent_at = time.monotonic()
        for messages in link.copy(f"COPY ({self.stats.statement}) TO STDOUT (FORMAT binary)"):
            if skip and messages:
                # The header comes with the first row.
                messages[0] = messages[0][skip:]
                skip = 0
            pending += messages
            size += sum(map(len, messages))
            late = len(pending) > 1 and time.monotonic() - sent_at > _BATCH_SECONDS
            if size >= _BATCH_BYTES or len(pending) >= _BATCH_ROWS or late:
                # The last message may be the trailer, which is known for certain only at the end.
                yield self._batch(pending[:-1], columns)
                pending, size, sent_at = pending[-1:], len(pending[-1]), time.monotonic()
        if not pending or pending[-1] != decode.TRAILER:
            raise self._failed("Its answer ends early.", "Run the query again.")
        if len(pending) > 1:
            yield self._batch(pending[:-1], columns)

    def _batch(self, chunks: list[bytes], columns: list[types.SourceColumn]) -> pa.RecordBatch:
        fragment = self._fragment
        try:
            fields = decode.rows(chunks, [(column.travels_as, column.type) for column in columns])
        except decode.InexactError as error:
            name = columns[error.column].name
            raise self._failed(
                f"The column {name} of {fragment.schema}.{fragment.table} holds {error}, which SWAP cannot pass on"
                " exactly.",
                "Leave the column out, or leave such rows out with WHERE.",
            ) from None
        except decode.MalformedError as error:
            raise self._failed(f"Its answer cannot be read: {error}.", "Show this to SWAP's administrator.") from None
        schema = pa.schema([(column.name, column.type) for column in columns])
        batch = pa.RecordBatch.from_arrays(fields, schema=schema) if columns else rows_without_columns(len(chunks))
        self.stats.rows += batch.num_rows
        self.stats.bytes += batch.nbytes
        return batch

    def _failed(self, why: str, todo: str) -> SourceFailed:
        name = self._connector.name
        return SourceFailed(Problem(f"{name} answered, but not with what was asked for.", why, todo, source=name))


def _select(fragment: Fragment, columns: dict[str, types.SourceColumn]) -> sql.Composable:
    parts: list[sql.Composable] = [
        sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(columns[each.name].projection for each in fragment.columns),
            sql.Identifier(fragment.schema, fragment.table),
        ),
    ]
    if fragment.predicates:
        parts.append(
            sql.SQL("WHERE {}").format(
                sql.SQL(" AND ").join(types.where(each, columns) for each in fragment.predicates)
            )
        )
    if fragment.limit is not None:
        parts.append(sql.SQL("LIMIT {}").format(sql.SQL(str(int(fragment.limit)))))
    return sql.SQL(" ").join(parts)


def _dataset(rows: list[tuple[str | None, ...]]) -> Dataset:
    schema, name, comment, owner, estimate, size = rows[0][:6]
    columns = []
    for row in rows:
        described = types.column(str(row[6]), _int(row[7]), _int(row[8]), _int(row[9]), deterministic=True)
        text, sensitivity = types.sensitivity(str(row[10]))
        columns.append(Column(described.name, described.type, text, sensitivity=sensitivity))
    return Dataset(
        str(schema),
        str(name),
        tuple(columns),
        str(comment),
        str(owner),
        None if estimate is None else int(estimate),
        None if size is None else int(size),
    )


def _int(text: str | None) -> int:
    return int(text or 0)
