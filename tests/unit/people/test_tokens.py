from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from swap.errors import NotSignedIn
from swap.identity import Via
from swap.people import tokens

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KERNEL_KEY, PORTAL_KEY = "k" * 43, "p" * 43
KEYS = {Via.KERNEL: KERNEL_KEY, Via.PORTAL: PORTAL_KEY}


def mint(key: str = KERNEL_KEY, via: Via = Via.KERNEL, now: datetime = NOW, seconds: float = 300) -> str:
    return tokens.mint(
        key, person_id="paaaaaaaaa", via=via, epoch=3, server_id="s1", kernel_id="k1", now=now, seconds=seconds
    ).value


def forged(**changes: object) -> str:
    payload = jwt.decode(mint(), options={"verify_signature": False}) | changes
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None}, KERNEL_KEY, algorithm="HS256"
    )


def test_a_token_says_who_through_what_and_in_which_epoch():
    claims = tokens.verify(KEYS, mint(), NOW)

    assert claims == tokens.Claims("paaaaaaaaa", Via.KERNEL, 3, "s1", "k1", NOW + timedelta(seconds=300))


def test_a_token_ends_at_its_moment_and_not_before():
    assert tokens.verify(KEYS, mint(), NOW + timedelta(seconds=299.9)).epoch == 3
    with pytest.raises(NotSignedIn, match="has ended"):
        tokens.verify(KEYS, mint(), NOW + timedelta(seconds=300))


def test_a_token_from_the_future_is_refused_so_that_a_clock_set_back_prolongs_nothing():
    with pytest.raises(NotSignedIn, match="has ended"):
        tokens.verify(KEYS, mint(now=NOW + timedelta(hours=1)), NOW)


def test_a_token_of_a_clock_that_stepped_back_a_little_still_works():
    assert tokens.verify(KEYS, mint(now=NOW + timedelta(seconds=2)), NOW).epoch == 3


def test_the_kernel_key_cannot_mint_portal_power():
    with pytest.raises(NotSignedIn, match="not one of SWAP's"):
        tokens.verify(KEYS, mint(KERNEL_KEY, Via.PORTAL), NOW)


def test_a_power_without_a_key_here_is_refused():
    with pytest.raises(NotSignedIn, match="not one of SWAP's"):
        tokens.verify({Via.PORTAL: PORTAL_KEY}, mint(), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"via": None},
        {"via": "root"},
        {"epoch": "3"},
        {"epoch": None},
        {"epoch": True},
        {"sub": "content"},
        {"sub": "paaaaaaaaa\n"},
        {"sub": 7},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_a_token_that_lacks_or_bends_a_claim_is_refused(changes):
    with pytest.raises(NotSignedIn, match="not one of SWAP's"):
        tokens.verify(KEYS, forged(**changes), NOW)


def test_the_forging_helper_makes_good_tokens_when_nothing_is_changed():
    assert tokens.verify(KEYS, forged(), NOW).person_id == "paaaaaaaaa"


def test_an_unsigned_token_is_refused():
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    payload = mint().split(".")[1]
    for signature in ("", mint().split(".")[2]):
        with pytest.raises(NotSignedIn, match="not one of SWAP's"):
            tokens.verify(KEYS, f"{header}.{payload}.{signature}", NOW)


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é.é.é", mint()[:-2], mint() + "A", "." * 10_000], ids=range(7))
def test_what_is_no_token_is_refused_in_the_same_words(value):
    with pytest.raises(NotSignedIn, match="not one of SWAP's"):
        tokens.verify(KEYS, value, NOW)
