"""Who people are, whether they are signed in, and what acts for them.

Each function is one step of the caller's transaction; moments and randomness are arguments.  Ids are
never re-used: a person who was removed keeps the id for ever, and whoever comes later under the same
directory key is somebody else, with an id of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from swap.errors import NotSignedIn, Problem, Unavailable
from swap.identity import PERSON_ID, Principal, Run, Via
from swap.people import store, tokens
from swap.people.model import Access, LaunchedServer, Person, PortalSession, Standing

__all__ = [
    "Access",
    "LaunchedServer",
    "Person",
    "PortalSession",
    "access",
    "acting",
    "again",
    "beginning",
    "end_everything",
    "end_server",
    "ensure_person",
    "everybody",
    "find_by_key",
    "find_person",
    "groups_beginning",
    "is_group",
    "launch_server",
    "look_again",
    "mint_token",
    "open_portal_session",
    "password_changed",
    "portal_session",
    "principal",
    "remove",
    "server_for",
    "sign_in",
    "sign_out",
    "system_user",
    "system_users",
    "token_bearer",
]

_ATTEMPTS = 5
_SIGN_IN_AGAIN = "Sign in again."
_ENDED = Problem("Your sign-in has ended.", todo="Sign in again; your notebooks are as you left them.")


def ensure_person(
    conn: Connection,
    directory_key: str,
    name: str,
    groups: Iterable[str],
    new_id: Callable[[], str],
) -> Person:
    """Return the person with this directory key, added under `new_id()` if need be, labelled as the directory says now.

    A change of groups is announced like a sign-out, so that what is cached about the person is read again.
    """
    wanted = frozenset(groups)
    store.lock_key(conn, directory_key)
    found = store.find_by_key(conn, directory_key)
    if found is None:
        person_id = _unused_id(conn, new_id)
        store.add(conn, person_id, directory_key, name, wanted)
        return Person(person_id, name, wanted, 0)
    if (found.name, found.groups) != (name, wanted):
        store.relabel(conn, found.id, name, wanted)
        store.announce(conn, found.id)
    return Person(found.id, name, wanted, found.epoch, found.password_mark)


def _unused_id(conn: Connection, new_id: Callable[[], str]) -> str:
    for _ in range(_ATTEMPTS):
        person_id = new_id()
        if not PERSON_ID.fullmatch(person_id):
            raise ValueError(person_id)
        if not store.id_exists(conn, person_id):
            return person_id
    raise Unavailable(
        Problem(
            "No unused person id was found.",
            why=f"{_ATTEMPTS} random ids were all taken.",
            todo="Check this machine's source of randomness.",
        )
    )


def find_person(conn: Connection, person_id: str) -> Person | None:
    """Return a person by id, unless removed."""
    return store.find(conn, person_id)


def find_by_key(conn: Connection, directory_key: str) -> Person | None:
    """Return who has this directory key now."""
    return store.find_by_key(conn, directory_key)


def beginning(conn: Connection, text: str, limit: int) -> list[tuple[str, str]]:
    """Return id and name of people whose name begins with a text, by name."""
    return store.beginning(conn, text, limit)


def groups_beginning(conn: Connection, text: str, limit: int) -> list[str]:
    """Return the groups whose name begins with a text, by name."""
    return store.groups_beginning(conn, text, limit)


def is_group(conn: Connection, name: str) -> bool:
    """Tell whether there is a group of this name: whether somebody was ever in it."""
    return store.is_group(conn, name)


def everybody(conn: Connection, directory: str) -> dict[str, Person]:
    """Return directory key → person, for all whose key begins with `directory` and who were not removed."""
    return store.find_all(conn, directory)


def acting(conn: Connection, directory: str, now: datetime) -> dict[str, Person]:
    """Return those of `everybody` who are signed in, whose server runs, or who have a report."""
    return store.find_all(conn, directory, acting_at=now)


def sign_in(conn: Connection, person_id: str, sign_in_id: str, now: datetime, days: float) -> None:
    """Record that somebody proved who they are; ends by itself after `days`.  Open servers are told."""
    store.add_sign_in(conn, person_id, sign_in_id, now, now + timedelta(days=days))
    store.announce(conn, person_id)


def sign_out(conn: Connection, person_id: str, now: datetime) -> None:
    """End all of a person's sign-ins and portal sessions; kernel and portal tokens of older epochs are dead.

    Whoever listens on `swap_access` hears of it when the transaction commits.
    """
    store.end_access(conn, person_id, now)


def password_changed(conn: Connection, person_id: str, mark: str) -> bool:
    """Take over the directory's password mark; tell whether it is another than before.

    Nothing changed for a person of whom no mark was known yet, nor for a directory that gives none.
    """
    if not mark:
        return False
    before = store.replace_password_mark(conn, person_id, mark)
    return before not in {"", mark}


def end_everything(conn: Connection, person_id: str, now: datetime) -> tuple[str, ...]:
    """End a person's access, as signing out does, and the credentials of their servers; return the servers' ids."""
    store.lose_standing(conn, person_id)
    store.end_access(conn, person_id, now)
    return store.end_servers_of(conn, person_id, now)


def remove(conn: Connection, person_id: str, now: datetime) -> None:
    """End a person's access for good.  The id stays theirs; the directory key may come to mean somebody else."""
    store.mark_removed(conn, person_id, now)
    store.lose_standing(conn, person_id)
    store.end_access(conn, person_id, now)


