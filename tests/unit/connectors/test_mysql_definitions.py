"""Descriptions of columns: read as they are, or refused, whatever a server sends."""

from __future__ import annotations

import random

import pytest

from swap.connectors.mysql.decode import MalformedError
from swap.connectors.mysql.definitions import MOST_COLUMNS, Definition, count, definition

REST = bytes.fromhex("0c 2d00 24000000 fd 0110 00 0000".replace(" ", ""))
NAMES = [b"def", b"wiki", b"p", b"page", b"called", b"page_title"]


def described(names: list[bytes], rest: bytes = REST) -> bytes:
    return b"".join(bytes([len(name)]) + name for name in names) + rest


def test_a_column_is_what_it_is_called_in_the_answer() -> None:
    assert definition(described(NAMES)) == Definition("called", 45, 36, 253, 0x1001, 0)


def test_a_name_may_be_longer_than_a_byte_tells() -> None:
    long = b"n" * 300
    packet = described(NAMES[:4])[: -len(REST)] + b"\xfc" + (300).to_bytes(2, "little") + long + described(NAMES[5:])

    assert definition(packet).name == "n" * 300


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        REST,
        described(NAMES, b""),
        described(NAMES, REST[:-1]),
        described(NAMES, REST + b"\0"),
        described(NAMES, b"\x0d" + REST[1:]),
        described(NAMES[:5]),
        described([*NAMES, b"one more"]),
        b"\x03def\x04wiki\x01p\x04page\xfb\x0apage_title" + REST,
        b"\x03def\x04wiki\x01p\x04page\xff\x0apage_title" + REST,
        b"\x03def\x04wiki\x01p\x04page\xfe" + b"\xff" * 8 + REST,
    ],
)
def test_what_describes_no_column_is_malformed(packet: bytes) -> None:
    with pytest.raises(MalformedError):
        definition(packet)


def test_noise_is_a_description_or_malformed() -> None:
    noise = random.Random(15)
    whole = described(NAMES)
    read = 0
    for _ in range(5_000):
        packet = bytearray(whole[: noise.randrange(len(whole) + 1)] if noise.random() < 0.5 else whole)
        for _ in range(noise.randrange(4)):
            if packet:
                packet[noise.randrange(len(packet))] = noise.randrange(256)
        try:
            read += bool(definition(bytes(packet)))
        except MalformedError:
            continue
    assert 0 < read < 5_000


@pytest.mark.parametrize("packet", [b"", b"\0", b"\xfb", b"\xfb/etc/passwd", b"\xfc\x01", b"\x01\x01", b"\xfe" * 9])
def test_a_number_of_columns_that_is_none_is_malformed(packet: bytes) -> None:
    with pytest.raises(MalformedError, match="neither rows nor an error"):
        count(packet)


def test_an_answer_of_more_columns_than_there_can_be_is_malformed() -> None:
    assert count(b"\xfc" + MOST_COLUMNS.to_bytes(2, "little")) == MOST_COLUMNS
    with pytest.raises(MalformedError, match="it has 65535 columns"):
        count(b"\xfc\xff\xff")
