"""The catalog as one person may see it.  What they may not discover does not exist.

Tables are asked for by name, or a page at a time; the database leaves out what is not theirs, and `decide` judges
every table that is handed out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property

from sqlalchemy import ColumnElement, Connection, and_, false, func, literal, not_, or_, select, true, tuple_

from swap.catalog import history, keys, store
from swap.catalog.model import Change, Count, Listed, Listing, SourceState, TableName, VisibleColumn, VisibleDataset
from swap.catalog.sight import Sight, each_column, sight
from swap.db.tables import dataset as dataset_table
from swap.errors import NotFound, Problem
from swap.identity import Principal
from swap.policy.decide import book, decide, decide_table
from swap.policy.model import Action, Decision, Resource
from swap.settings import Policy, Settings

Health = store.Health
PAGE = 100
"""Tables of one page, unless somebody wants fewer."""
CHANGES = 50
"""Changes of a table that are told."""
NEIGHBOURS = 100
"""Tables looked through in each place where one that is meant by a name that is not there may be."""
LOOKED_AT = 20
"""Tables of the newest data that are looked at for one whose partitions this person may know of."""
_MOMENT = "^[0-9]{4}-[0-9]{2}"
MATCHED = 3
"""Columns that are named of those for which a table was found."""
_BEGINNING = 2
"""Characters that a misspelt name has right, in most cases."""
_c = dataset_table.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tables of those a person may discover; everything that is said must hold.

    `text` is words in a table's name or comment, with `columns` also in the names of its columns, of those they may
    discover; `like` a pattern of the whole name, with `*` and `?`.
    """

    source: str = ""
    schema: str = ""
    text: str = ""
    columns: bool = False
    like: str = ""
    readable: bool | None = None


