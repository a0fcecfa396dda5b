"""Let people of the directory in: JupyterHub learns their person id, SWAP's database that they signed in.

Whether somebody may act is decided by `people.service.access` alone; the hub asks it again every few
seconds and refuses cookies and tokens of whoever signed out or was removed.  What the hub gave out before
a sign-out is deleted before a new sign-in counts, so nothing old comes to life again.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from typing import Any

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from swap import audit
from swap.errors import SwapError
from swap.hub import addresses, clients, context, known, mend, sweeper
from swap.hub.directories import registry
from swap.hub.directories.base import NAME_LENGTH, DirectoryAway, DirectoryPerson, canonical
from swap.hub.proving import Crowded, Proving
from swap.hub.sign_in import AWAY, Refusal, SignInHandler
from swap.hub.tries import Tries, Try
from swap.identity import PERSON_ID
from swap.people import service
from swap.people.ids import new_person_id

WRONG = "Name and password do not match."
TOO_MANY = "Too many wrong tries."
ELSEWHERE = "A browser in which you signed in before need not wait."
LOCKED_TODO = " If it was right, your account may be locked; whoever keeps the directory of people knows."
BUSY = "Very many people are signing in just now."
BUSY_SECONDS = 5
AWAY_TODO = (
    "The directory of people does not answer. Who is signed in goes on working; try again in a minute."
    " Whoever runs SWAP finds the reason in the hub's log."
)


class DirectoryAuthenticator(Authenticator):  # type: ignore[misc] # JupyterHub has no types
    """People from the directory the settings name."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.context = context.current()
        mend.watch(self.db)
        self.tries = Tries(self.context.settings.people.tries)
        self.directory = registry.directory(self.context.settings)
        self.proving = Proving(self.directory)
        self.ending: set[asyncio.Task[None]] = set()
        self.sweeping = asyncio.ensure_future(sweeper.run(self.context, self.directory, self._end_all_of, self.log))

    # ── signing in ──────────────────────────────────────────────────────────────────────────────────
    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any]:
        """Return the hub's user, named by the person's id.  Raises Refusal."""
        name, password = str(data.get("username") or ""), str(data.get("password") or "")
        client = clients.address(handler.request, self.context.runtime, self.context.settings.origins.proxies)
        one = self._try(handler, name, client)
        self._pause(one)
        try:
            found = await self.proving.prove(name, password, known=bool(one.browser))
        except DirectoryAway as error:
            self.log.warning("%s", error)
            self.tries.was_neither(one)
            raise Refusal(AWAY, AWAY_TODO, 503) from error
        except Crowded as error:
            self.tries.was_neither(one)
            raise Refusal(BUSY, f"Try again in a few seconds. {ELSEWHERE}", 503, BUSY_SECONDS) from error
        if found is None:
            await self._record_failure(name, client, one)
            raise Refusal(WRONG, self._wrong_todo())
        self.tries.was_right(one)
        if found.barred is not None:
            # Only whoever knows the password hears this.
            await self._record(name, client, found.barred.title)
            raise Refusal(found.barred.title, f"{found.barred.why} {found.barred.todo}".strip())
        user = await self._let_in(found, client)
        secret, browser = self.context.runtime.hub_cookie_secret, secrets.token_hex(8)
        known.leave(handler, one.name, known.seal(secret, one.name, browser, context.utc_now()))
        return user

    def _wrong_todo(self) -> str:
        tries = self.context.settings.people.tries
        return (
            f"Type the password again. After {tries.per_name} wrong tries within {tries.minutes:g} minutes SWAP takes"
            " no more for a while."
        ) + (LOCKED_TODO if self.context.settings.people.authenticator == "ldap" else "")

    def _try(self, handler: Any, name: str, client: str) -> Try:
        """Return who tries: the name, where from, and whether the browser is known."""
        same = canonical(name[: NAME_LENGTH + 1])
        cookie = handler.get_cookie(known.cookie_name(same), "")
        browser = known.unseal(self.context.runtime.hub_cookie_secret, same, cookie, context.utc_now())
        return Try(same, clients.network(client), browser)

    def _pause(self, one: Try) -> None:
        """Count the try; raise Refusal for one that has to wait."""
        wait = self.tries.admit(one, time.monotonic())
        if wait:
            seconds = max(1, math.ceil(wait))
            todo = f"Try again in {_in_words(seconds)}. {'' if one.browser else ELSEWHERE}"
            raise Refusal(TOO_MANY, todo.strip(), 429, seconds)

    async def _record_failure(self, name: str, client: str, one: Try) -> None:
        paused = self.tries.is_last(one, time.monotonic())
        await self._record(
            name, client, "name and password do not match" + ("; tries are paused now" if paused else "")
        )

    async def _record(self, name: str, client: str, reason: str) -> None:
        await self.context.transact(
            lambda conn: audit.record(
                conn, audit.SignInFailed(person_id="", name=audit.typed(name), client=client, reason=reason)
            )
        )

    async def _let_in(self, found: DirectoryPerson, client: str) -> dict[str, Any]:
        person_id, was_live, changed = await self.context.transact(lambda conn: _identify(conn, found))
        if changed:
            self._end_all_of(person_id)
        elif not was_live:
            # A server that no longer runs has left its token when its person's last end was cut short.
            gone = await self.context.servers.find(person_id) is None
            self._forget_all_of(person_id, also_the_servers=gone)
        sign_in_id = secrets.token_hex(8)
        days = self.context.settings.people.sign_in_days

        def sign_in(conn: Connection) -> None:
            service.sign_in(conn, person_id, sign_in_id, context.utc_now(), days)
            audit.record(conn, audit.SignedIn(person_id=person_id, sign_in_id=sign_in_id, client=client))

        await self.context.transact(sign_in)
        return {"name": person_id, "admin": False}

    # ── staying in ──────────────────────────────────────────────────────────────────────────────────
    async def refresh_user(self, user: Any, handler: Any = None) -> bool:  # noqa: ARG002 - JupyterHub's signature
        """Tell whether somebody may still act: signed in, and not removed."""
        access = await self.context.transact(lambda conn: service.access(conn, user.name, context.utc_now()))
        return access.live

    def validate_username(self, username: str) -> bool:
        """Let only person ids be names of the hub's users."""
        return PERSON_ID.fullmatch(username) is not None

    def normalize_username(self, username: str) -> str:
        """Leave ids as they are."""
        return username

    def check_allowed(self, username: str, authentication: Any = None) -> bool:  # noqa: ARG002 - JupyterHub's signature
        """Let in whom `authenticate` let in."""
        return True

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:  # noqa: ARG002 - JupyterHub's signature
        """Serve the sign-in page and the OAuth door."""
        return [("/login", SignInHandler), ("/api/oauth2/authorize", addresses.AuthorizeHandler)]

    # ── leaving nothing behind ──────────────────────────────────────────────────────────────────────
    def _end_all_of(self, person_id: str) -> None:
        """End what the hub holds for somebody who left, or whose password is another: the server, and every token."""
        # Nobody waits: a server that does not listen is given its while, and others lose access meanwhile.
        task = asyncio.ensure_future(self._end(person_id))
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)
        self._forget_all_of(person_id, also_the_servers=True)

    async def _end(self, person_id: str) -> None:
        try:
            if not await self.context.servers.end(person_id):
                self.log.error("The server of %s did not end", person_id)
        except (SwapError, OSError) as error:
            self.log.warning("The server of %s may not have ended: %s", person_id, error)

    def _forget_all_of(self, person_id: str, *, also_the_servers: bool) -> None:
        """Delete the tokens browsers got before, and change what the hub's login cookie is worth."""
        try:
            self._forget(person_id, also_the_servers=also_the_servers)
        except SQLAlchemyError:
            # Whoever asked must know: nothing may be opened before this is done.
            mend.begin_anew(self.db)
            raise

    def _forget(self, person_id: str, *, also_the_servers: bool) -> None:
        user = self.db.query(orm.User).filter_by(name=person_id).first()
        if user is None:
            return
        for token in list(user.api_tokens):
            # The running server's own token is not a browser's; without it the server could not ask who comes.
            if also_the_servers or token.client_id != "jupyterhub":
                self.db.delete(token)
        for code in self.db.query(orm.OAuthCode).filter_by(user_id=user.id):
            self.db.delete(code)
        user.cookie_id = orm.new_token()
        self.db.commit()


def _in_words(seconds: int) -> str:
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _identify(conn: Connection, found: DirectoryPerson) -> tuple[str, bool, bool]:
    """Return the id of the directory's person, whether they are signed in, and whether they have another password.

    What the former password opened has then ended; who is new or changed is recorded.
    """
    before = service.find_by_key(conn, found.key)
    person = service.ensure_person(
        conn, found.key, found.name, found.groups, lambda: new_person_id(secrets.token_bytes)
    )
    if before is None:
        audit.record(
            conn, audit.PersonAdded(person_id=person.id, name=person.name, groups=tuple(sorted(person.groups)))
        )
    elif before.groups != person.groups:
        audit.record(conn, audit.GroupsChanged(person_id=person.id, groups=tuple(sorted(person.groups))))
    changed = sweeper.follow_password(conn, person.id, found.password_mark)
    return person.id, service.access(conn, person.id, context.utc_now()).live, changed
