"""Who may do what: the rules in their order, one verdict.

Default deny; one denial wins; what has no name is closed; every verdict names its rule, its reason and whom to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from swap.identity import Principal
from swap.policy.model import Action, Decision, Resource
from swap.policy.rules import denials, grants, powers
from swap.settings import Policy

Rule = Callable[[Policy, Principal, Action, Resource], Decision | None]

RULES: tuple[Rule, ...] = (powers.judge, denials.judge, grants.judge)
"""The rules; a rule returns a verdict or None when it has nothing to say.  See docs/reference/policy.md."""


def decide(
    policy: Policy, principal: Principal, action: Action, resource: Resource, rules: Sequence[Rule] = RULES
) -> Decision:
    """Return whether the principal may, and why."""
    if not all(resource.parts):
        # Patterns cannot name it, so no rule can have meant it.
        return Decision(False, "default", "keeps closed what has no name", policy.ask)
    verdicts = [verdict for rule in rules if (verdict := rule(policy, principal, action, resource))]
    for verdict in verdicts:
        if not verdict.allowed:
            return verdict
    if verdicts:
        return verdicts[0]
    return Decision(False, "default", f"keeps closed what no grant opens, such as {resource}", policy.ask)


def instead_of(policy: Policy, rule: str, column: str) -> str | None:
    """Return the column that the named denial offers in place of a locked one, if any."""
    for denial in policy.denials:
        if denial.name == rule:
            return denial.instead.get(column)
    return None
