"""Secrets that are known again in whatever form somebody writes them down."""

from __future__ import annotations

import base64
from collections.abc import Mapping

PIECE = 20
"""Characters of a secret that are looked for: also of one that was cut, or stands in a longer text."""


def piece(secret: str) -> str:
    """Return the middle of a secret, by which it is known."""
    middle = len(secret) // 2
    return secret[max(0, middle - PIECE // 2) : middle + PIECE // 2]


def forms(secret: str) -> dict[str, str]:
    """Return how a secret of ASCII letters and digits looks, as it is and encoded, wherever in a longer text it stands.

    Quoting, for addresses, JSON, HTML or Python, leaves letters and digits as they are.
    """
    known = piece(secret)
    made = {"plain": known, "hex": known.encode().hex(), "backwards": known[::-1]}
    for offset, lost in enumerate((0, 2, 3)):
        # Three ways in which the bytes can fall into groups of three; what neighbours change is left out.
        coded = base64.b64encode(b"\0" * offset + known.encode()).decode()[lost:-4]
        made[f"base64 {offset}"] = coded
        made[f"base64url {offset}"] = coded.replace("+", "-").replace("/", "_")
    return made


def found(secrets: Mapping[str, str], logs: Mapping[str, str]) -> dict[str, set[str]]:
    """Return log → the names of the secrets that stand in it, with their form."""
    looked_for = {f"{name}, {form}": text for name, secret in secrets.items() for form, text in forms(secret).items()}
    return {
        log: seen
        for log, text in logs.items()
        if (seen := {name for name, form in looked_for.items() if form.lower() in text.lower()})
    }
