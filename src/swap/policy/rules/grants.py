"""The site's openings: a grant allows what it names and what lies below it, to its groups.

A source, schema or table is open as soon as a grant opens anything inside it; what is inside is
then decided piece by piece, so that a grant of one column opens that column and no other.
"""

from __future__ import annotations

from collections.abc import Iterator

from swap.identity import Via
from swap.policy import patterns
from swap.policy.model import Action, Clause, Decision
from swap.settings import Policy

EVERYONE = "*"


def clauses(policy: Policy, groups: frozenset[str], _via: Via) -> Iterator[Clause]:
    """Yield a permission for each pattern of each grant of these groups."""
    for grant in policy.grants:
        if EVERYONE not in grant.groups and not groups.intersection(grant.groups):
            continue
        for name in grant.actions:
            for pattern in grant.on:
                verdict = Decision(True, grant.name, f"opens {pattern}")
                yield Clause(Action(f"dataset:{name}"), patterns.read(pattern), verdict)
