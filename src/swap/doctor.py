"""`swap doctor`: ask every part whether it works, and say what to do about each that does not.

Asks and changes nothing.  Works with SWAP running or stopped; stopped is said, and is no failure of the rest.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from swap import mailer, r, runtime, terminal, visit
from swap.connectors import registry
from swap.db import engine, migrate
from swap.errors import SwapError
from swap.hub.directories import registry as registry_of_directories
from swap.launch import possible
from swap.launch.limits import find
from swap.notebooks import room
from swap.reports import writing
from swap.runtime import Runtime
from swap.settings import Address, HiveSource, Secret, Settings, load
from swap.settings.origins import PROBE

_SOON = timedelta(days=21)
"""How long before its end a certificate is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw; `todo` only when there is something to do."""

    subject: str
    works: bool
    saw: str
    todo: str = ""


def report(settings: Settings, say: Callable[[str], None]) -> int:
    """Print every finding as it is made; return 1 when something does not work."""
    failed = 0
    for finding in examine(settings):
        failed += not finding.works
        say(f"{'ok ' if finding.works else 'NO '} {finding.subject:<22} {finding.saw}")
        if finding.todo:
            say(f"    {'':<22} → {finding.todo}")
    say(
        "\nEverything works."
        if not failed
        else f"\n{failed} {'thing needs' if failed == 1 else 'things need'} attention."
    )
    return 1 if failed else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield the findings: machine, secrets, certificate, processes, proxy, people's directory, mail, sources, names."""
    yield _disk(settings.state)
    yield from _secrets(settings)
    yield from _limits(settings)
    yield from (Finding("reports.files", works=not todo, saw=saw, todo=todo) for saw, todo in writing.told(settings))
    yield _r()
    yield from _certificate(settings)
    here = runtime.of_running(settings.state)
    if here is None:
        yield Finding(
            "SWAP",
            works=False,
            saw="does not run",
            todo="Start it: make demo, or swap up. The sources are tested all the same.",
        )
    else:
        yield from _database(here, settings.keep.person_bytes)
        yield _process("gateway", here.gateway_port, "/v1/health", settings.state)
        yield _process("web", here.web_port, "/ping", settings.state)
        yield _process("hub", here.hub_port, "/hub/health", settings.state)
        yield from _proxy(settings)
        yield from _public(settings, here)
        yield from _lines(here, settings)
    yield from _directory(settings)
    yield from _mail(settings)
    for name in settings.sources:
        yield from _source(settings, name)
    for address in settings.addresses:
        yield _name_resolution(address)


def _disk(state: Path) -> Finding:
    at = next(parent for parent in (state, *state.parents) if parent.exists())
    free = shutil.disk_usage(at).free
    return Finding(
        "disk",
        works=free > 1_000_000_000,
        saw=f"{free / 1_000_000_000:.1f} GB free for {state}",
        todo=""
        if free > 1_000_000_000
        else "Free some space, or let `state` in swap.toml name a directory on another disk.",
    )


def _r() -> Finding:
    """Tell whether notebooks can be in R; a site need not have it."""
    missing = r.missing()
    if r.program() is None:
        return Finding("R", works=True, saw="is not installed: notebooks are in Python")
    if missing:
        packages = " ".join(f"r-cran-{name.lower()}" for name in missing)
        return Finding(
            "R", works=True, saw=f"lacks {', '.join(missing)}", todo=f"For notebooks in R, install {packages}."
        )
    return Finding("R", works=True, saw="notebooks can be in R")


