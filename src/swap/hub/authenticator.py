"""Let people of the directory in: JupyterHub learns their person id, SWAP's database that they signed in.

Whether somebody may act is decided by `people.service.access` alone; the hub asks it again every few
seconds and refuses cookies and tokens of whoever signed out or was removed.  What the hub gave out before
a sign-out is deleted before a new sign-in counts, so nothing old comes to life again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from sqlalchemy import Connection

from swap import audit
from swap.hub import context, sweeper
from swap.hub.directories import registry
from swap.hub.directories.base import NAME_LENGTH, DirectoryAway, DirectoryPerson, canonical
from swap.hub.loopback import refuse_other_addresses
from swap.hub.sign_in import Refusal, SignInHandler
from swap.hub.throttle import Throttle
from swap.identity import PERSON_ID
from swap.people import service
from swap.people.ids import new_person_id

TRIES = 5
PAUSE_SECONDS = 300.0
TRIES_OF_A_CLIENT = 50
"""All of a demo's people may come through one tunnel, so one address may be wrong more often than one name."""
PASSWORD_LENGTH = 1024

WRONG = "Name and password do not match."
WRONG_TODO = (
    f"Type the password again. After five wrong tries in a row SWAP pauses for {PAUSE_SECONDS / 60:.0f} minutes."
)
AWAY = "Nobody can sign in just now."
AWAY_TODO = "Whoever runs SWAP finds the reason in the hub's log."


class DirectoryAuthenticator(Authenticator):  # type: ignore[misc] # JupyterHub has no types
    """People from the directory the settings name."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.context = context.current()
        refuse_other_addresses(self.context.settings)
        self.names = Throttle(TRIES, PAUSE_SECONDS)
        self.clients = Throttle(TRIES_OF_A_CLIENT, PAUSE_SECONDS)
        self.directory = registry.directory(self.context.settings)
        # Threads of their own: those of the hub's transactions never wait for a directory.
        self.proving = ThreadPoolExecutor(self.directory.at_a_time, "directory")
        self.sweeping = asyncio.ensure_future(sweeper.run(self.context, self.directory, self.log))

    # ── signing in ──────────────────────────────────────────────────────────────────────────────────
    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any]:
        """Return the hub's user, named by the person's id.  Raises Refusal."""
        name, password = str(data.get("username") or ""), str(data.get("password") or "")
        client = str(handler.request.remote_ip)
        self._pause(name, client)
        try:
            found = await self._prove(name, password)
        except DirectoryAway as error:
            self.log.warning("%s", error)
            # Nobody looked at the password, so the try was neither right nor wrong.
            self.names.forgive(canonical(name))
            self.clients.forgive(client)
            raise Refusal(AWAY, AWAY_TODO, 503) from error
        if found is None:
            await self._record_failure(name, client)
            raise Refusal(WRONG, WRONG_TODO)
        self.names.succeeded(canonical(name))
        # One person's right try does not excuse what else comes from there.
        self.clients.forgive(client)
        return await self._let_in(found, client)

    def _pause(self, name: str, client: str) -> None:
        """Count the try; raise Refusal while the name or the client is paused."""
        now = time.monotonic()
        wait = self.clients.admit(client, now) or self.names.admit(canonical(name[: NAME_LENGTH + 1]), now)
        if wait:
            minutes = max(1, round(wait / 60))
            raise Refusal(
                "Too many wrong tries in a row.",
                f"SWAP pauses for 5 minutes; try again in {minutes} minute{'' if minutes == 1 else 's'}.",
                429,
                max(1, round(wait)),
            )

    async def _prove(self, name: str, password: str) -> DirectoryPerson | None:
        """Return whose name and password these are, as the directory says."""
        # An empty password never reaches a directory: some take it for a question that needs no proof.
        if not (0 < len(password) <= PASSWORD_LENGTH and 0 < len(name) <= NAME_LENGTH):
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.proving, self.directory.authenticate, name, password)

    async def _record_failure(self, name: str, client: str) -> None:
        paused = self.names.is_last(canonical(name)) or self.clients.is_last(client)
        reason = "name and password do not match" + ("; tries are paused now" if paused else "")
        await self.context.transact(
            lambda conn: audit.record(
                conn, audit.SignInFailed(person_id="", name=audit.typed(name), client=client, reason=reason)
            )
        )

    async def _let_in(self, found: DirectoryPerson, client: str) -> dict[str, Any]:
        person_id, was_live = await self.context.transact(lambda conn: _identify(conn, found))
        if not was_live:
            self._forget_all_of(person_id)
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
        """Serve the sign-in page."""
        return [("/login", SignInHandler)]

    # ── leaving nothing behind ──────────────────────────────────────────────────────────────────────
    def _forget_all_of(self, person_id: str) -> None:
        """Delete the tokens browsers got before, and change what the hub's login cookie is worth."""
        user = self.db.query(orm.User).filter_by(name=person_id).first()
        if user is None:
            return
        for token in list(user.api_tokens):
            # The running server's own token is not a browser's; without it the server could not ask who comes.
            if token.client_id != "jupyterhub":
                self.db.delete(token)
        for code in self.db.query(orm.OAuthCode).filter_by(user_id=user.id):
            self.db.delete(code)
        user.cookie_id = orm.new_token()
        self.db.commit()


def _identify(conn: Connection, found: DirectoryPerson) -> tuple[str, bool]:
    """Return the id of the directory's person, and whether they were signed in; record who is new or changed."""
    known = service.find_by_key(conn, found.key)
    person = service.ensure_person(
        conn, found.key, found.name, found.groups, lambda: new_person_id(secrets.token_bytes)
    )
    if known is None:
        audit.record(
            conn, audit.PersonAdded(person_id=person.id, name=person.name, groups=tuple(sorted(person.groups)))
        )
    elif known.groups != person.groups:
        audit.record(conn, audit.GroupsChanged(person_id=person.id, groups=tuple(sorted(person.groups))))
    return person.id, service.access(conn, person.id, context.utc_now()).live
