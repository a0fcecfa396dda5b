"""What there is to query: the sources, tables and columns this person may know of."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from html import escape
from typing import Any

from swap.client.gateway import here
from swap.errors import Invalid, Problem


@dataclass(frozen=True)
class Listing:
    """Rows to look at and to iterate; `to_pandas` for more."""

    head: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame."""
        import pandas as pd  # noqa: PLC0415 - half a second that only this call should cost

        return pd.DataFrame(self.rows)

    def _cells(self) -> list[list[str]]:
        return [["" if row.get(name) is None else str(row[name]) for name in self.head] for row in self.rows]

    def __repr__(self) -> str:
        lines = [list(self.head), *self._cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in self.head)
        body = "".join("<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in self._cells())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def tables(pattern: str = "*") -> Listing:
    """Return the tables this person may know of, by pattern: `swap.tables("lake.*page*")`."""
    found = here().json("GET", "/v1/catalog")["tables"]
    wanted = pattern if any(mark in pattern for mark in "*?[") else f"*{pattern}*"
    rows = [
        {"table": item["name"], "rows": item["rows"], "access": "read" if item["readable"] else "locked", "comment": item["comment"]}
        for item in found if fnmatch.fnmatchcase(item["name"].lower(), wanted.lower())
    ]
    return Listing(("table", "rows", "access", "comment"), rows)


def columns(table: str) -> Listing:
    """Return a table's columns with types, comments and, where one is locked, the rule and whom to ask."""
    parts = table.split(".")
    if len(parts) != 3:
        raise Invalid(Problem(f"{table} is not the full name of a table.", todo="Write source.schema.table, for example lake.wmf.pageview_hourly."))
    described = here().json("GET", "/v1/catalog/" + "/".join(parts))
    rows = [
        {"column": item["name"], "type": item["type"],
         "access": "read" if item["readable"] else f"locked by {item['rule']}; ask {item['ask']}", "comment": item["comment"]}
        for item in described["columns"]
    ]
    return Listing(("column", "type", "access", "comment"), rows)
