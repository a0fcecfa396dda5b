"""The groups that the settings name: of a directory's groups, only these mean something to SWAP."""

from __future__ import annotations

from swap.settings.model import Settings
from swap.settings.sources import HiveSource, MysqlSource

EVERYBODY = "*"
"""In a rule: everyone who may sign in."""


def named(settings: Settings) -> frozenset[str]:
    """Return the groups that let somebody in, that run SWAP, that a rule is for, or that a source treats apart."""
    found = set(settings.people.ldap.way_in) if settings.people.ldap else set()
    if settings.people.admins:
        found.add(settings.people.admins)
    for grant in settings.policy.grants:
        found.update(grant.groups)
    for denial in settings.policy.denials:
        found.update(denial.unless_groups)
    for source in settings.sources.values():
        if isinstance(source, HiveSource):
            found.update(source.queues)
        elif isinstance(source, MysqlSource):
            found.update(account.group for account in source.accounts)
    return frozenset(found - {EVERYBODY})
