"""Sign and read short-lived values that others carry for us: one algorithm, an audience for each use, always an end.

`now` is the only clock, in tests and when clocks jump; PyJWT's own is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.types import Options

_ALGORITHM = "HS256"
_OPTIONS: Options = {"verify_exp": False, "verify_iat": False, "require": ["aud", "iat", "exp"]}
_LEEWAY_SECONDS = 5.0
"""How far a value's birth may lie ahead of our clock, for clocks that step back a little."""


def sign(key: str | bytes, audience: str, claims: Mapping[str, Any], *, now: datetime, seconds: float) -> str:
    """Return the claims as a signed value for `audience` that lives `seconds` from `now`."""
    times = {"iat": now.timestamp(), "exp": (now + timedelta(seconds=seconds)).timestamp()}
    return jwt.encode({"aud": audience, **claims, **times}, key, algorithm=_ALGORITHM)


def read(key: str | bytes, audience: str, value: str, now: datetime) -> dict[str, Any]:
    """Return what a value says that `sign` made for this audience.

    Raises jwt.InvalidTokenError for every other, and of its kinds ExpiredSignatureError for one that does not live at
    `now`.
    """
    payload: dict[str, Any] = jwt.decode(value, key, algorithms=[_ALGORITHM], audience=audience, options=_OPTIONS)
    _require_alive(payload, now)
    return payload


def ends_at(payload: Mapping[str, Any]) -> datetime:
    """Return the moment from which a value that was read is dead."""
    return datetime.fromtimestamp(float(payload["exp"]), tz=UTC)


def _require_alive(payload: Mapping[str, Any], now: datetime) -> None:
    try:
        born, end = float(payload["iat"]), ends_at(payload)
    except (TypeError, ValueError, OverflowError) as error:
        raise jwt.InvalidTokenError("no moments") from error
    if now >= end or born > now.timestamp() + _LEEWAY_SECONDS:
        raise jwt.ExpiredSignatureError("not alive now")
