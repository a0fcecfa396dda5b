"""A server that speaks MySQL's protocol to harm whoever listens: it gets no password, no file, and nobody's reader."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conformance.subjects import SOMEBODY
from reading import batches
from swap.connectors.base import Deadline, Native
from swap.connectors.mysql.connector import MysqlConnector
from swap.errors import SourceFailed, SourceUnavailable
from swap.settings import MysqlSource

Connect = Callable[..., MysqlConnector]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Return what connects to a port of this machine with a password, as a site does."""
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    made: list[MysqlConnector] = []

    def to(port: int, **settings: Any) -> MysqlConnector:
        plain = {"kind": "mysql", "host": "127.0.0.1", "port": port, "user": "reader", "password": {"file": secret}}
        made.append(MysqlConnector("wikis", MysqlSource.model_validate(plain | settings)))
        return made[-1]

    yield to
    for each in made:
        each.close()


def test_a_server_without_encryption_gets_no_password_where_it_is_demanded(connect: Connect) -> None:
    with Hostile() as hostile, pytest.raises(SourceUnavailable, match="made no encrypted connection"):
        connect(hostile.port, tls="verify-full").check()

    assert hostile.heard == b""


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog", b"mysql_old_password"])
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(connect: Connect, plugin: bytes) -> None:
    with (
        Hostile(b"\xfe" + plugin + b"\0\0Password: ") as hostile,
        pytest.raises(SourceUnavailable, match="asked for the password itself"),
    ):
        connect(hostile.port).check()

    assert b"a secret" not in hostile.heard


@pytest.mark.parametrize(
    ("plugin", "first"), [(b"caching_sha2_password", [b"\1\4"]), (b"sha256_password", [])], ids=str
)
def test_a_server_gets_no_password_under_a_key_of_its_own(connect: Connect, plugin: bytes, first: list[bytes]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    switch = b"\xfe" + plugin + b"\0" + b"12345678901234567890" + b"\0"
    with (
        Hostile(switch, *first, b"\1" + key.public_key().public_bytes(*form)) as hostile,
        pytest.raises(SourceUnavailable, match="asked for the password under a key of its own"),
    ):
        connect(hostile.port).check()

    with pytest.raises(ValueError, match=r"Decryption failed|Ciphertext length"):
        key.decrypt(hostile.heard[-256:], padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))


@pytest.mark.parametrize("asks_at", [1, 2, 3])
def test_a_server_that_asks_for_a_file_gets_none(connect: Connect, tmp_path: Path, asks_at: int) -> None:
    file = tmp_path / "file"
    file.write_text("what nobody may have")
    # PyMySQL, whose statement is the first, takes the request for an answer.
    with (
        Hostile(answers={asks_at: [b"\xfb" + str(file).encode()]}) as hostile,
        contextlib.suppress(SourceUnavailable, SourceFailed),
    ):
        list(connect(hostile.port).harvest())

    assert hostile.answered
    assert b"what nobody may have" not in hostile.heard


TEXT, DECIMAL = 253, 246


def described(name: bytes, kind: int = TEXT, length: int = 99, decimals: int = 0) -> bytes:
    """Return how a server describes a column of an answer."""
    names = b"".join(bytes([len(each)]) + each for each in (b"def", b"", b"", b"", name, name))
    return names + struct.pack("<BHIBHBH", 12, 45, length, kind, 0, decimals, 0)


def answer(columns: Sequence[bytes], *rows: Sequence[bytes]) -> list[bytes]:
    """Return the packets of an answer."""
    packed = [b"".join(b"\xfc" + struct.pack("<H", len(field)) + field for field in row) for row in rows]
    return [bytes([len(columns)]), *columns, b"\xfe\0\0\2\0", *packed, b"\xfe\0\0\2\0"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer([described(b"grants")[:-1]], [b"x"]), "not described as columns are"),
        (answer([b""], [b"x"]), "not described as columns are"),
        (answer([b"\xff" * 40], [b"x"]), "not described as columns are"),
        ([b"\xfc\xff\xff"], "it has 65535 columns"),
        ([b"\1" * 100_000], "neither rows nor an error"),
        (answer([described(b"grants")], [b"x", b"y"]), "a row has 2 fields, and 1 were described"),
    ],
)
def test_a_server_that_describes_columns_as_nobody_does_is_an_error_and_ends_no_reader(
    connect: Connect, said: list[bytes], why: str
) -> None:
    # PyMySQL's statement, then that of the session, then the one for the account's rights.
    with Hostile(answers={3: said}) as hostile:
        connector = connect(hostile.port)
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match=f"Its answer cannot be read: .*{why}"):
                connector.check()

    assert hostile.answered == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer([described(b"n", DECIMAL, length=2**31)], [b"1"]), "a decimal has 2147483647 digits"),
        (answer([described(b"n", DECIMAL, 9, decimals=30)], [b"1"]), "30 of them behind the point"),
        ([b"\0\0\0\2\0\0\0"], "it has no columns"),
        (answer([described(b"n")], [b"1", b"2"]), "a row is longer than its fields"),
    ],
)
def test_a_result_whose_columns_cannot_be_is_an_error_and_ends_no_reader(
    connect: Connect, said: list[bytes], why: str
) -> None:
    note = [described(b"Level"), described(b"Code"), described(b"Message")]
    second_reading = {
        5: answer([described(b"EXPLAIN")], [b'{"message": "No tables used"}']),
        7: answer(note, [b"Note", b"1003", b"select 1"]),
    }
    asked = Native("SELECT 1", (("t", "wiki", "page"),), "q1")
    with Hostile(answers={**second_reading, 8: said}) as hostile:
        connector = connect(hostile.port)
        for _ in range(2):
            with pytest.raises(SourceFailed, match=f"Its answer cannot be read: .*{why}"):
                list(batches(connector.read(asked, SOMEBODY, Deadline(time.monotonic() + 20))))


class Hostile:
    """A server that greets as MySQL does, lets everybody in, answers statements, and then does as it was told."""

    def __init__(self, *signs_in: bytes, answers: Mapping[int, Sequence[bytes]] = MappingProxyType({})) -> None:
        """Prepare; `answers` are the packets for the statements of some numbers, where the others have no rows."""
        self.heard = b""
        self.answered = 0
        """How many statements got such an answer."""
        self._signs_in = signs_in or (b"\0\0\0\2\0\0\0",)
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connected], daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with connected, contextlib.suppress(OSError):
            self._answer(connected)

    def _answer(self, connected: socket.socket) -> None:
        capabilities = 0x000FF7FF & ~0x0800
        greeting = b"\x0a5.7.1\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", capabilities & 0xFFFF)
        greeting += b"\x2d\2\0" + struct.pack("<HB", capabilities >> 16, 21) + bytes(10) + b"123456789012\0"
        self._say(connected, 0, greeting + b"mysql_native_password\0")
        for packet in self._signs_in:
            said = connected.recv(65536)
            self.heard += said
            if not said:
                return
            self._say(connected, said[3] + 1, packet)
        number = 0
        while said := connected.recv(65536):
            self.heard += said
            number += 1
            self.answered += number in self._answers
            for at, packet in enumerate(self._answers.get(number, [b"\0\0\0\2\0\0\0"])):
                self._say(connected, said[3] + 1 + at, packet)

    def _say(self, connected: socket.socket, number: int, packet: bytes) -> None:
        connected.sendall(struct.pack("<I", len(packet))[:3] + bytes([number]) + packet)
