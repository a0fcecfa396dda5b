"""`%%swap name` and completion in consoles: what a kernel started with `--ext=swap` has."""

from __future__ import annotations

import re
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from swap.client import charts
from swap.client.gateway import here
from swap.client.query import sql
from swap.errors import Invalid, Problem, SwapError

_IN_CALL = re.compile(r"""swap\.sql\(\s*[rRfF]{0,2}(\"\"\"|'''|"|')((?:(?!\1)[\s\S])*)$""")
_IN_CELL = re.compile(r"\A\s*%%swap[^\n]*\n([\s\S]*)\Z")
_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*[\s\S]*?\*/|::|(?<![\w:])[:$]([A-Za-z_]\w*)""")
PLAIN = (str, int, float, bool, type(None))


def load(shell: Any) -> None:
    """Register the magic, the completion and the renderer of charts.  Loading twice changes nothing."""
    shell.register_magic_function(_cell(shell), magic_kind="cell", magic_name="swap")
    if not any(getattr(matcher, "matcher_identifier", "") == "swap" for matcher in shell.Completer.custom_matchers):
        shell.Completer.custom_matchers.append(matcher)
    charts.install()


def parameters(statement: str) -> set[str]:
    """Return the names of `:name` and `$name` parameters, not those in texts, names and comments.

    >>> sorted(parameters("SELECT ':no', a::int FROM t WHERE x = :yes -- :no"))
    ['yes']
    """
    return {match.group(1) for match in _PARAMETER.finditer(statement) if match.group(1)}


def _cell(shell: Any) -> Any:
    def swap(line: str, cell: str) -> None:
        """%%swap [name]: run the cell's SQL; its result is left in `name`.

        `:country` takes the value of the variable `country`; a DataFrame is used by its variable's name
        when it is listed: `%%swap name --tables mine, other`.
        """
        name, tables = _arguments(line)
        space = shell.user_ns
        given = {key: space[key] for key in parameters(cell) if key in space}
        own = {}
        for key in tables:
            if key not in space:
                raise Invalid(Problem(f"There is no variable {key}.", todo="Run the cell that makes it first."))
            own[key] = space[key]
        result = sql(cell, given, own, name=name)
        if name:
            space[name] = result
        space["_swap"] = result

    return swap


def _arguments(line: str) -> tuple[str | None, list[str]]:
    """Return the name for the result and the own tables of a magic's line.  Raises Invalid."""
    head, _, tail = line.partition("--tables")
    name = head.strip() or None
    if name is not None and not name.isidentifier():
        raise Invalid(Problem(f"{name} cannot be a variable's name.", todo="Write %%swap and one name, for example %%swap by_country."))
    return name, [part.strip() for part in tail.split(",") if part.strip()]


@context_matcher(identifier="swap", priority=1000)  # type: ignore[untyped-decorator]
def matcher(context: Any) -> dict[str, Any]:
    """Complete sources, tables and columns inside SQL, for front ends without SWAP's extension."""
    before = context.full_text[: _position(context)]
    found = _IN_CELL.match(before) or _IN_CALL.search(before)
    if found is None:
        return {"completions": [], "suppress": False}
    statement = found.group(found.lastindex or 0)
    try:
        answer = here().json("POST", "/v1/complete", json={"sql": statement, "offset": len(statement)})
    except SwapError:
        return {"completions": [], "suppress": False}
    typed = statement[answer["start"]:]
    items = [SimpleCompletion(text=item["insert"], type=item["type"]) for item in answer["items"]]
    return {"completions": items, "suppress": True, "matched_fragment": typed, "ordered": True}


def _position(context: Any) -> int:
    lines = context.full_text.split("\n")
    return sum(len(line) + 1 for line in lines[: context.cursor_line]) + int(context.cursor_position)
