"""The site's openings: a grant allows what it names and what lies below it, to its groups.

A source, schema or table is open as soon as a grant opens anything inside it; what is inside is
then decided piece by piece, so that a grant of one column opens that column and no other.
"""

from __future__ import annotations

from swap.identity import Principal
from swap.policy.model import Action, Decision, Resource
from swap.policy.patterns import covers, reaches_into
from swap.settings import Policy

EVERYONE = "*"


def judge(policy: Policy, principal: Principal, action: Action, resource: Resource) -> Decision | None:
    """Allow what a grant of one of the person's groups names."""
    for grant in policy.grants:
        theirs = EVERYONE in grant.groups or principal.groups.intersection(grant.groups)
        if not theirs or action.value.removeprefix("dataset:") not in grant.actions:
            continue
        if any(covers(pattern, resource) or reaches_into(pattern, resource) for pattern in grant.on):
            return Decision(True, grant.name, f"opens {resource}")
    return None
