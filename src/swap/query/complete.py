"""What could stand at the cursor, as this person may see it; also while the statement does not parse yet.

Works on words, not on a tree.  Offers only what may be read: completing a locked name would end in a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from swap.catalog.model import VisibleDataset
from swap.query.language.allow import FUNCTION_NAMES
from swap.query.results.format import sql_type

MAX_ITEMS = 200
PATH_CHARACTERS = 600
"""How far before the cursor a name may begin: the search for its beginning takes time as the square of this."""
KEYWORDS = (
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "USING",
    "WITH",
    "UNION ALL",
    "DISTINCT",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "ILIKE",
    "IS NULL",
    "IS NOT NULL",
    "AS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DESC",
    "ASC",
    "QUALIFY",
    "OVER",
    "PARTITION BY",
    "EXISTS",
    "CAST",
    "INTERVAL",
    "DATE",
    "TIMESTAMP",
    "NULL",
    "TRUE",
    "FALSE",
    "EXCEPT",
    "INTERSECT",
)
_SKIP = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)", re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*|[^\s]')
_PATH = re.compile(r'(?:(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*)\s*\.\s*)*(?:"[^"]*|[A-Za-z_][A-Za-z0-9_]*)?\Z')
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
_TABLE_WORDS = frozenset({"from", "join"})
_CLAUSE_WORDS = frozenset(
    [
        "select",
        "where",
        "on",
        "using",
        "group",
        "order",
        "having",
        "limit",
        "qualify",
        "union",
        "except",
        "intersect",
        "window",
        "and",
        "or",
        "by",
        "as",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "natural",
        "lateral",
        "asof",
        "semi",
        "anti",
        "outer",
        "when",
        "then",
        "else",
        "end",
        "case",
        "with",
        "set",
        "values",
        "offset",
    ]
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to offer: how it is listed, what is put in, what it is."""

    label: str
    insert: str
    type: str
    documentation: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What to replace, in code points, and by what."""

    start: int
    end: int
    items: tuple[Item, ...]


def complete(sql: str, offset: int, catalog: Sequence[VisibleDataset]) -> Completion:
    """Return what could stand at `offset`."""
    offset = min(offset, len(sql))
    blanked = _blank(sql)
    before = blanked[:offset]
    if sql[:offset] and _in_string(sql[:offset]):
        return Completion(offset, offset, ())
    written = _PATH.search(before[-PATH_CHARACTERS:])
    path = written.group() if written else ""
    head, _, prefix = path.rpartition(".")
    qualifier = [_plain(part) for part in head.split(".")] if head else []
    prefix = prefix.strip().lstrip('"')
    start = offset - len(prefix) - (1 if path.rpartition(".")[2].strip().startswith('"') else 0)
    tables = {table.full_name.casefold(): table for table in catalog}
    in_sight = _aliases(blanked, tables)
    if qualifier:
        found = _after_dot([part.casefold() for part in qualifier], tables, in_sight)
    elif _wants_table(before[: len(before) - len(path)]):
        found = _tables(tables.values(), blanked)
    else:
        found = _anything(in_sight, tables)
    return Completion(start, offset, tuple(_matching(found, prefix))[:MAX_ITEMS])


def _matching(found: Iterable[Item], prefix: str) -> Iterator[Item]:
    """Yield what begins with the prefix; then what has a part that does, such as a table by its last name."""
    wanted, later, seen = prefix.casefold(), [], set()
    for item in found:
        if (item.label, item.type) in seen:
            continue
        seen.add((item.label, item.type))
        if item.label.casefold().startswith(wanted):
            yield item
        elif any(part.startswith(wanted) for part in item.label.casefold().split(".")):
            later.append(item)
    yield from later


def _after_dot(
    qualifier: list[str], tables: dict[str, VisibleDataset], in_sight: dict[str, VisibleDataset]
) -> Iterator[Item]:
    if len(qualifier) == 1 and qualifier[0] in in_sight:
        yield from _columns(in_sight[qualifier[0]])
    if len(qualifier) == 3 and ".".join(qualifier) in tables:
        yield from _columns(tables[".".join(qualifier)])
    for table in tables.values():
        dataset = table.dataset
        if qualifier == [table.source.casefold()]:
            yield Item(dataset.schema, _quoted(dataset.schema), "schema", f"Schema of {table.source}")
        elif qualifier == [table.source.casefold(), dataset.schema.casefold()]:
            yield Item(dataset.name, _quoted(dataset.name), "table", dataset.comment)


def _tables(tables: Iterable[VisibleDataset], sql: str) -> Iterator[Item]:
    known = [table for table in tables if table.read.allowed]
    for name in dict.fromkeys(re.findall(r"(?i)(?:\bwith(?:\s+recursive)?|,)\s+([a-z_][a-z0-9_]*)\s+as\s*\(", sql)):
        yield Item(name, name, "table", "Named in WITH")
    for source in dict.fromkeys(table.source for table in known):
        yield Item(source, source, "source", "A source")
    for table in known:
        parts = (table.source, table.dataset.schema, table.dataset.name)
        yield Item(table.full_name, ".".join(_quoted(part) for part in parts), "table", table.dataset.comment)


def _anything(in_sight: dict[str, VisibleDataset], tables: dict[str, VisibleDataset]) -> Iterator[Item]:
    for table in {id(table): table for table in in_sight.values()}.values():
        yield from _columns(table)
    for alias, table in in_sight.items():
        yield Item(alias, _quoted(alias), "alias", table.full_name)
    for source in dict.fromkeys(table.source for table in tables.values()):
        yield Item(source, source, "source", "A source")
    for name in sorted(FUNCTION_NAMES):
        yield Item(name, f"{name}(", "function", "")
    for word in KEYWORDS:
        yield Item(word, word, "keyword", "")


def _columns(table: VisibleDataset) -> Iterator[Item]:
    for visible in table.columns:
        if visible.read.allowed:
            column = visible.column
            yield Item(column.name, _quoted(column.name), sql_type(column.type), column.comment or table.full_name)


def _wants_table(before: str) -> bool:
    words = [token.casefold() for token in _TOKEN.findall(before)]
    depth = 0
    for word in reversed(words):
        if word == ")":
            depth += 1
        elif word == "(":
            if depth == 0:
                return False
            depth -= 1
        elif depth == 0 and word in _TABLE_WORDS:
            return words[-1] in _TABLE_WORDS or words[-1] == ","
        elif depth == 0 and word in _CLAUSE_WORDS - {"lateral", "as"}:
            return False
    return False


def _aliases(sql: str, tables: dict[str, VisibleDataset]) -> dict[str, VisibleDataset]:
    """Return alias → table for every table the statement names, wherever the cursor is."""
    tokens = _TOKEN.findall(sql)
    found: dict[str, VisibleDataset] = {}
    for index in range(len(tokens)):
        name, end = _dotted(tokens, index)
        table = tables.get(name)
        if table is None:
            continue
        after = [token.casefold() for token in tokens[end : end + 2]]
        alias = after[1] if len(after) == 2 and after[0] == "as" else after[0] if after else ""
        alias = _plain(alias).casefold()
        usable = re.fullmatch(r"[a-z_][a-z0-9_]*", alias) and alias not in _CLAUSE_WORDS | _TABLE_WORDS
        found[alias if usable else table.dataset.name.casefold()] = table
    return found


def _dotted(tokens: list[str], index: int) -> tuple[str, int]:
    part = tokens[index : index + 5]
    if len(part) == 5 and part[1] == "." and part[3] == ".":
        return ".".join(_plain(each).casefold() for each in part[::2]), index + 5
    return "", index


def _blank(sql: str) -> str:
    """Return the statement with strings and comments as blanks, so that places stay true."""
    return _SKIP.sub(lambda found: " " * len(found.group()), sql)


def _in_string(before: str) -> bool:
    found = list(_SKIP.finditer(before))
    if not found or found[-1].end() != len(before):
        return False
    text = found[-1].group()
    if text.startswith("--"):
        return True
    return (
        not text.endswith("*/")
        if text.startswith("/*")
        else (text == "'" or not text.endswith("'") or text.count("'") % 2 == 1)
    )


def _plain(part: str) -> str:
    part = part.strip()
    return part[1:-1].replace('""', '"') if len(part) > 1 and part.startswith('"') and part.endswith('"') else part


def _quoted(name: str) -> str:
    if _SIMPLE.fullmatch(name) and name.upper() not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'
