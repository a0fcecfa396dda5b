"""The site's locks: a denial that covers the resource outweighs every grant, except for the groups it names."""

from __future__ import annotations

from collections.abc import Iterator

from swap.identity import Via
from swap.policy import patterns
from swap.policy.model import Action, Clause, Decision
from swap.settings import Policy

FORBIDS = {"read": (Action.READ,), "discover": (Action.DISCOVER, Action.READ)}
"""What a denial's action forbids: whoever may not know of a thing may not read it either."""


def clauses(policy: Policy, groups: frozenset[str], _via: Via) -> Iterator[Clause]:
    """Yield a refusal for each pattern of each denial that binds these groups."""
    for denial in policy.denials:
        if groups.intersection(denial.unless_groups):
            continue
        verdict = Decision(False, denial.name, denial.because, denial.ask)
        for action in dict.fromkeys(action for name in denial.actions for action in FORBIDS[name]):
            for pattern in denial.on:
                yield Clause(action, patterns.read(pattern), verdict)
