"""Mint and verify the tokens people's kernels and the portal show the gateway.

A token says who, through what and in which epoch; it is short-lived and signed with the key of its own
`via`, so that neither key can mint the other's power.  A valid token is not yet a right: the gateway also
asks `people.service` whether the person's sign-in lives and the epoch is still theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from swap.errors import NotSignedIn, Problem
from swap.identity import PERSON_ID, Via
from swap.people import signed

AUDIENCE = "swap-gateway"


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token and the moment it ends."""

    value: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    person_id: str
    via: Via
    epoch: int
    """Of a person's access, or of the claim of a run."""
    server_id: str
    """The person's server, or the run."""
    kernel_id: str
    expires_at: datetime


def mint(
    key: str,
    *,
    person_id: str,
    via: Via,
    epoch: int,
    server_id: str,
    kernel_id: str,
    now: datetime,
    seconds: float,
) -> Token:
    """Return a token that lives `seconds` from `now`, signed with the key of `via`."""
    claims = {"sub": person_id, "via": via.value, "epoch": epoch, "server": server_id, "kernel": kernel_id}
    value = signed.sign(key, AUDIENCE, claims, now=now, seconds=seconds)
    return Token(value, now + timedelta(seconds=seconds))


def verify(keys: Mapping[Via, str], value: str, now: datetime) -> Claims:
    """Return what a token says, if it was signed with the key of the `via` it names and lives at `now`.

    Raises NotSignedIn, with one and the same sentence for every forgery, and another for a token that has ended.
    """
    try:
        unverified = jwt.decode(value, options={"verify_signature": False})
        return _claims(signed.read(keys[Via(unverified["via"])], AUDIENCE, value, now))
    except jwt.ExpiredSignatureError as error:
        raise NotSignedIn(
            Problem(
                "This token has ended.",
                why="Tokens live for a few minutes and are then renewed.",
                todo="Run the cell again; sign in again if that does not help.",
            )
        ) from error
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise NotSignedIn(
            Problem("This token is not one of SWAP's.", todo="Sign in again, then restart your kernel.")
        ) from error


def _claims(payload: Mapping[str, Any]) -> Claims:
    person_id, epoch = payload["sub"], payload["epoch"]
    if not isinstance(person_id, str) or not PERSON_ID.fullmatch(person_id) or type(epoch) is not int:
        raise ValueError(person_id)
    return Claims(
        person_id=person_id,
        via=Via(payload["via"]),
        epoch=epoch,
        server_id=str(payload["server"]),
        kernel_id=str(payload["kernel"]),
        expires_at=signed.ends_at(payload),
    )
