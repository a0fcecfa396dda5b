"""Which datasets somebody may see, as conditions the database computes, so that rights come before pages and counts.

The conditions say the same as `policy.decide` does, which judges every row that leaves once more; a test holds the
two against each other on catalogs and rules of all shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    and_,
    any_,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql

from swap.catalog import keys
from swap.db.tables import dataset
from swap.policy.decide import Book
from swap.policy.model import Action
from swap.policy.patterns import Pattern

_COLUMN_DEPTH = 4
_c = dataset.c


class Sight(NamedTuple):
    """What holds of a dataset that may be discovered, and what else holds of such a one that may also be read."""

    visible: ColumnElement[bool]
    readable: ColumnElement[bool]
    column: ColumnElement[bool]
    """What holds of a column of such a one, unnested as `each.name`, that may be discovered itself."""


def sight(book: Book) -> Sight:
    """Return the conditions for whom the book is made.  They are made once for each book."""
    made = _made.get(book)
    if made is None:
        discover, read = _Side.of(book, Action.DISCOVER), _Side.of(book, Action.READ)
        # A column that may be read but not discovered does not exist, so it opens no table.
        made = _made[book] = Sight(
            _written(and_(discover.table(), _some_column(discover))),
            _written(and_(read.table(), _some_column(discover, read))),
            _written(discover.column(literal_column("each.name", Text))),
        )
    return made


_made: WeakKeyDictionary[Book, Sight] = WeakKeyDictionary()


def _written(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition as its text: hundreds of names are written into it once, and not sent along each time."""
    statement: Select[int] = select(literal_column("1", Integer)).select_from(dataset).where(condition)
    text = str(statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    return literal_column(f"({text.partition(_WHERE)[2]})", Boolean)


_WHERE = " \nWHERE "
# Without the driver's doubling of per cent signs, which comes when the text is sent.
_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


class _Columns(NamedTuple):
    """Columns that patterns name in the tables of their first three parts; None for all of them."""

    tables: tuple[Pattern, ...]
    columns: frozenset[str] | None

    def of(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition on a column of the dataset."""
        here = _covered(self.tables)
        return here if self.columns is None else and_(here, _among(column, self.columns))

    def any_of(self) -> ColumnElement[bool]:
        """Return the condition that the dataset has one of them."""
        here = _covered(self.tables)
        if self.columns is None:
            return and_(here, func.cardinality(_c.columns) > 0)
        return and_(here, _c.columns.overlap(_array(self.columns)))


class _Side(NamedTuple):
    """What a book opens and closes for one action: whole tables and what they lie in, and single columns."""

    open_tables: tuple[Pattern, ...]
    open_columns: tuple[_Columns, ...]
    closed_tables: tuple[Pattern, ...]
    closed_columns: tuple[_Columns, ...]

    @classmethod
    def of(cls, book: Book, action: Action) -> _Side:
        """Return what the book says of an action."""
        clauses = [clause for clause in book.clauses if clause.action is action]
        opened = [clause.pattern for clause in clauses if clause.verdict.allowed]
        closed = [clause.pattern for clause in clauses if not clause.verdict.allowed]
        return cls(_whole(opened), _by_columns(opened), _whole(closed), _by_columns(closed))

    def table(self) -> ColumnElement[bool]:
        """Return the condition that the table itself is open: something opens it or a part of it, nothing closes it."""
        inside = [pattern for group in self.open_columns for pattern in group.tables]
        return and_(_covered([*self.open_tables, *inside]), not_(_covered(self.closed_tables)))

    def column(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a column of an open table is open."""
        opened = or_(_covered(self.open_tables), *(group.of(column) for group in self.open_columns))
        return and_(opened, not_(or_(false(), *(group.of(column) for group in self.closed_columns))))

    def possible(self) -> ColumnElement[bool]:
        """Return a condition that holds wherever some column may be open."""
        return or_(_covered(self.open_tables), *(group.any_of() for group in self.open_columns))


def each_column() -> TableValuedAlias:
    """Return a dataset's columns as rows, `each.name`."""
    return func.unnest(_c.columns).table_valued("name").render_derived(name="each")


def _some_column(*sides: _Side) -> ColumnElement[bool]:
    """Return the condition that one column is open on every side.

    Most tables are decided without looking at their columns one by one; the others are few.
    """
    column = each_column()
    open_there = [side.column(column.c.name) for side in sides]
    one_by_one = select(literal_column("1")).select_from(column).where(*open_there).correlate(dataset).exists()
    return or_(_surely_some(sides), and_(*(side.possible() for side in sides), one_by_one))


def _surely_some(sides: Sequence[_Side]) -> ColumnElement[bool]:
    """Return a condition that holds only where a column is open: the table is, and not all its columns are closed."""
    closed = [group for side in sides for group in side.closed_columns]
    whole = [pattern for group in closed if group.columns is None for pattern in group.tables]
    names = frozenset[str]().union(*(group.columns for group in closed if group.columns is not None))
    return and_(
        *(_covered(side.open_tables) for side in sides),
        not_(_covered(whole)),
        # A table none of whose columns has a name is within any set of names, too.
        not_(_c.columns.contained_by(_array(names))),
    )


def _whole(patterns: Iterable[Pattern]) -> tuple[Pattern, ...]:
    return tuple(dict.fromkeys(pattern for pattern in patterns if len(pattern) < _COLUMN_DEPTH))


def _by_columns(patterns: Iterable[Pattern]) -> tuple[_Columns, ...]:
    """Return the patterns of columns: those of the same tables together, then tables with the same columns together."""
    columns: dict[Pattern, set[str | None]] = {}
    for pattern in patterns:
        if len(pattern) == _COLUMN_DEPTH:
            columns.setdefault(pattern[:-1], set()).add(pattern[-1])
    tables: dict[frozenset[str] | None, list[Pattern]] = {}
    for table, names in columns.items():
        every = None if None in names else frozenset(name for name in names if name is not None)
        tables.setdefault(every, []).append(table)
    return tuple(_Columns(tuple(found), names) for names, found in tables.items())


def _covered(patterns: Iterable[Pattern]) -> ColumnElement[bool]:
    """Return the condition that one of these patterns, of at most three parts, names the table or what it lies in."""
    wanted: dict[tuple[bool, ...], set[str]] = {}
    every = {_trimmed(pattern) for pattern in patterns}
    for parts in every:
        if any(parts[:length] in every for length in range(len(parts))):
            continue  # something shorter says it already
        wanted.setdefault(tuple(part is not None for part in parts), set()).add(
            keys.joined(*(part for part in parts if part is not None))
        )
    if () in wanted:
        return true()
    return or_(false(), *(_among(_KEYS[shape], names) for shape, names in wanted.items()))


def _trimmed(pattern: Pattern) -> Pattern:
    """Return the pattern without stars at its end: every table has all three parts."""
    while pattern and pattern[-1] is None:
        pattern = pattern[:-1]
    return pattern


def _among(key: ColumnElement[str], names: Iterable[str]) -> ColumnElement[bool]:
    return key == any_(_array(names))


def _array(names: Iterable[str]) -> ColumnElement[Sequence[str]]:
    return cast(literal(sorted(names), ARRAY(Text)), ARRAY(Text))  # the cast is for none at all


_KEYS: dict[tuple[bool, ...], ColumnElement[str]] = {
    (True,): _c.source_key,
    (True, True): _c.in_schema,
    (True, True, True): _c.path,
    (True, False, True): _c.across,
    (False, True): _c.schema_key,
    (False, False, True): _c.name_key,
    (False, True, True): _c.schema_key + "/" + _c.name_key,
}
"""Where the named parts of a pattern stand, by which of them it names."""