@dataclass(frozen=True)
class Catalog:
    """The catalog as one person sees it, within one transaction."""

    conn: Connection
    policy: Policy
    principal: Principal

    @cached_property
    def _sight(self) -> Sight:
        return sight(book(self.policy, self.principal))

    def find(self, names: Iterable[TableName]) -> dict[TableName, VisibleDataset]:
        """Return the tables that are meant by these names, as they were written; what does not exist is left out.

        A table of exactly this name comes before one that differs in upper and lower case.  When several differ only
        so, and none is exact, the name means none of them.
        """
        wanted = list(dict.fromkeys(names))
        by_path: dict[str, list[VisibleDataset]] = {}
        for harvested in store.find(self.conn, wanted):
            seen = _seen_by(self.policy, self.principal, harvested)
            if seen is not None:
                by_path.setdefault(keys.path(*seen.name), []).append(seen)
        found = {}
        for name in wanted:
            alike = by_path.get(keys.path(*name), [])
            meant = [each for each in alike if each.name == name] or alike
            if len(meant) == 1:
                found[name] = meant[0]
        return found

    def table(self, name: TableName) -> VisibleDataset:
        """Return one table.  Raises NotFound alike for one that does not exist and one the person may not discover."""
        found = self.find([name])
        if name in found:
            return found[name]
        raise NotFound(
            Problem(
                f"There is no table {name}, or you may not know of it.",
                todo="Look through the tables you may see on the Data page.",
            )
        )

    def changes(self, name: TableName) -> list[Change]:
        """Return the newest changes of a table, of columns the person may discover, also of those that are gone."""
        found = history.of(self.conn, name, CHANGES)
        columns = sorted({keys.key(each.column) for each in found})
        _, verdicts = decide_table(self.policy, self.principal, Action.DISCOVER, Resource(*name), columns)
        known = {column for column, verdict in zip(columns, verdicts, strict=True) if verdict.allowed}
        return [each for each in found if keys.key(each.column) in known]

    def latest_changes(self, names: Iterable[TableName]) -> dict[TableName, datetime]:
        """Return when tables changed last, by columns the person may discover that went or are of another type."""
        found: dict[TableName, datetime] = {}
        for name, columns in history.latest(self.conn, names).items():
            by_key = {keys.key(column): at for column, at in columns.items()}
            _, verdicts = decide_table(self.policy, self.principal, Action.DISCOVER, Resource(*name), list(by_key))
            moments = [at for at, verdict in zip(by_key.values(), verdicts, strict=True) if verdict.allowed]
            if moments:
                found[name] = max(moments)
        return found

    def tables(self, wanted: Wanted, *, after: str = "", limit: int = PAGE) -> Listing:
        """Return a page of tables, in the order of their names, beginning behind `after` of the page before."""
        last = keys.split(after)
        start = TableName(*last) if len(last) == len(TableName._fields) and keys.storable(*last) else None
        rows = store.listed(self.conn, *self._conditions(wanted), after=start, limit=limit + 1)
        words = _words(wanted.text) if wanted.columns else []
        more = rows[limit - 1].name if len(rows) > limit else ()
        return Listing(tuple(self._judged(rows[:limit], words)), keys.joined(*more))

    def starting(self, beginning: str, limit: int) -> list[Listed]:
        """Return readable tables that begin like this, or whose schema or name does; the former first."""
        found: dict[TableName, Listed] = {}
        for column in (_c.path, _c.name_key, _c.schema_key) if beginning else (_c.path,):
            conditions = (self._sight.visible, self._sight.readable, _begins(column, beginning))
            rows = store.listed(self.conn, *conditions, limit=limit - len(found)) if len(found) < limit else []
            found |= {each.name: each for each in self._judged(rows)}
        return list(found.values())

    def near(self, written: Sequence[str], limit: int) -> tuple[Listed, ...]:
        """Return tables that may be meant by a name that is not there, in the parts somebody wrote, nearest first.

        Looked for among the tables of this schema and among those of this name elsewhere, the misspelt part aside.
        """
        if not keys.storable(*written):
            return ()
        *before, last = map(keys.key, written)
        called, alike = _c.name_key == keys.path(last), _begins(_c.name_key, last[:_BEGINNING])
        places = [called, alike]
        if before:
            places.insert(0, and_(called, _begins(_c.schema_key, before[-1][:_BEGINNING])))
        if len(before) > 1:
            here, source = _c.in_schema == keys.path(*before[-2:]), _c.source_key == keys.path(before[-2])
            places[1:1] = [and_(here, alike), here, and_(source, alike)]
        candidates: dict[TableName, Listed] = {}
        for place in places:
            rows = store.listed(self.conn, self._sight.visible, place, limit=NEIGHBOURS)
            candidates |= {each.name: each for each in self._judged(rows)}
        return tuple(candidates[each] for each in nearest(".".join([*before, last]), last, candidates, limit))

    def schemas(self, source: str, *, beginning: str = "", after: str = "", limit: int) -> list[str]:
        """Return the schemas of a source that hold a table the person may discover, in the order of their names."""
        if not keys.storable(source, after):
            return []
        conditions = [self._sight.visible, _begins(_c.schema_key, beginning)]
        if after:
            conditions.append(tuple_(_c.in_schema, _c.schema) > tuple_(keys.path(source, after), after))
        return store.schemas(self.conn, source, *conditions, limit=limit)

    def inside(self, source: str, schema: str, *, beginning: str = "", limit: int) -> list[Listed]:
        """Return the tables of a schema that begin like this."""
        if not keys.storable(source, schema):
            return []
        place = (_c.in_schema == keys.path(source, schema), _begins(_c.name_key, beginning))
        return list(self._judged(store.listed(self.conn, self._sight.visible, *place, limit=limit)))

    def newest(self, source: str) -> str:
        """Return up to when a source's data goes, by the tables the person may read whose partitions are moments."""
        conditions = (self._sight.visible, self._sight.readable, _c.source == source, _c.newest.op("~")(_MOMENT))
        rows = store.newest(self.conn, *conditions, limit=LOOKED_AT)
        return max((each.newest for each in self._judged(rows)), default="")

    def count(self, wanted: Wanted) -> Count:
        """Return how many tables there are of those that are wanted."""
        counts = self._counts(_c.source, wanted).values()
        return Count(sum(each.visible for each in counts), sum(each.readable for each in counts))

    def count_by_source(self) -> dict[str, Count]:
        """Return how many tables each source has."""
        return self._counts(_c.source, Wanted())

    def count_by_schema(self, source: str, schemas: Sequence[str]) -> dict[str, Count]:
        """Return how many tables each of these schemas of a source has."""
        return self._counts(_c.schema, Wanted(source=source), _c.schema.in_(schemas))

    def _counts(self, by: ColumnElement[str], wanted: Wanted, *conditions: ColumnElement[bool]) -> dict[str, Count]:
        found = store.counts(self.conn, *self._conditions(wanted), *conditions, by=by, readable=self._sight.readable)
        return {name: Count(visible, readable) for name, (visible, readable) in found.items()}

    def _conditions(self, wanted: Wanted) -> list[ColumnElement[bool]]:
        if not keys.storable(wanted.source, wanted.schema, wanted.text, wanted.like):
            return [false()]
        conditions = [self._sight.visible]
        if wanted.source:
            conditions.append(_c.source == wanted.source)
        if wanted.schema:
            conditions.append(_c.schema == wanted.schema)
        conditions += [self._holds(word, columns=wanted.columns) for word in _words(wanted.text)]
        if wanted.like:
            whole = func.concat_ws(".", _c.source_key, _c.schema_key, _c.name_key)
            conditions.append(whole.like(_like(wanted.like), escape="!"))
        if wanted.readable is not None:
            conditions.append(self._sight.readable if wanted.readable else not_(self._sight.readable))
        return conditions

    def _holds(self, word: str, *, columns: bool) -> ColumnElement[bool]:
        """Return the condition that a word is in a table's name or comment, or in a column they may discover."""
        said = func.strpos(_c.words, word) > 0
        if not columns:
            return said
        each = each_column()
        known = select(literal(1)).select_from(each).where(func.strpos(each.c.name, word) > 0, self._sight.column)
        # Most tables have no such column, which is seen without taking their columns apart.
        somewhere = func.strpos(func.array_to_string(_c.columns, " "), word) > 0
        return or_(said, and_(somewhere, known.correlate(dataset_table).exists()))

    def _judged(self, rows: Iterable[store.Row], words: Sequence[str] = ()) -> Iterator[Listed]:
        """Yield what of the rows this person may discover, as they may know of it."""
        for row in rows:
            verdict = _judge(self.policy, self.principal, row.name, row.columns)
            if verdict is not None:
                yield _listed(row, verdict, words)


