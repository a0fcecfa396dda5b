"""The cookie of a sign-in under way: ours alone, for nothing else, and not for long."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from swap.identity import Via
from swap.people import signed, tokens
from swap.web import auth

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = secrets.token_hex(16)
PENDING = auth.Pending("state", "verifier", "/data?q=a")


def test_what_was_sealed_is_read_until_ten_minutes_are_over() -> None:
    cookie = auth.seal(SECRET, PENDING, NOW)

    assert auth.unseal(SECRET, cookie, NOW + timedelta(seconds=599)) == PENDING
    assert auth.unseal(SECRET, cookie, NOW + timedelta(seconds=600)) is None


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é.é.é", "." * 5000])
def test_what_is_no_cookie_of_ours_is_no_sign_in(value: str) -> None:
    assert auth.unseal(SECRET, value, NOW) is None


def test_the_secret_itself_signs_no_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    """It also opens the hub's API: whatever else is ever signed with it must not be taken for a sign-in."""
    forged = signed.sign(SECRET, auth.STATE_AUDIENCE, {"state": "s", "verifier": "v", "next": "/"}, now=NOW, seconds=60)

    assert auth.unseal(SECRET, forged, NOW) is None
    monkeypatch.setattr(auth, "_key", lambda secret: secret)
    assert auth.unseal(SECRET, forged, NOW) is not None


def test_a_token_of_the_same_key_is_no_cookie_and_a_cookie_no_token() -> None:
    key: Any = auth._key(SECRET)
    token = tokens.mint(
        key, person_id="paaaaaaaaa", via=Via.PORTAL, epoch=0, server_id="", kernel_id="", now=NOW, seconds=60
    )

    assert auth.unseal(SECRET, token.value, NOW) is None
    with pytest.raises(tokens.NotSignedIn):
        tokens.verify({Via.PORTAL: key}, auth.seal(SECRET, PENDING, NOW), NOW)


def test_a_sealed_way_out_leads_home() -> None:
    cookie = auth.seal(SECRET, auth.Pending("s", "v", "//evil.example"), NOW)

    assert auth.unseal(SECRET, cookie, NOW) == auth.Pending("s", "v", "/")
