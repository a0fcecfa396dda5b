"""A statement in MySQL's own dialect: the server reads it a second time, then it runs; its columns are what it says.

`EXPLAIN FORMAT=JSON` names every table by the name it has in the statement, and ours has names for the plan's tables
that nobody else knows.  The server's own words for the statement, a note beside EXPLAIN, tell which table has such a
name; and where the server would answer from its statistics, and names none, they are read name by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.messages import STATEMENT, decode_schema
from swap.connectors.mysql import decode
from swap.connectors.mysql.decode import Form
from swap.connectors.mysql.definitions import Definition
from swap.connectors.mysql.select import comment
from swap.connectors.mysql.types import identifier, text
from swap.connectors.mysql.wire import Link
from swap.connectors.process import Tell
from swap.connectors.second_reading import closed_view, disagrees, not_understood, unique
from swap.errors import Problem, SourceFailed

_LONGEST_GROUP = 2**24
"""Bytes of a GROUP_CONCAT: as many as a packet holds, where the server's own limit would cut it unseen."""
_SESSION = (
    f"SET SESSION group_concat_max_len = {_LONGEST_GROUP}"
    " /*M! , max_error_count = 65535 */ /*!80300 , explain_json_format_version = 1 */"
)
"""What a session is set to: for a MariaDB alone, which keeps 64 notes, and in which anybody may set how many; and for a
MySQL that knows of several forms of a plan."""
_MADE = re.compile(r"<[a-z]+[0-9]+(,[0-9]+|,\.\.\.)*>")
"""A table that the server makes: of a derived query, or of a UNION."""
_SAYS_NOTHING = frozenset({"No tables used"})
_NOTE = 1003
# Not read as JSON, which some servers write with mistakes: a name more, found in a text, refuses the statement only.
_TABLE = re.compile(r'"table_name":\s*"((?:[^"\\]|\\.)*)"')
_MESSAGE = re.compile(r'"select_id":\s*(?P<query>\d+)|"message":\s*"(?P<said>(?:[^"\\]|\\.)*)"')
_WORDS = re.compile(r"'(?:[^'\\]|\\.)*+'|(?P<name>`(?:[^`]|``)*+`(?:\.`(?:[^`]|``)*+`)*)", re.DOTALL)
_NAME = re.compile(r"`((?:[^`]|``)*+)`")
_WORDED = re.compile(r"/\* select#(\d+) \*/")
_IN_FROM = re.compile(r"(?:(?:from|join)[ (]*|\) )\Z")
"""Before a table's name, or before that of a query in brackets."""
_IN_CALL = re.compile(r"(?:extract|trim)\([^()'`]*from \Z")
"""Before a column's name, where a function has a FROM of its own."""
_LOOKED_BACK = 200
_VIEWS = "SELECT table_type FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {table}"

Tables = Mapping[str, tuple[str, str]]
"""What a plan may read: (schema, table) by the name in the statement."""