def sources(conn: Connection, settings: Settings, principal: Principal, *, fresh: bool) -> list[SourceState]:
    """Return the sources the person may discover, down ones too, in the settings' order, `newest` if `fresh`."""
    catalog = Catalog(conn, settings.policy, principal)
    counts = catalog.count_by_source()
    health = store.health(conn)
    states = []
    for name, source in settings.sources.items():
        if not decide(settings.policy, principal, Action.DISCOVER, Resource(name)).allowed:
            continue
        state = health.get(name)
        states.append(
            SourceState(
                name=name,
                kind=source.kind,
                title=source.title,
                owner=source.owner,
                note=source.note,
                up=state is not None and state.up,
                since=state.since if state else datetime.fromtimestamp(0, UTC),
                tables=counts.get(name, Count(0, 0)),
                newest=catalog.newest(name) if fresh else "",
                harvested_at=state.harvested_at if state else None,
                servers=state.servers if state else (),
            )
        )
    return states


def health(conn: Connection) -> dict[str, Health]:
    """Return the health of every source, by name, whoever asks."""
    return store.health(conn)


def mark(conn: Connection, source: str, *, up: bool, problem: str, now: datetime) -> None:
    """Record that a query found a source up or down."""
    store.record_health(conn, source, up=up, problem=problem, now=now, harvested=False)