def _secrets(settings: Settings) -> Iterator[Finding]:
    """Yield the secrets that cannot be read or that others could read; never their content."""
    named: dict[str, Secret | None] = {
        "database.password": settings.database.password,
        "mail.password": getattr(settings.mail, "password", None),
    }
    if settings.people.ldap is not None:
        named["people.ldap.bind_password"] = settings.people.ldap.bind_password
    named |= {
        f"sources.{name}.password": getattr(source, "password", None) for name, source in settings.sources.items()
    }
    for name, source in settings.sources.items():
        for account in getattr(source, "accounts", ()):
            named[f"sources.{name}.accounts, group {account.group}"] = account.password
    for name, secret in named.items():
        if secret is None:
            continue
        try:
            secret.read()
        except SwapError as error:
            yield Finding(name, works=False, saw=error.problem.title, todo=error.problem.todo)
            continue
        if secret.file is not None:
            yield from _closed(name, secret.file)
    for name, source in settings.sources.items():
        if isinstance(source, HiveSource) and source.kerberos is not None:
            yield from _keytab(f"sources.{name}.kerberos", source.kerberos.keytab)


def _limits(settings: Settings) -> Iterator[Finding]:
    """Yield which of people's limits this machine enforces, where it is asked to."""
    if settings.launch.isolation == "user":
        # Of the SWAP that runs: with cgroup v2 it may have been given more than the shell in which this is asked.
        whose = runtime.outermost(settings.state) or "self"
        saw, works = possible.limits_told(find(own=Path(f"/proc/{whose}/cgroup")))
        todo = "" if works else "Mount the missing cgroup controllers, or give them to SWAP's unit with Delegate=yes."
        yield Finding("limits", works=works, saw=saw, todo=todo)


def _keytab(name: str, keytab: Path) -> Iterator[Finding]:
    if os.access(keytab, os.R_OK):
        yield from _closed(name, keytab)
    else:
        todo = "Get it from whoever keeps the realm; it must be readable by SWAP's own user."
        yield Finding(name, works=False, saw=f"the keytab {keytab} cannot be read", todo=todo)


def _closed(name: str, secret: Path) -> Iterator[Finding]:
    if secret.stat().st_mode & 0o077:
        yield Finding(name, works=False, saw=f"other users may read {secret}", todo=f"chmod 600 {secret}")


def _database(here: Runtime, most: int) -> Iterator[Finding]:
    owner = engine.create(here.database_urls["owner"], connections=2)
    try:
        with owner.connect() as conn:
            server = conn.scalar(text("SHOW server_version"))
            found, wanted = migrate.version(owner), migrate.newest()
            taken = room.told(conn, most) if found == wanted else None
    except SwapError as error:
        todo = f"{error.details or error.problem.why}. Its log: logs/postgres.log in the state directory."
        yield Finding("database", works=False, saw=str(error.problem.title), todo=todo)
        return
    finally:
        owner.dispose()
    if taken is None:
        saw = f"its schema is version {found or 'none'}, this SWAP needs {wanted}"
        yield Finding("database", works=False, saw=saw, todo="swap migrate")
        return
    yield Finding("database", works=True, saw=f"PostgreSQL {server}, schema {found}")
    yield Finding("notebooks", works=True, saw=taken[0], todo=taken[1])


def _process(name: str, port: int, path: str, state: Path) -> Finding:
    status, seen = _get(port, path, f"127.0.0.1:{port}")
    works = status is not None and status < 400
    return Finding(
        name,
        works=works,
        saw=f"answers on 127.0.0.1:{port}" if works else f"does not answer on 127.0.0.1:{port}: {seen}",
        todo="" if works else f"SWAP starts what has ended again by itself. Its log: {state / 'logs' / name}.log",
    )


