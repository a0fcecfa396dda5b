"""How long the directory of people may be away before nobody goes on working: counted across restarts of the hub."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path


class Grace:
    """The moment at which the directory last answered, kept as a file's age, and how long that is good for."""

    def __init__(self, seen: Path, seconds: float, now: datetime) -> None:
        """Go on from the file `seen`; without one, the directory counts as answering now."""
        self.minutes = seconds / 60.0
        self._seen = seen
        self._seconds = seconds
        if not seen.exists():
            self.answered(now)

    def answered(self, now: datetime) -> None:
        """Remember that the directory answered, if that is ever asked."""
        if math.isinf(self._seconds):
            return
        self._seen.touch(mode=0o600)
        os.utime(self._seen, (now.timestamp(), now.timestamp()))

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has not answered for too long.  Without the file that is not known, and so it is over."""
        if math.isinf(self._seconds):
            return False
        try:
            return now.timestamp() - self._seen.stat().st_mtime > self._seconds
        except FileNotFoundError:
            return True
