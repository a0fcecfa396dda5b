"""The packets of one answer of MySQL or MariaDB: where each row starts and ends among the bytes that have come.

No packet is looked into but at its first byte; what breaks their order raises MalformedError.
"""

from __future__ import annotations

import math
import struct
import time
from dataclasses import dataclass

import numpy as np

from swap.connectors.mysql.decode import Ints, MalformedError
from swap.connectors.wire import Wire

BATCH_BYTES = 2_000_000
BATCH_ROWS = 65_536
BATCH_SECONDS = 0.2
"""Rows do not wait longer than this for company: a slow source's first rows are shown while it works."""
LARGEST = 0xFFFFFF
"""A packet of this size goes on in the next one."""
HEADER = struct.Struct("<I")
_PIECE = 1 << 18
_ROW_MARKS = 0xFE
"""A row begins with its first field's length, which is never so large but in a packet of the largest size."""
_END_BYTES = 9


@dataclass(frozen=True, slots=True)
class Packets:
    """Rows as they came: where each one's packet starts and ends in the bytes."""

    data: bytes
    starts: Ints
    ends: Ints


class Incoming:
    """The packets of one answer: a few read one at a time, then rows until the end."""

    def __init__(self, wire: Wire) -> None:
        self.ended = False
        self.last = b""
        """The packet after the last row: an end, or an error."""
        self._wire = wire
        self._data = bytearray()
        self._piece = memoryview(bytearray(_PIECE))
        self._at = 0
        """Where the first packet begins that was not looked at."""
        self._goes_on_at = 0
        """Where its next part begins, for a packet of several."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._numbers: list[int] = []
        self._expected = 1

    def packet(self) -> bytes:
        """Return the next packet.  Raises MalformedError, and what `Wire` raises."""
        while not self._look():
            self._receive(math.inf)
        start, end = self._starts.pop(), self._ends.pop()
        found = bytes(self._data[start:end])
        del self._data[:end]
        self._at = self._goes_on_at = 0
        return found

    def some(self) -> Packets | None:
        """Return the rows that are enough for a batch, or that have waited, or that are the last."""
        ready_at = time.monotonic() + BATCH_SECONDS
        while not self._scan():
            if not self._receive(ready_at if self._starts else math.inf):
                break
            if self._starts and time.monotonic() >= ready_at:
                self._scan()
                break
        if not self._starts:
            return None
        starts, ends = np.array(self._starts, np.int64), np.array(self._ends, np.int64)
        found = Packets(bytes(memoryview(self._data)[: self._ends[-1]]), starts, ends)
        del self._data[: self._at]
        self._goes_on_at -= self._at
        self._at = 0
        self._starts, self._ends = [], []
        return found

    def _scan(self) -> bool:
        """Look at what has come; tell whether it is enough for a batch, or the end."""
        while True:
            self._scan_plain_rows()
            if len(self._starts) >= BATCH_ROWS or self._at >= BATCH_BYTES:
                return True
            if not self._look():
                return False
            start, end = self._starts[-1], self._ends[-1]
            first = self._data[start] if end > start else 0
            if first == 0xFF or (first == _ROW_MARKS and end - start < _END_BYTES):
                self.ended = True
                self.last = bytes(self._data[start:end])
                del self._starts[-1], self._ends[-1]
                return True

    def _scan_plain_rows(self) -> None:
        """Find rows of one packet each, up to one that may be something else."""
        data, at, expected, whole = self._data, self._at, self._expected, len(self._data) - 4
        if self._goes_on_at != at:
            return
        unpack, starts, ends = HEADER.unpack_from, self._starts, self._ends
        room = BATCH_ROWS - len(starts)
        # One turn for each row of the source: nothing more may happen in it.
        while room and at < whole:
            head = unpack(data, at)[0]
            size = head & LARGEST
            after = at + 4 + size
            if after > whole + 4 or not 0 < size < LARGEST or head >> 24 != expected or data[at + 4] >= _ROW_MARKS:
                break
            starts.append(at + 4)
            ends.append(after)
            at = after
            expected = (expected + 1) & 0xFF
            room -= 1
        self._at = self._goes_on_at = at
        self._expected = expected

    def _look(self) -> bool:
        """Find the next whole packet, of however many parts; tell whether there is one."""
        data = self._data
        while len(data) - self._goes_on_at >= 4:
            at = self._goes_on_at
            head = HEADER.unpack_from(data, at)[0]
            size = head & LARGEST
            if len(data) - at - 4 < size:
                return False
            if head >> 24 != self._expected:
                raise MalformedError("packets out of their order")
            self._expected = (self._expected + 1) & 0xFF
            if at == self._at:
                at += 4
            else:
                # Of a packet of several parts only the first keeps its header.
                del data[at : at + 4]
            self._goes_on_at = at + size
            if size < LARGEST:
                self._starts.append(self._at + 4)
                self._ends.append(self._goes_on_at)
                self._at = self._goes_on_at
                return True
        return False

    def _receive(self, until: float) -> int:
        got = self._wire.receive_some(self._piece, until)
        self._data += self._piece[:got]
        return got