def _proxy(settings: Settings) -> Iterator[Finding]:
    """Yield what the proxy does with the portal's host, and with a host that is nobody's."""
    site = settings.site
    status, seen = _get(site.port, "/ping", f"{site.host}:{site.port}")
    works = status is not None and status < 400
    yield Finding(
        "proxy",
        works=works,
        saw=f"leads {site.url} to the portal" if works else f"does not lead {site.url} to the portal: {seen}",
        todo=""
        if works
        else "It is the portal that does not answer: see web."
        if status in {502, 504}
        else f"SWAP starts what has ended again by itself. Its log: {settings.state / 'logs' / 'traefik.log'}",
    )
    if status is None:
        return  # where nothing answers, nothing is shared
    status, seen = _get(site.port, "/hub/login", f"pnobodyxxx.{site.host}:{site.port}")
    # Not found, or led back to the portal's own host: either is no page of the hub on this one.
    apart = status is not None and (status >= 400 or seen.endswith(f" to {site.url}/"))
    yield Finding(
        "origins",
        works=apart,
        saw="a person's host serves no hub page" if apart else f"a person's host answered /hub/login: {seen}",
        todo="" if apart else "Report this: people's pages would share an origin with the hub.",
    )


def _certificate(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of our own certificate: its names, its end, and who may read its key."""
    origins = settings.origins
    if origins.address is None or origins.pair is None:
        return
    try:
        ends = origins.pair.ends_at(origins.address.host, origins.content_host)
    except SwapError as error:
        saw = " ".join(filter(None, (error.problem.title, error.problem.why)))
        yield Finding("certificate", works=False, saw=saw, todo=error.problem.todo)
        return
    todo = "Renew it: replace the files that origins.certificate and origins.key name. SWAP need not be restarted."
    if ends is None:
        yield Finding("certificate", works=False, saw="it has ended, or has not begun; browsers refuse it", todo=todo)
    else:
        soon = ends - datetime.now(UTC) < _SOON
        saw = f"for {origins.address.host} and all below it; it ends {ends:%Y-%m-%d}"
        yield Finding("certificate", works=not soon, saw=saw, todo=todo if soon else "")
    yield from _closed("origins.key", origins.pair.key)


def _public(settings: Settings, here: Runtime) -> Iterator[Finding]:
    """Yield what a browser meets that goes to the public address and to a person's host below it."""
    origins = settings.origins
    if origins.address is None:
        return
    for subject, host in (
        ("public address", origins.address.host),
        ("public names", f"{PROBE}.{origins.address.host}"),
        *([("content host", origins.content_host)] if origins.content_host else []),
    ):
        seen = visit.ping(host, origins.address.port)
        if isinstance(seen, visit.Failed):
            yield Finding(subject, works=False, saw=seen.why, todo=seen.todo)
        elif seen.mark != here.mark:
            todo = (
                f"Let the proxy lead it to port {origins.listens} of this machine, say X-Forwarded-Proto: https, and"
                " come from an address of origins.proxies."
                if origins.proxies
                else "Let the name lead to this machine in the DNS."
            )
            saw = f"{host} leads to something that is not this SWAP (status {seen.status})"
            yield Finding(subject, works=False, saw=saw, todo=todo)
        elif seen.ends_at - datetime.now(UTC) < _SOON:
            saw = f"{host} leads to the portal, with a certificate that ends {seen.ends_at:%Y-%m-%d}"
            yield Finding(subject, works=False, saw=saw, todo="Renew the certificate that is shown there.")
        else:
            saw = f"{host} leads to the portal; its certificate ends {seen.ends_at:%Y-%m-%d}"
            yield Finding(subject, works=True, saw=saw)


def _directory(settings: Settings) -> Iterator[Finding]:
    """Yield what works of the directory that people come from."""
    if settings.people.authenticator == "file":
        return  # the settings say whether there is one, and whoever cannot sign in is told
    try:
        directory = registry_of_directories.directory(settings)
    except SwapError as error:
        yield Finding(
            "directory", works=False, saw=f"{error.problem.title} {error.problem.why}", todo=error.problem.todo
        )
        return
    for check in directory.check():
        yield Finding(check.subject, works=check.works, saw=check.saw, todo=check.todo)


def _mail(settings: Settings) -> Iterator[Finding]:
    """Yield whether the site's mail server proves its name and lets SWAP in.  No mail is sent."""
    if settings.mail is None:
        return
    server = f"{settings.mail.host}:{settings.mail.port}"
    try:
        with mailer.connected(settings.mail):
            yield Finding("mail", works=True, saw=f"{server} answers")
    except SwapError as error:
        todo = "See that `mail` in swap.toml names the server, its authorities and SWAP's account there."
        yield Finding("mail", works=False, saw=f"{server}: {error.problem.title}", todo=todo)


def _source(settings: Settings, name: str) -> Iterator[Finding]:
    """Yield whether a source answers, what ends there, and what SWAP's accounts may do that they need not."""
    try:
        connector = registry.create(name, settings.sources[name])
        try:
            standing = connector.check()
        finally:
            connector.close()
    except SwapError as error:
        yield Finding(
            f"source {name}",
            works=False,
            saw=error.problem.title,
            todo=" ".join(filter(None, (error.problem.why, error.problem.todo))),
        )
        return
    saw = ["answers"]
    if standing.ticket_ends is not None:
        saw.append(f"SWAP's ticket ends {standing.ticket_ends:%Y-%m-%d %H:%M} UTC and is renewed before")
    if standing.certificate_ends is not None:
        saw.append(f"its certificate ends {standing.certificate_ends:%Y-%m-%d}")
    yield Finding(f"source {name}", works=True, saw="; ".join(saw))
    if standing.certificate_ends is not None and standing.certificate_ends - datetime.now(UTC) < _SOON:
        todo = "Ask the source's owner for a new one: SWAP does not connect when it has ended."
        saw_end = f"ends {standing.certificate_ends:%Y-%m-%d}"
        yield Finding(f"source {name}, certificate", works=False, saw=saw_end, todo=todo)
    if standing.excess:
        rights = ", ".join(standing.excess)
        todo = "Take these rights away at the source: SWAP only reads."
        yield Finding(f"source {name}, rights", works=False, saw=f"SWAP's account may also {rights}", todo=todo)


def _lines(here: Runtime, settings: Settings) -> Iterator[Finding]:
    """Yield how many queries run at each source, and wait for it."""
    owner = engine.create(here.database_urls["owner"], connections=1)
    question = "SELECT source, count(*) FILTER (WHERE running), count(*) FILTER (WHERE NOT running) FROM swap.admission"
    try:
        with owner.connect() as conn:
            found = {name: (runs, waits) for name, runs, waits in conn.execute(text(f"{question} GROUP BY source"))}
    except SwapError:
        return  # what is wrong with the database is told already
    finally:
        owner.dispose()
    for name in settings.sources:
        runs, waits = found.get(name, (0, 0))
        yield Finding(f"line of {name}", works=True, saw=f"{runs} running, {waits} waiting")


def _name_resolution(address: Address) -> Finding:
    """Tell whether this machine's resolver knows people's hosts; browsers know *.localhost by themselves."""
    host = f"pnobodyxxx.{address.host}"
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        known = address.host == "localhost"
        return Finding(
            "names",
            works=known,
            saw=f"this machine does not resolve {host}"
            + ("; Chrome, Edge and Firefox do so by themselves" if known else ""),
            todo="For Safari, curl and the like, add people's hosts to /etc/hosts."
            if known
            else f"Let *.{address.host} lead to this machine in the DNS.",
        )
    return Finding("names", works=True, saw=f"this machine resolves {host}")


def _get(port: int, path: str, host: str) -> tuple[int | None, str]:
    """Ask 127.0.0.1:port, as a client that knows us by `host`; return status and what was seen."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
    except OSError as error:
        return None, error.strerror or "no answer in time"
    except http.client.HTTPException as error:
        return None, str(error) or type(error).__name__
    else:
        location = answer.getheader("Location")
        return answer.status, f"status {answer.status}" + (f" to {location}" if location else "")
    finally:
        connection.close()


if __name__ == "__main__":
    terminal.leave(lambda: report(load(Path(sys.argv[1])), terminal.line))