def native(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Have the statement read a second time, then write its rows; return how many they are."""
    assert sink is not None
    source = request["source"]
    tables: Tables = {name: (schema, table) for name, schema, table in request["tables"]}
    demand(link, source, request["text"], tables)
    statement = f"{comment(request['query_id'])} {request['text']}"
    tell({STATEMENT: statement})
    writer: StreamWriter | None = None
    columns: list[tuple[pa.DataType, Form]] = []
    schema = pa.schema([])

    def begin() -> StreamWriter:
        nonlocal columns, schema
        try:
            names, columns = _described(source, link.columns, decode_schema(request["columns"]).types)
        except decode.MalformedError as error:
            raise _unreadable(source, str(error)) from None
        schema = pa.schema([pa.field(name, type_) for name, (type_, _) in zip(names, columns, strict=True)])
        return StreamWriter(sink, schema, lambda rows, at: tell({"rows": rows, "at": at}))

    for packets in link.stream(statement):
        writer = writer or begin()
        try:
            arrays = decode.rows(packets.data, packets.starts, packets.ends, columns)
        except decode.UnreadableError as error:
            raise _failed(
                source,
                f"The column {schema.names[error.column]} holds {error}, first in row"
                f" {writer.rows + error.row + 1} of the answer.",
                "Leave the column out, or make it text with CAST.",
            ) from None
        except decode.MalformedError as error:
            raise _unreadable(source, str(error)) from None
        writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return (writer or begin()).end()


# ── What the server would read ──────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Word:
    """A name in the server's own words for a statement: its parts, and the alias behind it.

    It stands `in_from` where a table does; then it is one if it has two parts.
    """

    parts: tuple[str, ...]
    alias: str
    in_from: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server says it would read: what it calls each table, and the names in its words.

    It calls a table nothing where it answers a query from its statistics (`leaves_out`): then only the words tell.
    They are whole when each query of the plan stands in them: one that was answered meanwhile has become a literal.
    """

    called: frozenset[str]
    words: tuple[Word, ...]
    leaves_out: bool = False
    is_whole: bool = False

    @property
    def tables(self) -> frozenset[tuple[str, ...]]:
        """The tables among the words."""
        return frozenset(word.parts for word in self.words if word.in_from and len(word.parts) > 1)

    @property
    def made(self) -> frozenset[str]:
        """What the statement itself calls something in FROM: sub-queries, and queries in WITH."""
        own = {word.parts[0] for word in self.words if word.in_from and len(word.parts) == 1}
        return frozenset(own | {word.alias for word in self.words if word.in_from and word.alias})


NOTHING = Reading(frozenset(), ())


def demand(link: Link, source: str, statement: str, tables: Tables) -> None:
    """Let a statement pass in which the server finds the plan's tables, and what views among them read, and no other.

    Raises QueryRefused.
    """
    link.ask(_SESSION)
    views = _views(link, tables)
    behind = _behind(link, source, views)
    if "`<" in statement:
        # So are tables called that the server makes.
        raise disagrees(source)
    try:
        found = _read(link, source, _without_indexes(statement, [name for name in tables if tables[name] not in views]))
    except SourceFailed:
        raise _misread(source, link.error) from None
    # A MySQL calls a query by its name in the statement. A table of that name is among the words, if those are whole.
    known = behind.called if link.is_mariadb or not found.is_whole else behind.called | found.made
    if any(name not in tables and name not in known for name in found.called):
        raise disagrees(source)
    _demand_in_words(source, found, behind, tables)


def _views(link: Link, tables: Tables) -> list[tuple[str, str]]:
    """Return those of the plan's tables that are views."""
    return [
        (schema, table)
        for schema, table in dict.fromkeys(tables.values())
        if ("VIEW",) in link.ask(_VIEWS.format(schema=text(schema), table=text(table)))
    ]


def _behind(link: Link, source: str, views: Iterable[tuple[str, str]]) -> Reading:
    """Return what views read, as the server says it of each alone.  Raises QueryRefused."""
    behind = NOTHING
    for schema, table in views:
        try:
            found = _read(link, source, f"SELECT * FROM {identifier(schema)}.{identifier(table)}")  # noqa: S608 — quoted
        except SourceFailed:
            raise closed_view(source, f"{schema}.{table}") from None
        behind = Reading(behind.called | found.called, (*behind.words, *found.words))
    return behind


def _without_indexes(statement: str, names: Iterable[str]) -> str:
    """Return a statement that reads the same, of which the server can answer no part while it explains it.

    By an index it would look up a key's row, or the largest value, and put the answer in the table's place.  A text in
    it that looks like a name of the plan's is another one then, which changes nothing of what is read.
    """
    for name in names:
        statement = statement.replace(f" AS {identifier(name)}", f" AS {identifier(name)} USE INDEX ()")
    return statement


def _read(link: Link, source: str, statement: str) -> Reading:
    """Return what the server would read.  Raises SourceFailed, and QueryRefused where it does not say it plainly."""
    rows = link.ask(f"EXPLAIN FORMAT=JSON {statement}")
    told = rows[0][0] or "" if rows and len(rows[0]) == 1 else ""
    names = _TABLE.findall(told)
    if not told or len(names) != told.count('"table_name"'):
        raise disagrees(source)
    called = frozenset(name for name in names if not _MADE.fullmatch(name))
    queries, silent = _queries(told)
    notes = _notes(link, source, statement)
    # The first has no number where it is the only one.
    worded = {"1", *(number for note in notes for number in _WORDED.findall(note))}
    if not silent <= worded:
        raise disagrees(source)
    return Reading(called, tuple(_words(notes)), bool(silent), is_whole=not silent and queries <= worded)


def _queries(told: str) -> tuple[set[str], set[str]]:
    """Return the numbers of a plan's queries, and of those for which it has a message in the place of tables."""
    queries, silent = set(), set()
    number = ""
    for each in _MESSAGE.finditer(told):
        if each["query"]:
            number = each["query"]
            queries.add(number)
        elif each["said"] not in _SAYS_NOTHING:
            silent.add(number)
    return queries, silent


def _notes(link: Link, source: str, statement: str) -> list[str]:
    """Return the statement in the server's own words.  Raises QueryRefused where it has none."""
    link.ask(f"EXPLAIN EXTENDED {statement}" if link.is_mariadb else f"EXPLAIN FORMAT=TRADITIONAL {statement}")
    notes = [row[2] or "" for row in link.ask("SHOW WARNINGS") if len(row) == 3 and row[1] == str(_NOTE)]
    if not notes:
        raise disagrees(source)
    return notes


def _words(notes: list[str]) -> Iterator[Word]:
    """Yield each name in the statement as the server understood it."""
    for note in notes:
        named = [each for each in _WORDS.finditer(note) if each["name"]]
        for each, after in zip(named, [*named[1:], None], strict=False):
            aliased = after is not None and note[each.end() : after.start()] == " "
            before = note[max(0, each.start() - _LOOKED_BACK) : each.start()]
            yield Word(
                _parts(each["name"]),
                _parts(after["name"])[0] if after and aliased else "",
                in_from=bool(_IN_FROM.search(before)) and not _IN_CALL.search(before),
            )


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.replace("``", "`") for part in _NAME.findall(name))


