"""Sign in through the hub: the OAuth code flow with PKCE, and a portal session of our own at its end.

What binds the answer to the browser that asked is a cookie: signed, ten minutes old at most, used once.
The cookie of the session is always new; a value a browser brings before signing in is never adopted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

import jwt
from starlette.requests import Request, cookie_parser
from starlette.responses import Response

from swap import cookies
from swap.errors import Forbidden, NotSignedIn, Problem, Unavailable
from swap.people import service as people
from swap.people import signed
from swap.people.model import PortalSession
from swap.web import paths
from swap.web.hub import AWAY, CALLBACK, CLIENT_ID
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

SESSION_COOKIE = "swap_session"
STATE_COOKIE = "swap_oauth_"
STATE_AUDIENCE = "swap-sign-in"
STATE_SECONDS = 600
SECRET_LENGTH = 200
HUB_COOKIES = (("jupyterhub-hub-login", "/hub/"), ("jupyterhub-session-id", "/"))
_STALE = Problem(
    "This sign-in is not the one you began.",
    why="It took more than ten minutes, was used before, or began in another browser.",
    todo="Sign in again.",
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that has begun: its state and PKCE verifier, and where it leads.  A cookie holds it."""

    state: str
    verifier: str
    next: str


class Used:
    """States that came back once; a second time they are refused.  Forgotten when they would be too old anyway."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def first_time(self, state: str, now: float) -> bool:
        """Tell whether this state comes back for the first time, and remember it."""
        with self._lock:
            self._seen = {seen: at for seen, at in self._seen.items() if now - at <= STATE_SECONDS}
            if state in self._seen:
                return False
            self._seen[state] = now
            return True


def session_of(portal: Portal, request: Request) -> PortalSession | None:
    """Return the portal session of a request's cookie, or None."""
    secret = _kept(portal, request, SESSION_COOKIE)
    if not secret or len(secret) > SECRET_LENGTH:
        return None
    try:
        with portal.engine.begin() as conn:
            return people.portal_session(conn, secret, portal.clock.now())
    except NotSignedIn:
        return None


def sign_in(portal: Portal, visit: Visit) -> Response:
    """Begin: remember state and verifier in the browser, and send it to the hub."""
    target = paths.local(visit.query("next", 2000))
    if visit.session is not None:
        return go(target)
    if not portal.hub.answers():
        raise Unavailable(
            Problem(
                "Nobody can sign in for a moment.",
                why=f"{AWAY.title} People already signed in go on working.",
                todo="It is usually back within a minute. Try again.",
            )
        )
    pending = Pending(portal.clock.secret(), portal.clock.secret(), target)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=").decode()
    answer = go(
        "/hub/api/oauth2/authorize?"
        + urlencode(
            {
                "client_id": CLIENT_ID,
                "redirect_uri": CALLBACK,
                "response_type": "code",
                "state": pending.state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
    )
    sealed = seal(portal.runtime.web_service_token, pending, visit.now)
    _keep(portal, visit, answer, _state_cookie(pending.state), sealed, CALLBACK, STATE_SECONDS)
    return answer


def callback(portal: Portal, visit: Visit, used: Used) -> Response:
    """End: check that this browser began it, trade the code for a person, and open a session."""
    state = visit.query("state")
    pending = check_state(portal, visit, state, used)
    if visit.query("error"):
        raise Forbidden(
            Problem(
                "The sign-in was ended at the hub.",
                why="You did not let SWAP know who you are, or may not use it.",
                todo="Sign in again.",
            )
        )
    person_id = portal.hub.exchange(visit.query("code", 1000), pending.verifier).person_id
    secret, csrf = portal.clock.secret(), portal.clock.secret()
    days = portal.settings.people.sign_in_days
    try:
        with portal.engine.begin() as conn:
            people.open_portal_session(conn, person_id, secret, csrf, visit.now, days)
    except NotSignedIn:
        # The hub still knows this browser, we no longer do: forget it there too, or the two would send it back and
        # forth.
        again = respond(portal, visit, "sign_in_again.html", status=HTTPStatus.UNAUTHORIZED)
        return forget_browser(portal, visit, again, state)
    answer = go(pending.next)
    _keep(portal, visit, answer, SESSION_COOKIE, secret, "/", days * 86400)
    _forget(portal, visit, answer, _state_cookie(state), CALLBACK)
    return answer


def check_state(portal: Portal, visit: Visit, state: str, used: Used) -> Pending:
    """Return the sign-in this browser began.  Raises Forbidden for a state that is foreign, old or used."""
    cookie = _kept(portal, visit.request, _state_cookie(state))
    pending = unseal(portal.runtime.web_service_token, cookie, visit.now)
    if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
        raise Forbidden(_STALE)
    if not used.first_time(state, visit.now.timestamp()):
        raise Forbidden(_STALE)
    return pending


def forget_browser(portal: Portal, visit: Visit, answer: Response, state: str = "") -> Response:
    """Delete what this browser holds: our session, the sign-in under way, and the hub's cookies."""
    _forget(portal, visit, answer, SESSION_COOKIE, "/")
    if state:
        _forget(portal, visit, answer, _state_cookie(state), CALLBACK)
    for name, path in HUB_COOKIES:
        _forget(portal, visit, answer, name, path)
    return answer


def _kept(portal: Portal, request: Request, name: str) -> str:
    """Return the value of a cookie that we put into this browser, or nothing."""
    if not portal.address(request).tls:
        return request.cookies.get(name, "")
    return cookie_parser(cookies.received(request.headers.get("cookie", ""))).get(name, "")


def _keep(portal: Portal, visit: Visit, answer: Response, name: str, value: str, path: str, seconds: int) -> None:
    """Put a cookie into the browser: for one path, but under TLS for the whole host, as its name then must be."""
    tls = portal.address(visit.request).tls
    answer.set_cookie(
        cookies.named(name, tls=tls),
        value,
        max_age=seconds,
        path="/" if tls else path,
        httponly=True,
        samesite="lax",
        secure=tls,
    )


def _forget(portal: Portal, visit: Visit, answer: Response, name: str, path: str) -> None:
    _keep(portal, visit, answer, name, "", path, 0)


def _state_cookie(state: str) -> str:
    return STATE_COOKIE + "".join(char for char in state[:8] if char.isalnum())


def seal(secret: str, pending: Pending, now: datetime) -> str:
    """Return a pending sign-in as a cookie's value that nobody else could have made, and that ends by itself."""
    return signed.sign(_key(secret), STATE_AUDIENCE, asdict(pending), now=now, seconds=STATE_SECONDS)


def unseal(secret: str, value: str, now: datetime) -> Pending | None:
    """Return the pending sign-in of a cookie's value, or None for one that we did not make or that has ended."""
    try:
        claims = signed.read(_key(secret), STATE_AUDIENCE, value, now)
    except jwt.InvalidTokenError:
        return None
    return Pending(claims["state"], claims["verifier"], paths.local(claims["next"]))


def _key(secret: str) -> bytes:
    """Return a key for this cookie alone: the secret itself also opens the hub's API."""
    return hmac.digest(secret.encode(), STATE_AUDIENCE.encode(), "sha256")