def look_again(conn: Connection, person_id: str) -> None:
    """Let whoever listens on `swap_access` ask anew what a person may, when this transaction commits."""
    store.announce(conn, person_id)


def access(conn: Connection, person_id: str, now: datetime) -> Access:
    """Tell whether a person may act, and in which epoch.  Unknown ids may not."""
    found = store.standing(conn, person_id, now)
    return Access(live=False, epoch=0) if found is None else found.access


def principal(conn: Connection, person_id: str, via: Via, now: datetime) -> Principal:
    """Return who is asking.  Raises NotSignedIn for a person who was removed or has no live sign-in."""
    return _principal(store.standing(conn, person_id, now), via)


def _principal(found: Standing | None, via: Via) -> Principal:
    if found is None or not found.access.live:
        raise NotSignedIn(
            Problem("You are not signed in.", why="You signed out, or your sign-in has ended.", todo=_SIGN_IN_AGAIN)
        )
    return Principal(id=found.person.id, name=found.person.name, groups=found.person.groups, via=via)


def again(conn: Connection, who: Principal, now: datetime) -> Principal:
    """Return who is asking as they are at this moment.  Raises NotSignedIn for who may not act any more."""
    if who.run is None:
        return principal(conn, who.id, who.via, now)
    return _of_run(conn, who.id, who.run, now)


def _of_run(conn: Connection, person_id: str, run: Run, now: datetime) -> Principal:
    found = store.of_run(conn, person_id, run.id, run.epoch, now)
    if found is None:
        raise NotSignedIn(
            Problem(
                "This run of a report may not ask any more.",
                why="It has ended, or its person lost a group or their access.",
                todo="Look at the report's page.",
            )
        )
    return Principal(found.id, found.name, found.groups, Via.REPORT, run)


def mint_token(
    key: str,
    via: Via,
    person_id: str,
    access: Access,
    *,
    now: datetime,
    seconds: float,
    server_id: str = "",
    kernel_id: str = "",
) -> tokens.Token:
    """Return a token for somebody whose access was looked up with their credential.  Raises NotSignedIn.

    It carries the epoch of that look, never one read later: whoever signed out since has another, so the token
    is dead when it is made, also for a person who has signed in again.
    """
    if not access.live:
        raise NotSignedIn(_ENDED)
    return tokens.mint(
        key,
        person_id=person_id,
        via=via,
        epoch=access.epoch,
        server_id=server_id,
        kernel_id=kernel_id,
        now=now,
        seconds=seconds,
    )


