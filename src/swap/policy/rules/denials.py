"""The site's locks: a denial that covers the resource outweighs every grant, except for the groups it names."""

from __future__ import annotations

from swap.identity import Principal
from swap.policy.model import Action, Decision, Resource
from swap.policy.patterns import covers
from swap.settings import Policy

FORBIDS = {"read": {Action.READ}, "discover": {Action.DISCOVER, Action.READ}}
"""What a denial's action forbids: whoever may not know of a thing may not read it either."""


def judge(policy: Policy, principal: Principal, action: Action, resource: Resource) -> Decision | None:
    """Refuse what a denial covers.  What may not be discovered may not be read either."""
    for denial in policy.denials:
        binds = not principal.groups.intersection(denial.unless_groups)
        forbids = any(action in FORBIDS[name] for name in denial.actions)
        if binds and forbids and any(covers(pattern, resource) for pattern in denial.on):
            return Decision(False, denial.name, denial.because, denial.ask)
    return None
