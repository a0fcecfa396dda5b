"""Another notebook's functions and result tables, at a version that one's code names.

SWAP is asked anew by each call, with the rights of that moment.  What is taken is the other's code: it runs here, as
one's own does.
"""

from __future__ import annotations

import json
import keyword
import linecache
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from swap.client import definitions, text, transport
from swap.client.definitions import Cell
from swap.client.transport import Gateway
from swap.errors import Forbidden, Invalid, NotFound, Problem

_SQL = re.compile(r"\s*%%swap\b[^\n]*\n")


def notebook(name: str) -> Notebook:
    """Return what a version of a notebook defines, and its result tables: `swap.notebook("ann/helpers@3")`.

    Its cells of imports, functions, classes and constants are run here; no other cell is.  Raises NotFound where one
    may open no such notebook, Invalid without a version.
    """
    if not isinstance(name, str) or not name.strip():
        raise Invalid(Problem("Name a notebook.", todo='Write "owner/name@version", such as "ann/helpers@3".'))
    called, _, version = name.strip().rpartition("@")
    numbered = bool(called) and version.isascii() and version.isdigit()
    query = {"name": called, "version": version} if numbered else {"name": name.strip()}
    gateway = transport.default()
    with gateway.open("GET", "/v1/used", query=query) as answer:
        said, parts = _received(answer.read())
    return Notebook(gateway, called, said, parts)


class Notebook:
    """A version of another notebook: what it defines are its attributes."""

    def __init__(self, gateway: Gateway, name: str, said: Mapping[str, Any], cells: list[dict[str, Any]]) -> None:
        self.name = f"{name}@{said['version']}"
        """As it was asked for."""
        self.id: str = said["notebook"]
        self.version: int = said["version"]
        self.newest: int = said["newest"]
        """The newest version's number."""
        self._gateway, self._shows, self._hidden = gateway, said["shows"], said["hidden"]
        self._ids = [each.get("id") for each in cells]
        self._sources = [str(each.get("source") or "") for each in cells]
        code = [at for at, each in enumerate(cells) if each.get("cell_type") == "code" and self._sources[at].strip()]
        self.cells = tuple(definitions.read(at + 1, self._sources[at]) for at in code)
        """Its cells of code: `number`, `source`, `names` that it defines, and why it is `left_out`, or nothing."""
        self.module = self._run()
        """What was defined, as a Python module."""

    def _run(self) -> ModuleType:
        """Run the cells that only define things in a module of their own."""
        name = f"swap_notebook_{re.sub('[^0-9A-Za-z]', '_', self.id)}_{self.version}"
        made = ModuleType(name, f"Of {self.name}")
        # Notebooks have it without an import.
        made.__dict__["swap"] = sys.modules["swap"]
        before = sys.modules.get(name)
        sys.modules[name] = made  # dataclasses, pickle and typing look there for what is defined
        try:
            for cell in self.cells:
                if not cell.left_out:
                    self._run_cell(cell, made)
        except BaseException:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
            raise
        return made

    def _run_cell(self, cell: Cell, module: ModuleType) -> None:
        file = f"<{self.name} cell {cell.number}>"
        # Tracebacks and `??` show its lines.
        linecache.cache[file] = (len(cell.source), None, cell.source.splitlines(keepends=True), file)
        try:
            exec(compile(cell.source, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 — what it is for
        except ImportError as error:
            todo = f"Install it with %pip install {error.name}" if error.name else "Install what it needs"
            raise self._fails(cell, error, f"{todo}; the notebook's page says what it needs.") from error
        except Exception as error:
            raise self._fails(cell, error, "Ask its owner, or use another version.") from error

    def _fails(self, cell: Cell, error: Exception, todo: str) -> Invalid:
        title = f"Cell {cell.number} of {self.name} does not run here."
        return Invalid(Problem(title, why=f"{type(error).__name__}: {error}", todo=todo))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "module" not in self.__dict__:
            raise AttributeError(name)
        try:
            return getattr(self.module, name)
        except AttributeError:
            left = next((cell for cell in self.cells if cell.left_out and name in cell.names), None)
            why = f": cell {left.number}, which defines it, was left out, for {left.left_out}" if left else ""
            raise AttributeError(f"{self.name} gives no {name}{why}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for cell in self.cells if not cell.left_out for name in cell.names)]

    def result(self, which: str | int) -> Any:
        """Return a result table that the notebook shows: by its variable, or by its cell's id or number.

        Raises Forbidden, naming the data and whom to ask, for what one may not see now; NotFound for none.
        """
        refused: Forbidden | None = None
        for at in self._candidates(which):
            try:
                found = self._tables(at)
            except Forbidden as error:
                refused = error
                continue
            named = [each for each in found if each.name == which] or (found if self._is_cell(at, which) else [])
            if named:
                return named[-1]
        raise refused or NotFound(
            Problem(
                f"{self.name} shows no result table {which}.",
                why="A table is kept where a cell shows a result: as its last line, or under %%swap.",
                todo="Name its variable, or the number or the id of its cell.",
            )
        )

    def _candidates(self, which: str | int) -> list[int]:
        """Return the cells to look into: no other is asked for, since what is looked at counts as read."""
        cells = [at for at, shows in enumerate(self._shows) if shows]
        exact = [at for at in cells if self._is_cell(at, which)]
        if exact or not isinstance(which, str) or not which.isidentifier() or keyword.iskeyword(which):
            return exact
        word = re.compile(rf"\b{re.escape(which)}\b")
        return [at for at in reversed(cells) if word.search(self._sources[at])]

    def _is_cell(self, at: int, which: str | int) -> bool:
        return which == at + 1 if isinstance(which, int) else which == self._ids[at]

    def _tables(self, at: int) -> list[Any]:
        from swap.client import stored  # noqa: PLC0415 — when a table is asked for

        query = {"version": self.version, "cell": at}
        with self._gateway.open("GET", f"/v1/used/{self.id}/output", query=query) as answer:
            _, (part,) = _received(answer.read())
        source = self._sources[at]
        return stored.tables(part.get("outputs"), _SQL.sub("", source) if _SQL.match(source) else "")

    def __repr__(self) -> str:
        newest = f"; the newest is {self.newest}" if self.newest != self.version else ""
        lines = [f"{self.name}{newest}"]
        taken = [cell for cell in self.cells if not cell.left_out]
        lines += [f"  cell {cell.number}: {', '.join(cell.names)}" for cell in taken if cell.names]
        left = [f"  cell {cell.number} is left out: {cell.left_out}" for cell in self.cells if cell.left_out]
        hidden = sum(each is not None for each in self._hidden)
        if hidden:
            left.append(f"  {text.count(hidden, 'cell')} with outputs that you may not see")
        return text.safe("\n".join([*lines, *left]))


def _received(sent: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what was said, and what is in the parts that came with it.  Raises Invalid for what is none."""
    from swap import content  # noqa: PLC0415 — not for who uses no notebook

    line, _, rest = sent.partition(b"\n")
    said, parts, at = json.loads(line), [], 0
    for packed, size in said["parts"]:
        parts.append(content.loaded(content.unpacked(rest[at : at + packed], size)))
        at += packed
    return said, parts