def _demand_in_words(source: str, found: Reading, behind: Reading, tables: Tables) -> None:
    """Refuse tables that are neither the plan's nor behind its views, and names of ours behind other tables.

    Where the server answers from its statistics it names no table elsewhere: then also each other name with a dot.
    """
    own = set(tables.values())
    if not found.tables <= own | behind.tables:
        raise disagrees(source)
    aliased = {(schema, name) for name, (schema, _) in tables.items()}
    known = {word.parts for word in behind.words} | own
    prefixes = {word.parts[:2] for word in behind.words} | own | aliased
    for word in found.words:
        parts = word.parts
        if len(parts) > 1 and word.alias in tables and parts != tables[word.alias]:
            raise disagrees(source)
        if not found.leaves_out or len(parts) == 1 or parts in known or parts[:2] in prefixes or parts[0] in tables:
            continue
        if len(parts) > 2 or word.in_from or parts[0] not in found.made:
            raise disagrees(source)


def _misread(source: str, number: int) -> Exception:
    for numbers, why in _WHY.items():
        if number in numbers:
            return not_understood(source, why)
    return not_understood(source, f"Its error is {number}.")


_WHY: dict[frozenset[int], str] = {
    frozenset({1064, 1149}): "It finds a mistake in how it is written (1064).",
    frozenset({1054, 1166, 1247}): "A column is not there where it is named (1054); an alias is not seen in WHERE.",
    frozenset({1052}): "A column's name could be one of several tables (1052): write the table's alias before it.",
    frozenset({1305, 1630, 1128, 1582, 1583}): "A function is not there, or has other arguments (1305, 1582).",
    frozenset({1055, 1056, 1111, 1140}): "Something stands with GROUP BY that cannot (1111).",
    frozenset({1222, 1241, 1242}): "Queries put together have different numbers of columns (1222, 1241).",
    frozenset({1267, 1270, 1271}): "Texts with different collations meet (1267): write COLLATE behind one of them.",
    frozenset({1060, 1066}): "A name is there twice (1060, 1066): give each column and table its own.",
    frozenset({1142, 1143, 1345, 1370}): "SWAP's account may not read it.",
}


