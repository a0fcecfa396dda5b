"""What could stand at the cursor, as this person may see it; also while the statement does not parse yet.

Works on words, not on a tree.  Offers only what may be read: completing a locked name would end in a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from swap.catalog import names
from swap.catalog.model import Listed, TableName, VisibleDataset
from swap.query.language.allow import FUNCTION_NAMES
from swap.query.language.names import MAX_TABLES
from swap.query.language.native import Language
from swap.query.results.format import sql_type

MAX_ITEMS = 200
MAX_TABLES_OFFERED = 100
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
_NOT_IN_A_DIALECT = frozenset({"ILIKE", "QUALIFY"})
_OF_HIVE = ("LATERAL VIEW", "LEFT SEMI JOIN", "RLIKE", "DIV", "WITH ROLLUP", "WITH CUBE", "GROUPING SETS")
_OF_DIALECTS = {
    "hive": _OF_HIVE,
    "spark": _OF_HIVE,
    "mysql": ("REGEXP", "DIV", "MOD", "COLLATE", "CONVERT", "SEPARATOR", "WITH ROLLUP", "RECURSIVE"),
}
"""Keywords beside the common ones, by the dialect's name."""
_SKIP = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)", re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*|[^\s]')
_PATH = re.compile(r'(?:(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*)\s*\.\s*)*(?:"[^"]*|[A-Za-z_][A-Za-z0-9_]*)?\Z')
_PATH_PART = re.compile(r'("(?:[^"]|"")*"|"[^"]*\Z|[A-Za-z_][A-Za-z0-9_]*)\s*(\.?)')
_OPEN_QUOTE = re.compile(r'(?:\A|\.)\s*"[^"]*\Z')
_NAME = re.compile(r'"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*')
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
    parts: tuple[str, ...] = ()
    """Of what a name is made: any of them may be what is typed."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What to replace, in code points, and by what."""

    start: int
    end: int
    items: tuple[Item, ...]


class Known(Protocol):
    """The catalog as one person sees it, a few names at a time."""

    def find(self, names: Iterable[TableName]) -> Mapping[TableName, VisibleDataset]:
        """Return the tables that these names mean."""

    def starting(self, beginning: str, limit: int) -> Sequence[Listed]:
        """Return readable tables that begin like this, or whose schema or name does."""

    def schemas(self, source: str, *, beginning: str, limit: int) -> Sequence[str]:
        """Return schemas of a source that begin like this."""

    def inside(self, source: str, schema: str, *, beginning: str, limit: int) -> Sequence[Listed]:
        """Return tables of a schema that begin like this."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is offered beside names, and how names are written."""

    functions: tuple[str, ...]
    keywords: tuple[str, ...]
    written: Callable[..., str] = names.written


DUCKDB = Words(tuple(sorted(FUNCTION_NAMES)), KEYWORDS)


def words_of(language: Language) -> Words:
    """Return what is offered in a statement in a source's own dialect."""

    def written(*parts: str) -> str:
        return ".".join(part if names.written(part) == part else language.identifier(part) for part in parts)

    keywords = (*(word for word in KEYWORDS if word not in _NOT_IN_A_DIALECT), *_OF_DIALECTS[language.name])
    return Words(tuple(sorted(language.allowed.functions)), keywords, written)


def complete(sql: str, offset: int, sources: Sequence[str], known: Known, words: Words = DUCKDB) -> Completion:
    """Return what could stand at `offset`; `sources` are those the person may know of, and that speak the dialect."""
    offset = min(offset, len(sql))
    blanked = _blank(sql)
    before = blanked[:offset]
    if sql[:offset] and _in_string(sql[:offset]):
        return Completion(offset, offset, ())
    written = _PATH.search(before[-PATH_CHARACTERS:])
    path = written.group() if written else ""
    *qualifier, prefix = _parts(path)
    start = offset - len(prefix) - (1 if _OPEN_QUOTE.search(path) else 0)
    in_sight = _aliases(blanked, known)
    if qualifier:
        found = _after_dot(qualifier, prefix, in_sight, sources, known, words)
    elif _wants_table(before[: len(before) - len(path)]):
        found = _tables(prefix, sources, known, blanked, words)
    else:
        found = _anything(in_sight, sources, words)
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
        elif any(part.casefold().startswith(wanted) for part in item.parts):
            later.append(item)
    yield from later


