"""How MySQL and MariaDB describe the columns of an answer: packets that are read nowhere else.

Whatever a server sends as one either is one, or raises MalformedError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from swap.connectors.mysql.decode import MalformedError, texts

MOST_COLUMNS = 4096
"""A server knows no table and no answer of more."""
_NAMES = 6
"""Where the column is from, in four parts; what it is called in the answer; what it is called there."""
_NAME = 4
_REST = struct.Struct("<BHIBHBH")
"""After the names: how many bytes follow, character set, length, type, flags, decimal places, two bytes of nothing."""

_NONE = "a column is not described as columns are"


@dataclass(frozen=True, slots=True)
class Definition:
    """A column of an answer; `length` is that of its longest value as text, in bytes, `kind` the type's number."""

    name: str
    charset: int
    length: int
    kind: int
    flags: int
    decimals: int


def count(packet: bytes) -> int:
    r"""Return how many columns an answer has that begins with this packet.  Raises MalformedError.

    >>> count(b"\x03"), count(b"\xfc\x00\x01")
    (3, 256)
    """
    if packet[:1] == b"\xfc" and len(packet) == 3:
        number = int.from_bytes(packet[1:], "little")
    elif len(packet) == 1 and 0 < packet[0] <= 250:
        number = packet[0]
    else:
        raise MalformedError("it is neither rows nor an error")
    if number > MOST_COLUMNS:
        raise MalformedError(f"it has {number} columns")
    return number


def definition(packet: bytes) -> Definition:
    """Return the column that a packet describes.  Raises MalformedError."""
    at = len(packet) - _REST.size
    try:
        names = texts(packet, 0, at)
        size, charset, length, kind, flags, decimals, _ = _REST.unpack_from(packet, max(at, 0))
    except (MalformedError, struct.error):
        raise MalformedError(_NONE) from None
    name = names[_NAME] if len(names) == _NAMES else None
    if size != _REST.size - 1 or name is None:
        raise MalformedError(_NONE)
    return Definition(name, charset, length, kind, flags, decimals)