def token_bearer(conn: Connection, claims: tokens.Claims, now: datetime) -> Principal:
    """Return who shows a token, once its signature is verified.

    Raises NotSignedIn for one of before a sign-out, and of a run for one that has ended.
    """
    if claims.via is Via.REPORT:
        return _of_run(conn, claims.person_id, Run(claims.server_id, claims.epoch), now)
    found = store.standing(conn, claims.person_id, now)
    if found is None or found.access != Access(live=True, epoch=claims.epoch):
        raise NotSignedIn(_ENDED)
    return _principal(found, claims.via)


def open_portal_session(conn: Connection, person_id: str, secret: str, csrf: str, now: datetime, days: float) -> None:
    """Record that a browser with the cookie `secret` is signed in; the cookie's value is not kept.

    Raises NotSignedIn for a person who may not act.  A sign-out meanwhile ends this session too, or is seen here.
    """
    store.hold(conn, person_id)
    principal(conn, person_id, Via.PORTAL, now)
    store.add_portal_session(conn, person_id, secret, csrf, now, now + timedelta(days=days))


def portal_session(conn: Connection, secret: str, now: datetime) -> PortalSession:
    """Return the session of a cookie.  Raises NotSignedIn when it is unknown, ended, or its person may not act."""
    found = store.find_portal_session(conn, secret, now)
    if found is None:
        raise NotSignedIn(Problem("You are not signed in.", todo=_SIGN_IN_AGAIN))
    standing, csrf = found
    return PortalSession(_principal(standing, Via.PORTAL), csrf, standing.access)


def launch_server(conn: Connection, person_id: str, server_id: str, credential: str, now: datetime) -> None:
    """Record a person's server and the digest of its credential.

    A person has one server, so older credentials of theirs die: also those of a server whose end nobody saw.
    """
    store.end_servers_of(conn, person_id, now)
    store.add_server(conn, person_id, server_id, credential, now)


def system_user(conn: Connection, person_id: str, uids: range, is_taken: Callable[[int], bool]) -> int:
    """Return the uid of a person's own system user, given now, once and for ever, if there is none yet.

    `is_taken` tells of a uid whether this machine has given it to somebody else.  Raises Unavailable when none is left.
    """
    found = store.find_system_user(conn, person_id)
    if found is not None:
        return found
    uid = store.next_uid(conn, uids)
    # Whoever held the lock before us may have been asked for the same person.
    found = store.find_system_user(conn, person_id)
    if found is not None:
        return found
    while uid in uids and is_taken(uid):
        uid += 1
    if uid not in uids:
        raise Unavailable(
            Problem(
                "No system user is left for you.",
                why=f"All {len(uids)} ids from {uids.start} on were given; none is given twice.",
                todo="Ask the people who run SWAP to raise launch.uids.",
            )
        )
    store.add_system_user(conn, person_id, uid)
    return uid


def system_users(conn: Connection) -> dict[str, int]:
    """Return person → uid, of everybody who has one and was not removed."""
    return store.system_users(conn)


def end_server(conn: Connection, server_id: str, now: datetime) -> str | None:
    """Record that a server ended; its credential is dead.  Return whose it was, or None if it had ended before."""
    return store.end_server(conn, server_id, now)


def server_for(conn: Connection, credential: str, now: datetime) -> LaunchedServer:
    """Return which running server holds this credential, and its person's access.

    Raises NotSignedIn for an unknown or ended one, but not for one whose person signed out: it must still be
    able to hear so.
    """
    found = store.find_server(conn, credential, now)
    if found is None:
        raise NotSignedIn(
            Problem("This Jupyter server has ended.", todo="Start your server again from SWAP's home page.")
        )
    return found
