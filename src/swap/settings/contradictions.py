"""What each setting allows by itself and the whole does not."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from swap.settings.base import is_loopback
from swap.settings.model import Settings
from swap.settings.people import People
from swap.settings.policy import Denial, Grant
from swap.settings.problems import dotted
from swap.settings.sources import RESULT_TABLES


def contradictions(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what each value allows by itself and the whole does not."""
    if settings.site.bind not in {"127.0.0.1", "localhost"}:
        yield (
            ("site", "bind"),
            (
                f"site.bind is {settings.site.bind}, where passwords would travel in the clear. Use 127.0.0.1 and, from"
                " elsewhere, ssh -L; or a public address under TLS in [origins]."
            ),
        )
    yield from _of_origins(settings)
    yield from _of_people(settings.people)
    if settings.site.time_zone != "UTC" and settings.site.time_zone not in available_timezones():
        yield (
            ("site", "time_zone"),
            f"site.time_zone names no time zone. {_nearest(settings.site.time_zone, available_timezones(), 'Use')}",
        )
    if settings.database.url is not None:
        url = urlsplit(settings.database.url)
        if not url.scheme.startswith("postgresql"):
            yield ("database", "url"), "database.url must begin with postgresql://."
        if url.password is not None:
            yield ("database", "url"), "database.url holds a password: move it to a file that database.password names."
    launch = settings.launch
    if launch.isolation == "user" and launch.index_address and launch.index_address not in launch.reach:
        yield (
            ("launch", "index_url"),
            f'launch.index_url is out of people\'s reach. Add "{launch.index_address}" to launch.reach.',
        )
    if settings.mail is not None and (settings.mail.user is None) != (settings.mail.password is None):
        yield ("mail",), "mail.user and mail.password go together: name both, or neither."
    if RESULT_TABLES in settings.sources:
        yield (
            ("sources", RESULT_TABLES),
            f"sources.{RESULT_TABLES} has the name of what reports write. Call the source otherwise.",
        )
    yield from _of_what_is_kept(settings)
    yield from _rule_contradictions(settings)


def _of_origins(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    origins, site = settings.origins, settings.site
    if origins.address is None:
        return
    if not is_loopback(origins.bind) and (
        settings.people.authenticator == "file" or settings.launch.isolation == "none"
    ):
        yield (
            ("origins", "bind"),
            (
                f"origins.bind is {origins.bind}, but people.authenticator 'file' and launch.isolation 'none' keep"
                " nobody apart on a network. Use people.authenticator 'ldap' and launch.isolation 'user', or 127.0.0.1"
                " here."
            ),
        )
    if origins.address.holds(site.host) or site.address.holds(origins.address.host):
        message = f"origins.url is in site.host, {site.host}, or holds it. Leave site.host out: it is for tunnels."
        yield ("origins", "url"), message
    taken = [site.port, origins.listens, origins.http_port]
    for name, port in (("port" if origins.port else "url", origins.listens), ("http_port", origins.http_port)):
        if port is not None and taken.count(port) > 1:
            yield ("origins", name), f"origins.{name} is port {port}, which SWAP listens on for something else too."


def _of_people(people: People) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if people.authenticator == "file" and people.ldap is not None:
        message = (
            "people.ldap is set, but people.authenticator is 'file', which reads the people file. Set it to 'ldap'."
        )
        yield ("people", "ldap"), message
    elif people.authenticator == "file" and people.file is None:
        yield ("people", "file"), "people.file is missing: the people file that people.authenticator 'file' reads."
    elif people.authenticator == "ldap" and people.ldap is None:
        yield ("people", "ldap"), "people.ldap is missing: the directory that people.authenticator 'ldap' asks."
    if people.admin_group is not None and people.ldap is not None and people.ldap.admin_group is not None:
        yield (
            ("people", "admin_group"),
            "people.admin_group and people.ldap.admin_group are both set, and one group runs SWAP. Remove one of them.",
        )
    if people.ldap is not None and people.ldap.nested and people.ldap.group_shape == "posixGroup":
        yield ("people", "ldap", "nested"), "people.ldap.nested is for groupOfNames: a posixGroup has no member groups."


def _of_what_is_kept(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what would be forgotten while something still needs it."""
    keep, spool_hours = settings.keep, settings.limits.spool_hours
    if spool_hours > keep.ended_days * 24:
        yield (
            ("limits", "spool_hours"),
            (
                "limits.spool_hours is longer than keep.ended_days: a result would be kept whose query is forgotten."
                f" Use at most {keep.ended_days * 24:g}, or keep.ended_days = {math.ceil(spool_hours / 24)}."
            ),
        )
    if keep.audit_days is not None and keep.audit_days < keep.ended_days:
        yield (
            ("keep", "audit_days"),
            (
                "keep.audit_days is shorter than keep.ended_days: who asked would be forgotten before what was asked."
                f" Use at least {keep.ended_days:g}, or a shorter keep.ended_days."
            ),
        )


def _rule_contradictions(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield rules that share a name, and patterns that no source could match: both would mislead silently."""
    rules: list[tuple[str, int, Grant | Denial]] = [
        ("grants", i, rule) for i, rule in enumerate(settings.policy.grants)
    ]
    rules += [("denials", i, rule) for i, rule in enumerate(settings.policy.denials)]
    seen: set[str] = set()
    for kind, index, rule in rules:
        where = ("policy", kind, index)
        if rule.name in seen:
            yield (
                (*where, "name"),
                f"{dotted(where)}.name: another rule is called {rule.name!r} too; errors could not say which.",
            )
        seen.add(rule.name)
        for pattern in rule.on:
            source, *below = pattern.split(".")
            if len(below) > 3 or not all((source, *below)):
                # It would cover nothing: a lock on a field of a column, or on a column with a dot, would lock nothing
                # at all.
                yield (
                    (*where, "on"),
                    (
                        f"{dotted(where)}.on: {pattern!r} is no source.schema.table.column; what lies inside a column"
                        " cannot be named."
                    ),
                )
            elif source != "*" and source not in settings.sources:
                yield (
                    (*where, "on"),
                    (
                        f"{dotted(where)}.on: {pattern!r} is in no source."
                        f" {_nearest(source, settings.sources, 'Sources:')}"
                    ),
                )


def _nearest(wrong: str, known: Collection[str], otherwise: str) -> str:
    """Say which known name was meant, or list the first few."""
    near = get_close_matches(wrong, known, 1)
    return f"Did you mean {near[0]}?" if near else f"{otherwise} {', '.join(sorted(known)[:6]) or 'none'}."
