"""What an entry says of its person: who they are for ever, what they are called, and whether they may not act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from swap.errors import Problem
from swap.hub.directories.base import NAME_LENGTH, canonical
from swap.hub.directories.ldap import names
from swap.hub.directories.ldap.connection import Entry
from swap.settings import Ldap

PREFIX: Final = "ldap:"
SECONDS_OF_A_DAY: Final = 86_400
NEVER_CHANGED: Final = "never"
"""The mark where the directory names no moment."""
_DISABLED_IN_AD: Final = 2
STATES: Final = ("pwdAccountLockedTime", "nsAccountLock", "userAccountControl", "shadowExpire")
"""Attributes by which directories say that an account is locked, disabled or over."""


class Unusable(Exception):
    """An entry cannot be taken for a person; the message says why, and names nobody."""


def attributes(settings: Ldap) -> tuple[str, ...]:
    """Return the attributes that SWAP reads of a person; no other is asked for."""
    return (
        settings.name_attribute,
        settings.id_attribute,
        settings.password_changed_attribute,
        "gidNumber",
        *STATES,
    )


def key(entry: Entry, settings: Ldap) -> str:
    """Return the key of an entry's person.  Raises Unusable."""
    return PREFIX + _only(entry.texts(settings.id_attribute), settings.id_attribute)


def id_of(key: str) -> str:
    """Return the value of the id attribute that a key was made of."""
    return key.removeprefix(PREFIX)


def name(entry: Entry, settings: Ldap) -> str:
    """Return what an entry's person is called.  Raises Unusable: with two names, they could choose whom to be."""
    found = _only(entry.texts(settings.name_attribute), settings.name_attribute)
    if len(found) > NAME_LENGTH or not found.isprintable() or found != found.strip():
        msg = f"its {settings.name_attribute} is not 1 to {NAME_LENGTH} printable characters"
        raise Unusable(msg)
    return found


def is_called(entry: Entry, settings: Ldap, typed: str) -> bool:
    """Tell whether an entry has the typed name by SWAP's own rules, too: a directory may leave characters out."""
    return canonical(name(entry, settings)) == canonical(typed)


def password_mark(entry: Entry, settings: Ldap) -> str:
    """Return what changes with the password; also of one never changed, so that the first change tells."""
    return " ".join(sorted(entry.texts(settings.password_changed_attribute))) or NEVER_CHANGED


def barred(entry: Entry, groups: frozenset[str], settings: Ldap, now: datetime) -> Problem | None:
    """Return why an entry's person may not act, or None."""
    if _is_locked(entry):
        return Problem("Your account is locked.", todo="Whoever keeps the directory of people can unlock it.")
    if _is_disabled(entry, now):
        return Problem("Your account is disabled.", todo="Whoever keeps the directory of people knows why.")
    if groups.isdisjoint(settings.way_in):
        todo = "Ask for it, and sign in again."
        return Problem("You are in no group that may use SWAP.", why=_groups(settings.allowed_groups), todo=todo)
    return None


OUTDATED: Final = Problem(
    "Your password has run out.", todo="Change it where you manage your account, and sign in again."
)


def _is_locked(entry: Entry) -> bool:
    return bool(entry.texts("pwdAccountLockedTime"))


def _is_disabled(entry: Entry, now: datetime) -> bool:
    if any(value.upper() == "TRUE" for value in entry.texts("nsAccountLock")):
        return True
    controls = (_number(value) for value in entry.texts("userAccountControl"))
    if any(number is None or number & _DISABLED_IN_AD for number in controls):
        return True
    today = now.astimezone(UTC).timestamp() // SECONDS_OF_A_DAY
    ends = (_number(value) for value in entry.texts("shadowExpire"))
    return any(number is None or 0 <= number <= today for number in ends)


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _only(values: Sequence[str], attribute: str) -> str:
    if len(values) != 1 or not values[0]:
        msg = f"it has {len(values) or 'no'} values of {attribute} that are text, and needs one"
        raise Unusable(msg)
    return values[0]


def _groups(groups: Sequence[str]) -> str:
    *some, last = groups
    return f"You need to be in {', '.join(some)} or {last}." if some else f"You need to be in {last}."


def filter_for(settings: Ldap, question: str) -> str:
    """Return the filter for those of the people who count that a question finds."""
    return names.both(settings.filter, question)
