"""Browsers that are known: each sign-in leaves a signed cookie there, for that one name.

The cookie lets nobody in.  With it a browser has a budget of tries of its own, which strangers cannot use up; whoever
stole it can guess no faster with it than anybody can without.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

import jwt

from swap.people import signed

COOKIE = "swap_known_"
AUDIENCE = "swap-known-browser"
DAYS = 90
PATH = "/hub/login"


def cookie_name(name: str) -> str:
    """Return the name of the cookie for one person's canonical name: a browser may be known to several."""
    return COOKIE + _digest(name)[:12]


def seal(secret: str, name: str, browser: str, now: datetime) -> str:
    """Return a cookie's value that nobody else could have made, and that ends by itself."""
    claims = {"name": _digest(name), "browser": browser}
    return signed.sign(_key(secret), AUDIENCE, claims, now=now, seconds=DAYS * 86_400)


def unseal(secret: str, name: str, value: str, now: datetime) -> str:
    """Return the id of the browser, or "" when the cookie is not ours, has ended, or is for somebody else."""
    try:
        claims = signed.read(_key(secret), AUDIENCE, value, now)
    except jwt.InvalidTokenError:
        return ""
    return str(claims["browser"]) if claims["name"] == _digest(name) else ""


def leave(handler: Any, name: str, value: str) -> None:
    """Put the cookie into the browser that has just signed in; signing out leaves it there."""
    handler.set_cookie(
        cookie_name(name),
        value,
        path=PATH,
        max_age=DAYS * 86_400,
        httponly=True,
        samesite="Lax",
        secure=handler.request.protocol == "https",
    )


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _key(secret: str) -> bytes:
    """Return a key for this cookie alone: the secret itself signs the hub's cookies."""
    return hmac.digest(secret.encode(), AUDIENCE.encode(), "sha256")
