"""Which tables a statement names: each is given its source, and its database where it has none.

SWAP's own reading of the dialect says where they stand, and what of the statement it would not run.  Nothing else of
the text is changed, so that it means at its source what it meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlglot import exp

from swap.errors import SwapError
from swap.query.language import native
from swap.query.language.dialects import LANGUAGES
from swap.query.language.parse import offset_of, parse
from swap.settings.sources import HiveSource, MysqlSource, Source
from swap.taking_in.updater.config import Database, Kind, Left
from swap.taking_in.updater.template import NAME, Statement, word_for

_MOMENT: Final = "20260301000000"
_NUMBERS: Final = ("int(", "start.")
HIVES_OWN: Final = "default"
"""The database of Hive's that a name without one means."""


def dialect_of(source: Source, kind: Kind) -> str:
    """Return the dialect in which a source takes statements as they were written; "" where they are SWAP's own SQL."""
    if isinstance(source, HiveSource):
        return str(source.product) if kind is Kind.HIVE else ""
    return "mysql" if isinstance(source, MysqlSource) and kind is Kind.SQL else ""


def located(
    statement: Statement, dialect: str, source: str, database: Database, explode: Mapping[str, Sequence[str]]
) -> Statement:
    """Return a statement whose tables are of a source.  Raises Left saying what SWAP does not run of it."""
    before = _read(statement, dialect)
    text, names = statement.text, dict(statement.names)
    aliases = {each.alias.casefold() for each in before.find_all(exp.CTE)}
    places: dict[int, str] = {}
    for table in before.find_all(exp.Table):
        at = offset_of(table)
        if at is None or (not table.db and table.name.casefold() in aliases and not _is_defined_by(table)):
            continue
        if table.catalog:
            raise Left(
                f"its query names {table.catalog}.{table.db}.{table.name}, which is more than a database's table"
            )
        places[at] = f"{source}." if table.db else f"{source}.{_database(database, names, text, explode)}."
    for at, prefix in sorted(places.items(), reverse=True):
        text = text[:at] + prefix + text[at:]
    made = replace(statement, text=text, names=names)
    _read(made, dialect)
    return made


def _is_defined_by(table: exp.Table) -> bool:
    """Tell whether a table stands in the part that WITH calls by its own name: there it is the table itself."""
    node = table.parent
    while node is not None:
        if isinstance(node, exp.CTE) and node.alias.casefold() == table.name.casefold():
            return True
        node = node.parent
    return False


def _database(database: Database, names: dict[str, str], text: str, explode: Mapping[str, Sequence[str]]) -> str:
    """Return what stands for the database of a table that names none."""
    if not database.placeholder:
        if not NAME.fullmatch(database.name or HIVES_OWN):
            raise Left(f"its database is {database.name[:60]}, which is no name without quotes")
        return database.name or HIVES_OWN
    for word, placeholder in names.items():
        if placeholder == database.placeholder:
            return word
    if wrong := [value for value in explode[database.placeholder] if not NAME.fullmatch(value)]:
        raise Left(f"{wrong[0]}, a value of {database.placeholder}, is no database's name")
    word = word_for(database.placeholder, len(names) + 1, text)
    names[word] = database.placeholder
    return word


def _read(statement: Statement, dialect: str) -> exp.Query:
    """Return a statement's tree, read as SWAP will.  Raises Left."""
    known: dict[str, Any] = {
        name: 1 if python.startswith(_NUMBERS) else _MOMENT for name, python in statement.params.items()
    }
    most = len(statement.text.encode("utf-8", "replace")) + 1
    try:
        if dialect:
            return native.parse(statement.text, known, most, LANGUAGES[dialect]).tree
        return parse(statement.text, known, most)
    except SwapError as error:
        said = error.problem
        where = f" (line {said.line} of it)" if said.line else ""
        raise Left(f"SWAP would not run its query: {said.title}{where} {said.todo}".strip()) from error