def _begins(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    # Not LIKE: as a range an index serves it, whatever characters there are.
    if not keys.storable(name):
        return false()
    start = keys.path(name)
    return and_(column >= start, column < start + chr(sys.maxunicode)) if name else true()


def _like(pattern: str) -> str:
    r"""Return a pattern of a whole name with `*` and `?` as LIKE has it, its escape being `!`, over names as keys.

    >>> _like("lake.w_f.*")
    'lake.w!_f.%'
    """
    key = re.sub(r"[!%_]", r"!\g<0>", keys.path(pattern))
    return key.replace("*", "%").replace("?", "_")


def nearest(written: str, last: str, candidates: Mapping[TableName, Listed], limit: int) -> list[TableName]:
    """Return the candidates that are called so elsewhere, then those spelt alike."""
    same = [name for name in candidates if keys.key(name.table) == last]
    spelt = _close(written, {name: keys.key(str(name)) for name in candidates}, limit)
    if not same and not spelt:
        spelt = _close(last, {name: keys.key(name.table) for name in candidates}, limit)
    nearer = [name for name in spelt if name in same]
    return list(dict.fromkeys([*nearer, *same, *spelt]))[:limit]


def _close(written: str, called: Mapping[TableName, str], limit: int) -> list[TableName]:
    by_key: dict[str, list[TableName]] = {}
    for name, key in called.items():
        by_key.setdefault(key, []).append(name)
    return [name for key in get_close_matches(keys.key(written), by_key, n=limit, cutoff=0.6) for name in by_key[key]]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What somebody may do with a table they may discover; names of columns are without case."""

    read: Decision
    columns: Mapping[str, Decision]
    """Each column they may discover, and the verdict on reading it."""

    def tells_of(self, partition_columns: Iterable[str]) -> bool:
        """Tell whether they may know how the table is divided and how new it is: these are values of such columns."""
        return self.read.allowed and all(
            name in self.columns and self.columns[name].allowed for name in partition_columns
        )


def _judge(policy: Policy, principal: Principal, name: TableName, columns: Sequence[str]) -> _Verdict | None:
    """Return the verdict on a table with these columns, or None when for this person it does not exist."""
    table = Resource(*name)
    found_table, discover = decide_table(policy, principal, Action.DISCOVER, table, columns)
    if not found_table.allowed:
        return None
    read, reading = decide_table(policy, principal, Action.READ, table, columns)
    known = {column: read for column, found, read in zip(columns, discover, reading, strict=True) if found.allowed}
    if not known:
        # A pattern such as lake.wmf.*.city reaches into every table; it must not tell of those without a city.
        return None
    if read.allowed and not any(verdict.allowed for verdict in known.values()):
        read = next(iter(known.values()))
    return _Verdict(read, known)


def _seen_by(policy: Policy, principal: Principal, harvested: store.Harvested) -> VisibleDataset | None:
    dataset = harvested.dataset
    name = TableName(harvested.source, dataset.schema, dataset.name)
    verdict = _judge(policy, principal, name, [keys.key(column.name) for column in dataset.columns])
    if verdict is None:
        return None
    columns = tuple(
        VisibleColumn(column, verdict.columns[key])
        for column in dataset.columns
        if (key := keys.key(column.name)) in verdict.columns
    )
    if not verdict.tells_of(map(keys.key, dataset.told_of)):
        # Which is the newest partition, or the largest moment, is a value, too.
        dataset = replace(dataset, newest="", newest_of="", partitions=None)
    if not verdict.read.allowed:
        rows, size = _roughly(dataset.row_estimate), _roughly(dataset.size_bytes)
        dataset = replace(dataset, row_estimate=rows, size_bytes=size, rows_exact=False)
    return VisibleDataset(harvested.source, dataset, columns, verdict.read)


def _listed(row: store.Row, verdict: _Verdict, words: Sequence[str]) -> Listed:
    rows, size, exact = row.row_estimate, row.size_bytes, row.rows_exact
    if not verdict.read.allowed:
        rows, size, exact = _roughly(rows), _roughly(size), False
    newest = row.newest if verdict.tells_of(row.partition_columns) else ""
    matched = [column for column in verdict.columns if any(word in column for word in words)]
    return Listed(row.name, row.comment, rows, exact, size, newest, verdict.read, tuple(matched[:MATCHED]))


def _words(text: str) -> list[str]:
    """Return the words that are looked for, as names are compared."""
    return keys.key(text).split()


def _roughly(count: int | None) -> int | None:
    """Return a count in two digits, and never finer than tens: that a table grows by one is news of what is in it."""
    return None if count is None else round(count, min(-1, 2 - len(str(count))))
