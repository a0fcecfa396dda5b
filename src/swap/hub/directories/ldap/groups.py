"""Who is in which of the groups that the settings name, from one look at these groups and what is inside them.

Everything here is closed when in doubt: two groups of one name are none, and what is nested too deep does not count.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from swap.hub.directories.base import canonical
from swap.hub.directories.ldap import names
from swap.hub.directories.ldap.connection import Connection, Entry, TooMany
from swap.settings import Ldap

MOST_GROUPS: Final = 500
DEEPEST: Final = 10
_BY_DN: Final = ("member", "uniqueMember")
_BY_NAME: Final = ("memberUid", "gidNumber")
_KINDS: Final = {
    "groupOfNames": "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))",
    "posixGroup": "(objectClass=posixGroup)",
}

log = logging.getLogger("swap.hub")


@dataclass(frozen=True, slots=True)
class Memberships:
    """The groups that were found, by the settings' own spelling: the members' DNs, or names and primary groups."""

    dns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    uids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gids: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def found(self) -> frozenset[str]:
        """The names of the groups that there are."""
        return frozenset(self.dns) | frozenset(self.uids)

    def of(self, dn: str, name: str, gids: Collection[str]) -> frozenset[str]:
        """Return the groups of the person with this DN, name and primary group."""
        one = names.same(dn)
        by_dn = {group for group, members in self.dns.items() if one and one in members}
        by_uid = {group for group, members in self.uids.items() if name in members}
        by_gid = {group for group, numbers in self.gids.items() if numbers.intersection(gids)}
        return frozenset(by_dn | by_uid | by_gid)


def read(account: Connection, settings: Ldap, wanted: Collection[str]) -> Memberships:
    """Return who is in the wanted groups.  Raises ServerFailed, Refused, TooMany beyond MOST_GROUPS."""
    base = settings.groups_base or settings.base
    attributes = _BY_DN if settings.group_shape == "groupOfNames" else _BY_NAME
    question = names.both(
        _KINDS[settings.group_shape], names.either(names.equal("cn", group) for group in sorted(wanted))
    )
    entries = account.search(base, question, ("cn", *attributes), MOST_GROUPS)
    groups = _by_name(entries, wanted)
    if settings.group_shape == "posixGroup":
        return Memberships(
            uids={group: frozenset(entry.texts("memberUid")) for group, entry in groups.items()},
            gids={group: frozenset(entry.texts("gidNumber")) for group, entry in groups.items()},
        )
    inside = {names.same(entry.dn): _members(entry) for entry in groups.values()}
    if settings.nested:
        _read_nested(account, base, inside)
    return Memberships(dns={group: _all_inside(names.same(entry.dn), inside) for group, entry in groups.items()})


def _by_name(entries: Collection[Entry], wanted: Collection[str]) -> dict[str, Entry]:
    """Return group → entry.  A name that two entries have means neither: who may make a group could make a second."""
    called = defaultdict(list)
    for entry in entries:
        for name in {canonical(name) for name in entry.texts("cn")}:
            called[name].append(entry)
    found = {}
    for group in wanted:
        those = called.get(canonical(group), [])
        if len(those) == 1:
            found[group] = those[0]
        elif those:
            log.warning("The directory has %s groups called %s, so nobody is in it.", len(those), group)
    return found


def _members(entry: Entry) -> frozenset[str]:
    ranged = [name for name in entry.attributes if name.startswith(("member;", "uniquemember;"))]
    if ranged:
        log.warning("The directory gives the members of a group in pieces, which SWAP cannot read: nobody is in it.")
    return frozenset(names.same(dn) for attribute in _BY_DN for dn in entry.texts(attribute)) - {""}


def _read_nested(account: Connection, base: str, inside: dict[str, frozenset[str]]) -> None:
    """Add to `inside` the groups that are members, level by level; each is read once, so a circle ends."""
    outer = names.same(base)
    new = frozenset[str]().union(*inside.values())
    for _ in range(DEEPEST):
        level = sorted(dn for dn in new if dn not in inside and names.is_below(dn, outer))
        if not level:
            return
        if len(inside) + len(level) > MOST_GROUPS:
            log.warning("More than %s groups are nested in one another: the deeper ones do not count.", MOST_GROUPS)
            return
        question = names.both(_KINDS["groupOfNames"], names.either(map(names.first_part, level)))
        try:
            entries = account.search(base, question, _BY_DN, MOST_GROUPS)
        except TooMany:
            log.warning("More than %s groups have the names of nested ones: these do not count.", MOST_GROUPS)
            return
        found = {names.same(entry.dn): _members(entry) for entry in entries}
        read_now = {dn: found[dn] for dn in level if dn in found}
        inside.update(read_now)
        new = frozenset[str]().union(*read_now.values())
    log.warning("Groups are nested more than %s deep: what is deeper does not count.", DEEPEST)


def _all_inside(group: str, inside: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the members of a group and of the groups in it, each looked at once."""
    seen, waiting = {group}, [group]
    members: set[str] = set()
    while waiting:
        new = inside.get(waiting.pop(), frozenset())
        members |= new
        waiting += new & inside.keys() - seen
        seen |= new
    return frozenset(members)
