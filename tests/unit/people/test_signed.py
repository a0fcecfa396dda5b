"""Forged values.  Each is refused, and each would be taken with the defence it meets switched off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from swap.people import signed

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY, OTHER_KEY = "k" * 43, "o" * 43
USE = "this-use"
GOOD = {"aud": USE, "what": "ours", "iat": NOW.timestamp(), "exp": NOW.timestamp() + 60}
ANY_SIGNATURE = {"_OPTIONS": signed._OPTIONS | {"verify_signature": False}}
ANY_AGE = {"_require_alive": lambda *_: None}


def tampered() -> str:
    header, _, signature = signed.sign(KEY, USE, {"what": "ours"}, now=NOW, seconds=60).split(".")
    payload = jwt.encode({**GOOD, "what": "theirs"}, OTHER_KEY).split(".")[1]
    return f"{header}.{payload}.{signature}"


FORGERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "unsigned": (jwt.encode(GOOD, None, algorithm="none"), ANY_SIGNATURE),
    "tampered": (tampered(), ANY_SIGNATURE),
    "another key": (jwt.encode(GOOD, OTHER_KEY, algorithm="HS256"), ANY_SIGNATURE),
    "another algorithm": (jwt.encode(GOOD, KEY * 2, algorithm="HS512"), {"_ALGORITHM": "HS512"}),
    "another use": (
        signed.sign(KEY, "other-use", {}, now=NOW, seconds=60),
        {"_OPTIONS": signed._OPTIONS | {"verify_aud": False}},
    ),
    "no use": (
        jwt.encode({name: GOOD[name] for name in ("iat", "exp")}, KEY),
        {"_OPTIONS": signed._OPTIONS | {"verify_aud": False, "require": []}},
    ),
    "ended": (signed.sign(KEY, USE, {}, now=NOW - timedelta(seconds=60), seconds=60), ANY_AGE),
    "not yet born": (signed.sign(KEY, USE, {}, now=NOW + timedelta(seconds=6), seconds=60), ANY_AGE),
    "endless": (
        jwt.encode({name: GOOD[name] for name in ("aud", "iat")}, KEY),
        {"_OPTIONS": signed._OPTIONS | {"require": []}, **ANY_AGE},
    ),
    "no moment": (jwt.encode({**GOOD, "exp": "soon"}, KEY), ANY_AGE),
}


def is_taken(value: str, key: str = KEY) -> bool:
    try:
        signed.read(key, USE, value, NOW)
    except jwt.InvalidTokenError:
        return False
    return True


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_value_is_refused_and_only_by_its_own_defence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, off = FORGERIES[name]
    key = KEY * 2 if name == "another algorithm" else KEY

    assert not is_taken(value, key)
    for defence, instead in off.items():
        monkeypatch.setattr(signed, defence, instead)
    assert is_taken(value, key)


def test_a_value_lives_from_its_birth_to_its_end() -> None:
    value = signed.sign(KEY, USE, {"what": "ours"}, now=NOW, seconds=60)

    assert signed.read(KEY, USE, value, NOW + timedelta(seconds=59.9))["what"] == "ours"
    with pytest.raises(jwt.ExpiredSignatureError):
        signed.read(KEY, USE, value, NOW + timedelta(seconds=60))
    assert signed.ends_at(signed.read(KEY, USE, value, NOW)) == NOW + timedelta(seconds=60)


def test_claims_cannot_prolong_a_value_or_change_its_use() -> None:
    value = signed.sign(KEY, USE, {"exp": 9e9, "iat": 0}, now=NOW, seconds=60)

    assert signed.ends_at(signed.read(KEY, USE, value, NOW)) == NOW + timedelta(seconds=60)
