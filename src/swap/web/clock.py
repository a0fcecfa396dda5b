"""Time and randomness, in one value, so that tests can bring their own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Now, how long, and a secret nobody can guess (256 bits, safe in addresses)."""

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    secret: Callable[[], str] = secrets.token_urlsafe

    def short(self) -> str:
        """Return a short random name: not a secret, for files and references."""
        return secrets.token_hex(4)