def _after_dot(
    qualifier: list[str],
    prefix: str,
    in_sight: Mapping[str, VisibleDataset],
    sources: Sequence[str],
    known: Known,
    words: Words,
) -> Iterator[Item]:
    if len(qualifier) == 1 and (table := in_sight.get(qualifier[0].casefold())):
        yield from _columns(table, words)
    if len(qualifier) == len(TableName._fields):
        for table in known.find([TableName(*qualifier)]).values():
            yield from _columns(table, words)
    source = next((each for each in sources if each.casefold() == qualifier[0].casefold()), None)
    if source is not None and len(qualifier) == 1:
        for schema in known.schemas(source, beginning=prefix, limit=MAX_ITEMS):
            yield Item(schema, words.written(schema), "schema", f"Schema of {source}")
    if source is not None and len(qualifier) == 2:  # source.schema
        for each in known.inside(source, qualifier[1], beginning=prefix, limit=MAX_ITEMS):
            yield Item(each.name.table, words.written(each.name.table), "table", each.comment)


def _tables(prefix: str, sources: Sequence[str], known: Known, sql: str, words: Words) -> Iterator[Item]:
    for name in dict.fromkeys(re.findall(r"(?i)(?:\bwith(?:\s+recursive)?|,)\s+([a-z_][a-z0-9_]*)\s+as\s*\(", sql)):
        yield Item(name, name, "table", "Named in WITH")
    for source in sources:
        yield Item(source, words.written(source), "source", "A source")
    for table in known.starting(prefix, MAX_TABLES_OFFERED):
        if words is not DUCKDB and table.name.source not in sources:
            continue
        yield Item(str(table.name), words.written(*table.name), "table", table.comment, table.name)


def _anything(in_sight: Mapping[str, VisibleDataset], sources: Sequence[str], words: Words) -> Iterator[Item]:
    for table in {table.name: table for table in in_sight.values()}.values():
        yield from _columns(table, words)
    for alias, table in in_sight.items():
        yield Item(alias, words.written(alias), "alias", str(table.name))
    for source in sources:
        yield Item(source, words.written(source), "source", "A source")
    for name in words.functions:
        yield Item(name, f"{name}(", "function", "")
    for word in words.keywords:
        yield Item(word, word, "keyword", "")


def _columns(table: VisibleDataset, words: Words) -> Iterator[Item]:
    for visible in table.columns:
        if visible.read.allowed:
            column = visible.column
            name = words.written(column.name)
            yield Item(column.name, name, sql_type(column.type), column.comment or str(table.name))


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


def _aliases(sql: str, known: Known) -> dict[str, VisibleDataset]:
    """Return alias → table for the tables the statement names, wherever the cursor is."""
    tokens = _TOKEN.findall(sql)
    dots = (index - 1 for index, word in enumerate(tokens) if word == "." and index)
    places = ((name, index + 5) for index in dots if (name := _three_parts(tokens[index : index + 5])))
    named = list(islice(places, MAX_TABLES))
    tables = known.find([name for name, _ in named]) if named else {}
    found: dict[str, VisibleDataset] = {}
    for name, end in named:
        table = tables.get(name)
        if table is None:
            continue
        after = [token.casefold() for token in tokens[end : end + 2]]
        alias = after[1] if len(after) == 2 and after[0] == "as" else after[0] if after else ""
        alias = _plain(alias).casefold()
        usable = re.fullmatch(r"[a-z_][a-z0-9_]*", alias) and alias not in _CLAUSE_WORDS | _TABLE_WORDS
        found[alias if usable else table.dataset.name.casefold()] = table
    return found


def _three_parts(tokens: list[str]) -> TableName | None:
    if len(tokens) == 5 and tokens[1] == tokens[3] == "." and all(_NAME.fullmatch(token) for token in tokens[::2]):
        return TableName(*map(_plain, tokens[::2]))
    return None


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


def _parts(path: str) -> list[str]:
    """Return the names of a path, the one being written last."""
    found = _PATH_PART.findall(path)
    parts = [_plain(part) for part, dot in found if dot]
    last = found[-1][0] if found and not found[-1][1] else ""
    return [*parts, last.lstrip('"')]


def _plain(part: str) -> str:
    part = part.strip()
    whole = len(part) > 1 and part.startswith('"') and part.endswith('"')
    return part[1:-1].replace('""', '"') if whole else part
