"""Packets, whole and broken, in pieces of any size: they are found as a plain reading finds them, or refused."""

from __future__ import annotations

import random
import socket
import struct
import time
from pathlib import Path

import pytest

from swap.connectors.mysql import packets as mysql_packets
from swap.connectors.mysql.decode import MalformedError
from swap.connectors.mysql.packets import Incoming
from swap.connectors.wire import LostError, Wire

END = b"\xfe\0\0\2\0"
ERROR = b"\xff\x15\x04#28000no"


class RefusedError(Exception):
    """The bytes are not what they should be."""


def packed(packets: list[bytes]) -> bytes:
    """Return packets with their headers, as an answer has them."""
    return b"".join(
        struct.pack("<I", len(packet) | ((at + 1) % 256) << 24) + packet for at, packet in enumerate(packets)
    )


def plainly(data: bytes, before: int) -> tuple[list[bytes], list[bytes], bytes]:
    """Return the packets before the rows, the rows, and the packet after them."""
    found: list[bytes] = []
    expected = 1
    while True:
        if len(data) < 4:
            raise RefusedError
        size, number = int.from_bytes(data[:3], "little"), data[3]
        if len(data) < 4 + size or number != expected:
            raise RefusedError
        packet, data = data[4 : 4 + size], data[4 + size :]
        expected = (expected + 1) % 256
        if len(found) >= before and packet[:1] and (packet[0] == 0xFF or (packet[0] == 0xFE and len(packet) < 9)):
            return found[:before], found[before:], packet
        found.append(packet)


def received(data: bytes, before: int, path: Path) -> tuple[list[bytes], list[bytes], bytes]:
    """Return the same, from the other end of a socket that is then closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        wire = Wire(theirs.fileno(), time.monotonic() + 60)
        wire.connect_local(str(path), 10)
        path.unlink()
        with listener.accept()[0] as server:
            server.sendall(data)
        incoming = Incoming(wire)
        try:
            first = [incoming.packet() for _ in range(before)]
            rows: list[bytes] = []
            while not incoming.ended:
                if some := incoming.some():
                    rows += [some.data[start:end] for start, end in zip(some.starts, some.ends, strict=True)]
        finally:
            wire.close()
    return first, rows, incoming.last


@pytest.mark.parametrize("damages", [0, 1, 2])
def test_packets_are_found_as_a_plain_reading_finds_them(
    damages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(15)
    refused = 0
    rounds = 1_000 if damages else 300
    for _ in range(rounds):
        before = noise.randint(0, 2)
        rows = [noise.randbytes(noise.choice([0, 1, 8, 9, 300])) for _ in range(noise.choice([0, 1, 3, 300]))]
        packets = [noise.randbytes(3) for _ in range(before)] + [row and b"\x01" + row for row in rows]
        data = bytearray(packed([*packets, noise.choice([END, ERROR])]))
        for _ in range(damages):
            at = noise.randrange(len(data))
            data[at : at + noise.choice([0, 1, 1, 4])] = noise.randbytes(noise.choice([0, 1, 1]))
        # What a batch is and what a piece is changes nothing.
        monkeypatch.setattr(mysql_packets, "_PIECE", noise.choice([1 + len(data) // 100, 1 + len(data) // 3, 1 << 18]))
        monkeypatch.setattr(mysql_packets, "BATCH_ROWS", noise.choice([1, 2, 65_536]))
        try:
            expected = plainly(bytes(data), before)
        except RefusedError:
            refused += 1
            with pytest.raises((MalformedError, LostError)):
                received(bytes(data), before, tmp_path / "s")
        else:
            assert received(bytes(data), before, tmp_path / "s") == expected
    assert (0 < refused < rounds) == bool(damages)