# ── How the server describes its rows ───────────────────────────────────────────────────────────────
_BINARY = 63
"""The character set of what is no text."""
_UNSIGNED = 32
_INTEGERS = {
    1: (pa.int8(), pa.uint8()),
    2: (pa.int16(), pa.uint16()),
    9: (pa.int32(), pa.uint32()),
    3: (pa.int32(), pa.uint32()),
    8: (pa.int64(), pa.uint64()),
}
_PLAIN = {
    5: (pa.float64(), Form.PLAIN),
    6: (pa.string(), Form.PLAIN),
    7: (pa.timestamp("us", "UTC"), Form.PLAIN),
    10: (pa.date32(), Form.PLAIN),
    11: (pa.duration("us"), Form.TIME),
    12: (pa.timestamp("us"), Form.PLAIN),
    13: (pa.int16(), Form.PLAIN),
    245: (pa.string(), Form.PLAIN),
}
_DECIMALS = frozenset({0, 246})
_STRINGS = frozenset({15, 247, 248, 249, 250, 251, 252, 253, 254})
_LARGEST = 38
_MOST_DIGITS = 76
"""A server's own decimals have 65 at most, which is less than Arrow's largest hold."""


def _described(
    source: str, columns: list[Definition], known: list[pa.DataType]
) -> tuple[list[str], list[tuple[pa.DataType, Form]]]:
    """Return the names and types of a result's columns; `known` are the catalog's types of those that are a table's.

    Raises MalformedError, SourceFailed.
    """
    if not columns:
        raise decode.MalformedError("it has no columns")
    types = [_type(source, each) for each in columns]
    if len(known) == len(types):
        types = [_meant(*each) for each in zip(types, known, strict=True)]
    return unique([each.name for each in columns]), types


def _meant(sent: tuple[pa.DataType, Form], known: pa.DataType) -> tuple[pa.DataType, Form]:
    """Return how a column is read that is a table's own: bytes are what the source's settings call them."""
    if not pa.types.is_binary(sent[0]):
        return sent
    if pa.types.is_timestamp(known):
        return known, Form.STAMP
    return (known, Form.PLAIN) if pa.types.is_string(known) else sent


def _type(source: str, column: Definition) -> tuple[pa.DataType, Form]:
    kind, unsigned = column.kind, bool(column.flags & _UNSIGNED)
    if kind in _INTEGERS:
        return _INTEGERS[kind][unsigned], Form.PLAIN
    if kind in _DECIMALS:
        # Its length has places for a sign and a point.
        precision = max(column.length - (column.decimals > 0) - (not unsigned), 1)
        if not column.decimals <= precision <= _MOST_DIGITS:
            raise decode.MalformedError(f"a decimal has {precision} digits, {column.decimals} of them behind the point")
        made = pa.decimal128 if precision <= _LARGEST else pa.decimal256
        return made(precision, column.decimals), Form.PLAIN
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _STRINGS:
        return pa.binary() if column.charset == _BINARY else pa.string(), Form.PLAIN
    instead = {4: "CAST(… AS DOUBLE)", 16: "CAST(… AS UNSIGNED)", 255: "ST_AsText(…)"}.get(kind, "CAST(… AS CHAR)")
    raise _failed(source, f"The column {column.name} has a type that does not travel exactly.", f"Write {instead}.")


def _unreadable(source: str, why: str) -> SourceFailed:
    return _failed(source, f"Its answer cannot be read: {why}.", "Show it to SWAP's administrator.")


def _failed(source: str, why: str, todo: str) -> SourceFailed:
    return SourceFailed(Problem(f"{source} answered, but not with what was asked for.", why, todo, source=source))
