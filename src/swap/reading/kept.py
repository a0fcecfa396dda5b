"""What was made and may be asked for again: up to a number of bytes, and of those the ones asked for last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
_BESIDE = 500
"""Bytes that an entry takes beside what it holds."""


class Kept(Generic[Key, Value]):
    """A bounded cache, for any thread."""

    def __init__(self, limit_bytes: int) -> None:
        """Begin with nothing."""
        self._limit = limit_bytes
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, key: Key) -> Value | None:
        """Return what is kept for a key, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, size_bytes: int) -> None:
        """Keep something; what was not asked for longest goes for it."""
        with self._lock:
            if key in self._entries:
                self._bytes -= self._entries.pop(key)[1]
            self._entries[key] = value, size_bytes + _BESIDE
            self._bytes += size_bytes + _BESIDE
            while self._bytes > self._limit:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
