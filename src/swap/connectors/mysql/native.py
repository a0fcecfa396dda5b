"""A statement in MySQL's own dialect: the server reads it a second time, then it runs; its columns are what it says.

`EXPLAIN FORMAT=JSON` names every table by the name it has in the statement, and ours has names for the plan's tables
that nobody else knows.  The server's own words for the statement, a note beside EXPLAIN, tell which table has such a
name; and where the server would answer from its statistics, and names none, they are read name by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.messages import STATEMENT
from swap.connectors.mysql import decode
from swap.connectors.mysql.decode import Form
from swap.connectors.mysql.select import comment
from swap.connectors.mysql.types import text
from swap.connectors.mysql.wire import Link
from swap.connectors.process import Tell
from swap.connectors.second_reading import disagrees, is_view, not_understood, unique
from swap.errors import Problem, SourceFailed

_LONGEST_GROUP = 2**24
"""Bytes of a GROUP_CONCAT: as many as a packet holds, where the server's own limit would cut it unseen."""
_MADE = re.compile(r"<[a-z]+[0-9]+(,[0-9]+|,\.\.\.)*>")
"""A table that the server makes: of a derived query, or of a UNION."""
_SAYS_NOTHING = frozenset({"No tables used"})
_NOTE = 1003
# Not read as JSON, which some servers write with mistakes: a name more, found in a text, refuses the statement only.
_TABLE = re.compile(r'"table_name":\s*"((?:[^"\\]|\\.)*)"')
_MESSAGE = re.compile(r'"message":\s*"((?:[^"\\]|\\.)*)"')
_WORDS = re.compile(r"'(?:[^'\\]|\\.)*+'|(?P<name>`(?:[^`]|``)*+`(?:\.`(?:[^`]|``)*+`)*)", re.DOTALL)
_NAME = re.compile(r"`((?:[^`]|``)*+)`")
_VIEWS = "SELECT table_type FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {table}"

Tables = Mapping[str, tuple[str, str]]
"""What a plan may read: (schema, table) by the name in the statement."""


def native(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Have the statement read a second time, then write its rows; return how many they are."""
    assert sink is not None
    source = request["source"]
    tables: Tables = {name: (schema, table) for name, schema, table in request["tables"]}
    demand(link, source, request["text"], tables)
    link.ask(f"SET SESSION group_concat_max_len = {_LONGEST_GROUP}")
    statement = f"{comment(request['query_id'])} {request['text']}"
    tell({STATEMENT: statement})
    writer: StreamWriter | None = None
    columns: list[tuple[pa.DataType, Form]] = []
    schema = pa.schema([])

    def begin() -> StreamWriter:
        nonlocal columns, schema
        names, columns = _described(source, link.columns)
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
            raise _failed(source, f"Its answer cannot be read: {error}.", "Show it to SWAP's administrator.") from None
        writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return (writer or begin()).end()


# ── What the server would read ──────────────────────────────────────────────────────────────────────
def demand(link: Link, source: str, statement: str, tables: Tables) -> None:
    """Let a statement pass in which the server finds the plan's tables and no other.  Raises QueryRefused."""
    link.ask("SET SESSION max_error_count = 65535")
    for schema, table in dict.fromkeys(tables.values()):
        if ("VIEW",) in link.ask(_VIEWS.format(schema=text(schema), table=text(table))):
            raise is_view(source, f"{schema}.{table}")
    if "`<" in statement:
        # So are tables called that the server makes.
        raise disagrees(source)
    try:
        ((said,),) = link.ask(f"EXPLAIN FORMAT=JSON {statement}")
    except SourceFailed:
        raise _misread(source, link.error) from None
    told = said or ""
    names = _TABLE.findall(told)
    if len(names) != told.count('"table_name"') or any(
        name not in tables and not _MADE.fullmatch(name) for name in names
    ):
        raise disagrees(source)
    _demand_in_words(
        source, _words(link, source, statement), tables, strict=bool(set(_MESSAGE.findall(told)) - _SAYS_NOTHING)
    )


def _words(link: Link, source: str, statement: str) -> list[tuple[tuple[str, ...], str]]:
    """Return each name in the statement as the server understood it, in its parts, with the alias behind it."""
    link.ask(f"EXPLAIN EXTENDED {statement}" if link.is_mariadb else f"EXPLAIN {statement}")
    notes = [said or "" for _, number, said in link.ask("SHOW WARNINGS") if number == str(_NOTE)]
    if not notes:
        raise disagrees(source)
    found = []
    for note in notes:
        named = [each for each in _WORDS.finditer(note) if each["name"]]
        for each, after in zip(named, [*named[1:], None], strict=True):
            aliased = after is not None and note[each.end() : after.start()] == " "
            found.append((_parts(each["name"]), _parts(after["name"])[0] if after and aliased else ""))
    return found


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.replace("``", "`") for part in _NAME.findall(name))


def _demand_in_words(source: str, words: list[tuple[tuple[str, ...], str]], tables: Tables, *, strict: bool) -> None:
    """Refuse names of ours behind other tables; if `strict`, also each name with a dot that is none of the plan's."""
    own = set(tables.values())
    aliased = {(schema, name) for name, (schema, _) in tables.items()}
    for parts, alias in words:
        if len(parts) > 1 and alias in tables and parts != tables[alias]:
            raise disagrees(source)
        if strict and len(parts) > 1 and not (parts in own or parts[:2] in aliased or parts[0] in tables):
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


def _described(source: str, packets: list[bytes]) -> tuple[list[str], list[tuple[pa.DataType, Form]]]:
    names, types = [], []
    for packet in packets:
        fields = list(_strings(packet, 6))
        name, rest = fields[4].decode(errors="replace"), packet[sum(map(_size, fields)) + 1 :]
        charset, length = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:6], "little")
        kind, flags, decimals = rest[6], int.from_bytes(rest[7:9], "little"), rest[9]
        names.append(name)
        types.append(_type(source, name, kind, charset, length, decimals, unsigned=bool(flags & _UNSIGNED)))
    return unique(names), types


def _type(
    source: str, name: str, kind: int, charset: int, length: int, decimals: int, *, unsigned: bool
) -> tuple[pa.DataType, Form]:
    if kind in _INTEGERS:
        return _INTEGERS[kind][unsigned], Form.PLAIN
    if kind in _DECIMALS:
        # Its length has places for a sign and a point.
        precision = length - (decimals > 0) - (not unsigned)
        made = pa.decimal128 if precision <= _LARGEST else pa.decimal256
        return made(max(precision, 1), decimals), Form.PLAIN
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _STRINGS:
        return pa.binary() if charset == _BINARY else pa.string(), Form.PLAIN
    instead = {4: "CAST(… AS DOUBLE)", 16: "CAST(… AS UNSIGNED)", 255: "ST_AsText(…)"}.get(kind, "CAST(… AS CHAR)")
    raise _failed(source, f"The column {name} has a type that does not travel exactly.", f"Write {instead}.")


def _strings(packet: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        first = packet[at]
        width = {0xFC: 2, 0xFD: 3}.get(first, 0)
        size = int.from_bytes(packet[at + 1 : at + 1 + width], "little") if width else first
        at += 1 + width + size
        yield packet[at - size : at]


def _size(value: bytes) -> int:
    return len(value) + (1 if len(value) < 251 else 3)


def _failed(source: str, why: str, todo: str) -> SourceFailed:
    return SourceFailed(Problem(f"{source} answered, but not with what was asked for.", why, todo, source=source))
