"""Refuse and cut: what happens in this server when the person's access ends.

While access is ended every path answers 403, handlers that are not Jupyter's too; open websockets are
muted and cut at once; and a hub token that was good before a sign-out never is again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakSet

from jupyter_server.utils import ensure_async
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from swap.lab.access import State

CLOSE_CODE = 4403
ENDED = "Your access has ended. Sign in again to go on."

log = logging.getLogger("swap.lab")


class Ended(Matcher):
    """Matches every request while access is ended."""

    def __init__(self, state: State) -> None:
        self._state = state

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no arguments for the handler, or None: not ours."""
        del request
        return {} if self._state.ended else None


class Refusal(RequestHandler):
    """Answers 403 to everything, in words for people and in JSON for programs."""

    def initialize(self, state: State, ask: Callable[[], Awaitable[None]], home: Callable[[str], str]) -> None:
        """Take what is needed to say it and to find out whether it still holds."""
        self._state = state
        self._ask = ask
        self._home = home

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that another site could want."""

    async def prepare(self) -> None:
        """Refuse, but let a person who has signed in again through without waiting for the push."""
        navigation = "text/html" in self.request.headers.get("Accept", "")
        if navigation and self.request.method == "GET":
            await self._ask()
            if not self._state.ended:
                self.redirect(self.request.uri or "/")
                return
        self.set_status(403)
        self.set_header("Cache-Control", "no-store")
        self.set_header(
            "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        )
        if navigation:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            await self.finish(PAGE.replace("{home}", self._home(self.request.host)))
        else:
            await self.finish(
                {
                    "message": ENDED,
                    "error": {
                        "category": "not-signed-in",
                        "title": "Your access has ended.",
                        "why": "",
                        "todo": "Sign in again.",
                    },
                }
            )


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Your access has ended · SWAP</title>
<style>:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto 0;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .5rem}a{display:inline-block;margin-top:1rem}</style></head>
<body><main><h1>Your access has ended</h1>
<p>You signed out, or somebody ended your access. Your notebooks are safe.</p>
<p><a href="{home}/">Go to SWAP and sign in</a></p></main></body></html>
"""


def refuse_when_ended(
    app: Application, state: State, ask: Callable[[], Awaitable[None]], home: Callable[[str], str]
) -> None:
    """Put the refusal before every route there is and every route that will be added.

    `home` returns the portal's address for a Host header.
    """
    rule = Rule(Ended(state), Refusal, {"state": state, "ask": ask, "home": home})
    app.default_router.rules.insert(0, rule)


def digest(token: str) -> bytes:
    """Return what we remember of a hub token; not the token."""
    return hashlib.sha256(token.encode()).digest()


class Logins:
    """Which hub tokens were let in, and under which epoch.

    An older epoch's token is refused whatever the hub says.  While the hub does not answer, a token of
    this epoch is let in on its last answer.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[bytes, tuple[int, Any]] = {}
        self._generation = 0

    def end(self) -> None:
        """Refuse everything that was let in until now."""
        self._generation += 1
        # The person is not needed any more; that the token was here is.
        self._known = {key: (generation, None) for key, (generation, _) in self._known.items()}

    def is_over(self, token: str) -> bool:
        """Tell whether a token belongs to a time before a sign-out."""
        known = self._known.get(digest(token))
        return known is not None and known[0] < self._generation

    def remember(self, token: str, user: Any) -> None:
        """Take down that a token was let in now."""
        self._known[digest(token)] = (self._generation, user)

    def last_answer(self, token: str) -> Any:
        """Return the person a token stood for, or None."""
        known = self._known.get(digest(token))
        return known[1] if known is not None and known[0] == self._generation else None


def guard_identity(provider: Any, state: State, logins: Logins) -> None:
    """Wrap the hub's identity provider: its class is fixed by the hub's extension, so its instance is wrapped."""
    inner = provider.get_user
    token_of = provider.hub_auth.get_token

    async def get_user(handler: Any) -> Any:
        if state.ended:
            handler.current_user = None
            raise HTTPError(403, ENDED)
        token = token_of(handler)
        if token and logins.is_over(token):
            # Like a cookie the hub does not know: a page leads to the sign-in, an API answers 403.
            provider.hub_auth.clear_cookie(handler)
            handler._jupyterhub_user = None  # noqa: SLF001 — the hub's own cache for one request
            handler._cached_hub_user = None  # noqa: SLF001
            return await ensure_async(inner(handler))
        try:
            user = await ensure_async(inner(handler))
        except HTTPError as error:
            user = logins.last_answer(token) if token and error.status_code >= 500 else None
            if user is None:
                raise
            log.warning("The hub does not answer; its last answer stands.")
            return user
        if user is not None and token:
            logins.remember(token, user)
        return user

    provider.get_user = get_user


class Sockets:
    """Every open websocket: kernels, terminals, events."""

    def __init__(self) -> None:
        self._open: WeakSet[WebSocketHandler] = WeakSet()

    def watch(self) -> None:
        """Remember each websocket of this process from now on."""
        inner = WebSocketHandler.get
        remembered = self._open

        async def get(handler: WebSocketHandler, *args: Any, **kwargs: Any) -> None:
            remembered.add(handler)
            await inner(handler, *args, **kwargs)

        WebSocketHandler.get = get  # type: ignore[method-assign, assignment]

    def cut(self) -> int:
        """Cut them all and return how many there were."""
        return cut(list(self._open))


def cut(handlers: Iterable[WebSocketHandler]) -> int:
    """Mute each, say goodbye, and drop the line without waiting for an answer.

    A client that ignores the close frame would be heard for another five seconds.
    """
    count = 0
    for handler in handlers:
        connection = handler.ws_connection
        if connection is None:
            continue
        handler.on_message = _deaf  # type: ignore[method-assign]
        handler.close(CLOSE_CODE, "access ended")  # this sets ws_connection to None: it was kept before
        connection._abort()  # noqa: SLF001 — tornado has no public way to drop a line
        count += 1
    return count


def _deaf(message: str | bytes) -> None:
    del message
