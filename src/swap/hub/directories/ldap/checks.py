"""Look at each part of a directory, as `swap doctor` and a start of the hub do: what works, and what to do."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from swap.errors import SettingsError
from swap.hub.directories.base import Check
from swap.hub.directories.ldap import groups, people
from swap.hub.directories.ldap.connection import Connection, Refused, ServerFailed, TooMany
from swap.hub.directories.ldap.people import Unusable
from swap.hub.directories.ldap.servers import TOTAL_SECONDS, AccountRefused, Asking, Server
from swap.settings import Ldap

SOON: Final = timedelta(days=21)
"""How long before its end a certificate is worth a word."""


def run(servers: Sequence[Server], settings: Ldap, wanted: Collection[str]) -> Iterator[Check]:
    """Yield what was seen of each server, and of the directory at the first that answers."""
    refused = False
    looked = False
    for server in servers:
        subject = f"directory {server.name}"
        if refused:
            yield Check(subject, works=False, saw="was not asked: a second refusal could lock SWAP's account")
            continue
        try:
            password = settings.bind_password.read()
            asking = Asking(server, settings.bind_dn, password, time.monotonic() + TOTAL_SECONDS)
            with asking.account() as account:
                yield from _server(subject, account)
                if not looked:
                    looked = True
                    yield from _directory(account, settings, wanted)
        except ServerFailed as error:
            yield Check(subject, works=False, saw=f"it {error}", todo=_REMEDY)
        except AccountRefused:
            refused = True
            todo = "people.ldap.bind_dn and the content of bind_password must be an account of the directory."
            yield Check(subject, works=False, saw="refuses SWAP's account", todo=todo)
        except SettingsError as error:
            yield Check(subject, works=False, saw=error.problem.title, todo=error.problem.todo)
            return
        except (Refused, TooMany) as error:
            yield Check(subject, works=False, saw=f"answered {error or 'too much'}", todo=_ACCOUNT)


_REMEDY: Final = (
    "Look at the address, at people.ldap.ca, and at the certificate: it must name the host and not have ended."
)
_ACCOUNT: Final = "SWAP's account must be allowed to search and read people.ldap.base and groups_base."


def _server(subject: str, account: Connection) -> Iterator[Check]:
    ends = account.certificate_ends
    assert ends is not None
    try:
        told = account.who_am_i()
    except Refused:
        told = ""
    if not told:
        todo = "The server must answer the operation 'Who am I?' (RFC 4532)."
        yield Check(subject, works=False, saw="does not say who is signed in", todo=todo)
        return
    yield Check(subject, works=True, saw=f"answers, encrypted; its certificate ends {ends:%Y-%m-%d}")
    if ends - datetime.now(UTC) < SOON:
        todo = "Ask whoever keeps the directory for a new one: nobody can sign in when it has ended."
        yield Check(f"{subject}, certificate", works=False, saw=f"ends {ends:%Y-%m-%d}", todo=todo)


def _directory(account: Connection, settings: Ldap, wanted: Collection[str]) -> Iterator[Check]:
    there = groups.read(account, settings, wanted).found
    for group in sorted(wanted):
        if group not in there:
            base = settings.groups_base or settings.base
            todo = f"Look for its name below {base}, where exactly one {settings.group_shape} may have it."
            yield Check(f"group {group}", works=False, saw="is not in the directory, or twice", todo=todo)
    if there:
        yield Check("groups", works=True, saw=f"{len(there)} of {len(wanted)} are there")
    yield _people(account, settings)


def _people(account: Connection, settings: Ldap) -> Check:
    """Look at somebody: is what SWAP needs of everybody there?"""
    question = people.filter_for(settings, f"({settings.name_attribute}=*)")
    found = account.first(settings.base, question, people.attributes(settings))
    if found is None:
        todo = "people.ldap.base, filter and name_attribute must find them, and SWAP's account must be allowed to read."
        return Check("people", works=False, saw=f"nobody is below {settings.base}", todo=todo)
    try:
        people.key(found, settings)
        people.name(found, settings)
    except Unusable as error:
        return Check("people", works=False, saw=f"of somebody, {error}", todo=_ACCOUNT)
    marked = people.password_mark(found, settings) != people.NEVER_CHANGED
    saw = "can be read" if marked else "can be read, but not when passwords changed"
    todo = (
        ""
        if marked
        else f"For another password to end what was open, SWAP must read {settings.password_changed_attribute}."
    )
    return Check("people", works=True, saw=saw, todo=todo)
