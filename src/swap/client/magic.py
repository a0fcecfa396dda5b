"""`%%swap name`, `%%swap --dialect mysql name`: a cell of SQL, whose result is left in `name` and shown.

Parameters and own tables come from the notebook's variables: plain values for `:name`, frames for a
name without a dot in FROM.  A table of a source always has dots, so a variable never stands in for one.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from typing import Any

from swap.client import advice, lexer, query
from swap.client.result import Result
from swap.errors import Invalid, Problem

_DIALECT = re.compile(r"\s*--dialect(?:(?:\s+|=)(?P<name>\S+)|\s*$)")
_MAGIC = re.compile(r"\s*%%swap(?:\s|$)")


def cell(namespace: dict[str, Any], line: str, statement: str) -> Result | None:
    """Run a cell: leave the result under the name in its first line, or return it to be shown."""
    name, dialect = _first_line(line)
    if not statement.strip():
        raise Invalid(Problem("There is no statement.", todo="Write the SQL below %%swap, in the same cell."))
    # IPython ends every cell with a line of its own; an error's place is sought in the text as it stands there.
    statement = statement.rstrip("\n")
    values = given(statement, namespace, dialect)
    own = own_tables(statement, namespace) if dialect is None else {}
    result = query.sql(statement, values, own, dialect=dialect, name=name)
    if name is None:
        return result
    namespace[name] = result
    result.show()
    return None


def found(lines: list[str]) -> list[str]:
    """Return a cell's lines so that IPython finds `%%swap` in the first one, or says in our words why not.

    It takes no comment above a magic, and no magic without anything below it.
    """
    at = next((index for index, line in enumerate(lines) if _MAGIC.match(line)), None)
    if at is None:
        return lines
    if all(not line.strip() or line.lstrip().startswith("#") for line in lines[:at]):
        return [lines[at].lstrip(), *(lines[at + 1 :] or ["\n"])]
    try:
        ast.parse("".join(lines[:at]))
    except SyntaxError:  # it stands in a string that goes on, or below another magic
        return lines
    return ["__import__('swap.client.magic').client.magic.misplaced()\n"]


def misplaced() -> None:
    """Say that `%%swap` is for a whole cell."""
    raise Invalid(
        Problem(
            "%%swap stands in the first line of its cell.",
            why="All of the cell is its SQL. Nothing was run.",
            todo="Put it and the SQL into a cell of their own, or write swap.sql(…) among other Python.",
        )
    )


def given(statement: str, namespace: Mapping[str, Any], dialect: str | None = None) -> dict[str, Any]:
    """Return the values of the statement's parameters.

    Raises QueryRefused for a variable that is missing.
    """
    values = {}
    for name in lexer.parameters(statement, dialect):
        if name not in namespace:
            raise advice.without_value(
                name,
                f"Set it in a cell above: {name} = …",
                "Nothing was run. This notebook has no variable of that name.",
            )
        values[name] = namespace[name]
    return values


def own_tables(statement: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notebook's frames and results that the statement names without a dot."""
    return {
        name: namespace[name]
        for name in lexer.tables(statement)
        if name in namespace and advice.is_frame(namespace[name])
    }


def with_dialect(line: str) -> tuple[str | None, str]:
    """Return the dialect at the beginning of a line, and the rest of it.  Raises Invalid."""
    found = _DIALECT.match(line)
    if found is None:
        return None, line
    if not found["name"]:
        raise Invalid(
            Problem(
                "--dialect needs the name of one.",
                why="Nothing was run.",
                todo="Write %%swap --dialect mysql, or hive, and the SQL below it.",
            )
        )
    return found["name"], line[found.end() :]


def _first_line(line: str) -> tuple[str | None, str | None]:
    """Return what a cell's first line says: the result's name and the dialect.  Raises Invalid."""
    dialect, rest = with_dialect(line)
    words = rest.split()
    if not words:
        return None, dialect
    if len(words) == 1 and words[0].isidentifier() and not keyword.iskeyword(words[0]):
        return words[0], dialect
    raise Invalid(
        Problem(
            f"{rest.strip()} is not the name of a variable.",
            why="The first line is %%swap and, if you like, --dialect and a name for the result. Nothing was run.",
            todo="Write %%swap pages, and the SQL below it.",
        )
    )
