"""Whether this machine has memory for what nobody waits for: the rest is kept for people who come."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KEPT_FREE: Final = 0.1
"""Of the machine's memory: with less nothing begins that can wait."""


def has_memory(told: Path = Path("/proc/meminfo")) -> bool:
    """Tell whether more than that is free; yes where the kernel does not say."""
    try:
        lines = (line.split(":") for line in told.read_text(encoding="ascii").splitlines())
        found = {name: int(value.split()[0]) for name, value in lines}
        return found["MemAvailable"] > KEPT_FREE * found["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError):
        return True
