"""What a statement would read, as Spark says in `EXPLAIN EXTENDED`: the leaves of the plan that it has analyzed.

Spark writes a plan for people: one line for each step, its kind first, and quotes nothing in it.  Every line is held
against a closed list of kinds; one that is not on it, and a plan that was cut short, is an error.  A line that is made
up (a view's text may hold one) can add to what is found, and take nothing away: no heading may be there twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Table = tuple[str, str]
"""A schema and a name, without case."""

_HEADINGS = tuple(
    f"== {name} ==\n"
    for name in ("Parsed Logical Plan", "Analyzed Logical Plan", "Optimized Logical Plan", "Physical Plan")
)
_REFUSED = re.compile(r"== Analyzed Logical Plan ==\n[\w.]+Exception: (?:\[([A-Z0-9_.]+)\])?")
_SECTIONS = re.compile(
    r"== Parsed Logical Plan ==\n.*?\n\n== Analyzed Logical Plan ==\n[^\n]*\n(?P<analyzed>.*?)\n\n"
    r"== Optimized Logical Plan ==\n.*?\n\n== Physical Plan ==\n.+",
    re.DOTALL,
)
_LINE = re.compile(r"(?:   |:  )*(?:\+- |:- )?(?P<kind>[A-Z][A-Za-z0-9]*)(?P<rest>.*)", re.DOTALL)
_STEPS = frozenset(
    {
        *("Aggregate", "CTERelationDef", "CTERelationRef", "Distinct", "Except", "Expand", "Filter", "Generate"),
        *("GlobalLimit", "Intersect", "Join", "LocalLimit", "Offset", "OneRowRelation", "Project", "Sort"),
        *("SubqueryAlias", "Union", "Window", "WithCTE"),
    }
)
"""Kinds of lines that read nothing themselves."""
_PART = r"`((?:[^`]|``)*)`"
_LEAVES = {
    # The session's catalog has names of letters, digits and underscores alone; elsewhere a dot could be anywhere.
    # `_metadata` is of every table, whatever a sub-query leaves of its columns: the file that a row is from.
    "Relation": re.compile(r" spark_catalog\.(\w+)\.(\w+)\[(?!.*(?:_metadata#|more fields))", re.IGNORECASE),
    "HiveTableRelation": re.compile(rf" \[`spark_catalog`\.{_PART}\.{_PART}, "),
    "View": re.compile(rf" \(`spark_catalog`\.{_PART}\.{_PART}, \["),
}


class NotUnderstoodError(Exception):
    """Spark itself refuses the statement; the message is its name for the reason, if it has one."""


class UnreadableError(ValueError):
    """Spark did not say plainly what it would read."""


@dataclass(frozen=True, slots=True)
class Reads:
    """The tables that Spark would read, views among them, and which of them are views."""

    tables: frozenset[Table]
    views: frozenset[Table]


def reads(told: str) -> Reads:
    """Return what an answer names.  Raises NotUnderstoodError, UnreadableError."""
    if refused := _REFUSED.search(told):
        raise NotUnderstoodError(refused[1] or "")
    sections = _SECTIONS.fullmatch(told.rstrip("\n"))
    if sections is None or any(told.count(heading) != 1 for heading in _HEADINGS):
        raise UnreadableError("an answer without its four plans")
    tables: set[Table] = set()
    views: set[Table] = set()
    for line in sections["analyzed"].split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            raise UnreadableError("a line that is no step of a plan")
        kind, rest = found["kind"], found["rest"]
        if kind in _STEPS:
            continue
        named = _LEAVES[kind].match(rest) if kind in _LEAVES else None
        if named is None:
            raise UnreadableError(f"a step {kind}")
        table = named[1].replace("``", "`").casefold(), named[2].replace("``", "`").casefold()
        tables.add(table)
        if kind == "View":
            views.add(table)
    return Reads(frozenset(tables), frozenset(views))
