"""Who may do what: the rules in their order, one verdict.

Default deny; one denial wins; what has no name is closed; every verdict names its rule, its reason and whom to ask.
What the rules say to the same groups is put together once and looked up from then on, however many rules there are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from swap.identity import Principal, Via
from swap.policy.model import Action, Clause, Decision, Resource
from swap.policy.patterns import Lookup
from swap.policy.rules import denials, grants, powers
from swap.settings import Policy

Rule = Callable[[Policy, frozenset[str], Via], Iterable[Clause]]

RULES: tuple[Rule, ...] = (powers.clauses, denials.clauses, grants.clauses)
"""The rules; each says what it opens and closes to some groups.  See docs/reference/policy.md."""

BOOKS = 256
"""Sets of groups whose clauses are kept at hand; the one asked for longest ago goes first."""


class Book:
    """Every clause for one set of groups, through one power."""

    def __init__(self, clauses: Iterable[Clause]) -> None:
        self.clauses = tuple(clauses)
        self._closed: dict[Action, Lookup[Decision]] = {action: Lookup() for action in Action}
        self._opened: dict[Action, Lookup[Decision]] = {action: Lookup() for action in Action}
        for clause in self.clauses:
            side = self._opened if clause.verdict.allowed else self._closed
            side[clause.action].add(clause.pattern, clause.verdict)

    def verdict(self, action: Action, resource: Resource) -> Decision | None:
        """Return what the clauses say: the first refusal that covers the resource, else the first permission."""
        parts = resource.parts
        return self._closed[action].covering(parts) or self._opened[action].meeting(parts)

    def table(
        self, action: Action, table: Resource, columns: Sequence[str]
    ) -> tuple[Decision | None, list[Decision | None]]:
        """Return what the clauses say of a table and of each of its columns; nothing lies inside a column."""
        closed, _, closed_columns = self._closed[action].covering_each(table.parts, columns)
        _, opened, opened_columns = self._opened[action].covering_each(table.parts, columns)
        each = [shut or said for shut, said in zip(closed_columns, opened_columns, strict=True)]
        return closed or opened, each


def decide(
    policy: Policy, principal: Principal, action: Action, resource: Resource, rules: Sequence[Rule] = RULES
) -> Decision:
    """Return whether the principal may, and why."""
    if not all(resource.parts):
        return _nameless(policy)
    return book(policy, principal, rules).verdict(action, resource) or _default(policy, resource)


def decide_table(
    policy: Policy, principal: Principal, action: Action, table: Resource, columns: Sequence[str]
) -> tuple[Decision, list[Decision]]:
    """Return the verdict on a table and on each of its columns: what `decide` says of one after the other, at once."""
    nameless, default = _nameless(policy), _default(policy, table)
    if not all(table.parts):
        return nameless, [nameless for _ in columns]
    said, each = book(policy, principal).table(action, table, columns)
    return said or default, [
        (verdict or default) if name else nameless for name, verdict in zip(columns, each, strict=True)
    ]


def _nameless(policy: Policy) -> Decision:
    # Patterns cannot name it, so no rule can have meant it.
    return Decision(False, "default", "keeps closed what has no name", policy.ask)


def _default(policy: Policy, resource: Resource) -> Decision:
    return Decision(False, "default", f"keeps closed what no grant opens, such as {resource}", policy.ask)


def book(policy: Policy, principal: Principal, rules: Sequence[Rule] = RULES) -> Book:
    """Return what the rules say to the principal's groups.  Other rules, or other groups, are another book."""
    key = (id(policy), principal.groups, principal.via, tuple(rules))
    with _lock:
        kept = _books.get(key)
        # A policy that is gone may have left its number to this one.
        if kept is None or kept[0] is not policy:
            clauses = (clause for rule in rules for clause in rule(policy, principal.groups, principal.via))
            kept = _books[key] = (policy, Book(clauses))
        _books.move_to_end(key)
        while len(_books) > BOOKS:
            _books.popitem(last=False)
        return kept[1]


def instead_of(policy: Policy, rule: str, column: str) -> str | None:
    """Return the column that the named denial offers in place of a locked one, if any."""
    for denial in policy.denials:
        if denial.name == rule:
            return denial.instead.get(column)
    return None


_books: OrderedDict[tuple[int, frozenset[str], Via, tuple[Rule, ...]], tuple[Policy, Book]] = OrderedDict()
_lock = threading.Lock()
