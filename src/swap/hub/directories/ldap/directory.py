"""The directory of people, over LDAP: who somebody is, and who is still there.

SWAP's account finds a person; a connection of their own proves the password; the server's word on who that is must be
the person it was asked for.  Nothing is kept from one question to the next.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from swap.hub.directories.base import NAME_LENGTH, Check, DirectoryPerson, canonical
from swap.hub.directories.ldap import checks, connection, groups, names, people
from swap.hub.directories.ldap.connection import Connection, Entry, Refused, ServerFailed, TooMany
from swap.hub.directories.ldap.groups import Memberships
from swap.hub.directories.ldap.people import Unusable
from swap.hub.directories.ldap.servers import Asking, Servers
from swap.settings import Ldap, Settings
from swap.settings.groups import named

AT_A_TIME = 8
LOOK_SECONDS = 20.0
REFUSAL_SECONDS = 0.5
"""A refusal comes at a multiple of these, so that its moment tells nobody whether a name exists."""
PEOPLE_AT_ONCE = 250
"""People of one search.  Were each id there twice, it would still be no more than any OpenLDAP gives."""

log = logging.getLogger("swap.hub")


class LdapDirectory:
    """The people of an LDAP directory."""

    prefix = people.PREFIX
    at_a_time = AT_A_TIME
    look_seconds = LOOK_SECONDS
    keys_are_for_ever = True

    def __init__(self, settings: Ldap, wanted: Collection[str]) -> None:
        """Answer from the directory; of its groups only the `wanted` are looked at.  Raises SettingsError."""
        self._settings = settings
        self._wanted = frozenset(wanted) | frozenset(settings.way_in)
        self._servers = Servers(settings)
        self.grace_seconds = settings.grace_minutes * 60.0

    # ── signing in ──────────────────────────────────────────────────────────────────────────────────
    def authenticate(self, name: str, password: str) -> DirectoryPerson | None:
        """Return whose name and password these are, or None.  Takes as long when nobody has the name."""
        began = time.monotonic()
        found = None
        if _can_be_a_name(name) and connection.is_proof(password):
            found = self._servers.ask(lambda asking: self._prove(asking, name, password))
        if found is None:
            time.sleep(left_of_a_refusal(time.monotonic() - began))
        return found

    def _prove(self, asking: Asking, name: str, password: str) -> DirectoryPerson | None:
        with asking.account() as account:
            entry = self._named(account, name)
            with asking.connection() as own:
                # Nobody's password is looked at, too, when nobody has the name: that takes as long.
                proof = own.sign_in(entry.dn if entry else self._nobody(), password)
                if entry is None or not (proof.right or proof.outdated):
                    return None
                if proof.right and not proof.outdated and not _is_really(own, entry):
                    return None
            return self._person(entry, self._memberships(account), outdated=proof.outdated)

    def _nobody(self) -> str:
        return names.dn(self._settings.name_attribute, secrets.token_hex(8), self._settings.base)

    def _named(self, account: Connection, name: str) -> Entry | None:
        """Return the one entry that has a name."""
        question = people.filter_for(self._settings, names.equal(self._settings.name_attribute, canonical(name)))
        try:
            found = self._search(account, question, 1)
        except TooMany:
            log.warning("Two people of the directory have one name, so neither can sign in.")
            return None
        try:
            return next((entry for entry in found if people.is_called(entry, self._settings, name)), None)
        except Unusable as error:
            log.warning("Somebody of the directory cannot sign in: %s", str(error))
            return None

    # ── staying in ──────────────────────────────────────────────────────────────────────────────────
    def look_up(self, key: str) -> DirectoryPerson | None:
        """Return who has a key, or None when they are gone."""
        return self.sweep([key]).get(key)

    def groups(self) -> frozenset[str]:
        """Return the names of those wanted groups that there are."""
        return self._servers.ask(self._found_groups)

    def sweep(self, keys: Collection[str]) -> dict[str, DirectoryPerson]:
        """Return who of `keys` is still there: a search for each 250, one for the groups, more if nested."""
        wanted = sorted(key for key in keys if key.startswith(self.prefix))
        if not wanted:
            return {}
        return self._servers.ask(lambda asking: self._look(asking, wanted))

    def _look(self, asking: Asking, wanted: Sequence[str]) -> dict[str, DirectoryPerson]:
        found: dict[str, DirectoryPerson] = {}
        twice: set[str] = set()
        with asking.account() as account:
            members = self._memberships(account)
            for begin in range(0, len(wanted), PEOPLE_AT_ONCE):
                for entry in self._with_keys(account, wanted[begin : begin + PEOPLE_AT_ONCE]):
                    person = self._person(entry, members)
                    if person is not None:
                        twice.update({person.key} & found.keys())
                        found[person.key] = person
        if twice:
            log.warning("%s of the directory's people have an id that others have too, and count as gone.", len(twice))
        return {key: person for key, person in found.items() if key not in twice}

    def check(self) -> Iterator[Check]:
        """Yield what works of it and what does not."""
        return checks.run(self._servers.each, self._settings, self._wanted)

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────
    def _found_groups(self, asking: Asking) -> frozenset[str]:
        with asking.account() as account:
            return self._memberships(account).found

    def _memberships(self, account: Connection) -> Memberships:
        members = groups.read(account, self._settings, self._wanted)
        if members.found.isdisjoint(self._settings.way_in):
            # That says something of the server, and nothing of people.
            raise ServerFailed("has none of the groups that people.ldap.allowed_groups names")
        return members

    def _with_keys(self, account: Connection, keys: Sequence[str]) -> list[Entry]:
        each = (names.equal(self._settings.id_attribute, people.id_of(key)) for key in keys)
        # Twice as many, so that an id of two people is seen to be that.
        return self._search(account, people.filter_for(self._settings, names.either(each)), 2 * len(keys))

    def _search(self, account: Connection, question: str, most: int) -> list[Entry]:
        return account.search(self._settings.base, question, people.attributes(self._settings), most)

    def _person(self, entry: Entry, members: Memberships, *, outdated: bool = False) -> DirectoryPerson | None:
        try:
            name, key = people.name(entry, self._settings), people.key(entry, self._settings)
        except Unusable as error:
            log.warning("Somebody of the directory counts as gone: %s", str(error))
            return None
        theirs = members.of(entry.dn, name, entry.texts("gidNumber"))
        barred = people.barred(entry, theirs, self._settings, datetime.now(UTC))
        mark = people.password_mark(entry, self._settings)
        return DirectoryPerson(key, name, theirs, mark, barred or (people.OUTDATED if outdated else None))


def make(settings: Settings) -> LdapDirectory:
    """Return the directory that the settings name.  Raises SettingsError when they do not."""
    assert settings.people.ldap is not None
    return LdapDirectory(settings.people.ldap, named(settings))


def left_of_a_refusal(seconds: float) -> float:
    """Return how long a refusal still waits that took so long.

    >>> left_of_a_refusal(0.125), left_of_a_refusal(0.75)
    (0.375, 0.25)
    """
    return REFUSAL_SECONDS - seconds % REFUSAL_SECONDS


def _can_be_a_name(name: str) -> bool:
    return 0 < len(name) <= NAME_LENGTH and canonical(name) != "" and name.isprintable()


def _is_really(own: Connection, entry: Entry) -> bool:
    """Tell whether the server takes a connection for the person whose password was shown."""
    try:
        told = own.who_am_i()
    except Refused:
        log.warning("The directory does not say who is signed in (RFC 4532), so nobody can sign in.")
        return False
    if told and names.same(told) == names.same(entry.dn):
        return True
    log.warning("The directory took a password for right, and its owner for somebody else.")
    return False
