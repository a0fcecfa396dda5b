"""What each setting allows by itself and the whole does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from swap.settings.model import Settings
from swap.settings.policy import Denial, Grant
from swap.settings.problems import dotted


def contradictions(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what each value allows by itself and the whole does not."""
    if settings.site.bind not in {"127.0.0.1", "::1", "localhost"}:
        yield (
            ("site", "bind"),
            (
                f"site.bind is {settings.site.bind}, but people.authenticator 'file' and launch.isolation 'none' keep"
                " nobody apart on a network. Use 127.0.0.1, and ssh -L from elsewhere."
            ),
        )
    if settings.people.file is None:
        yield ("people", "file"), "people.file is missing: the people file that people.authenticator 'file' reads."
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
    yield from _rule_contradictions(settings)


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
