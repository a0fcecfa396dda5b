"""How messages travel to a HiveServer2 and back over a socket: in SASL frames.  Over HTTP: `http`."""

from __future__ import annotations

import struct
from typing import Protocol

from swap.connectors.wire import LostError, Wire

LARGEST_BYTES = 512 * 2**20
"""An answer larger than this is none: asked for fewer rows, a server sends less."""
_FRAME = struct.Struct(">I")
_HEAD = struct.Struct(">bI")
_START, _OK, _BAD, _ERROR, _COMPLETE = 1, 2, 3, 4, 5


class RefusedError(Exception):
    """The server took neither the account nor its password; the message is the server's own, for the log."""


class UnprovenError(Exception):
    """The server has not proved to be the one that the ticket is for."""


class UnprotectedError(Exception):
    """The server protects messages less than is demanded."""


class Mechanism(Protocol):
    """A SASL mechanism: what proves who we are, and what then wraps every message."""

    name: str

    @property
    def complete(self) -> bool:
        """Whether all that it takes was said."""

    def step(self, challenge: bytes | None) -> bytes:
        """Return the answer to a challenge; the first has none."""

    def wrap(self, message: bytes) -> bytes:
        """Return a message as it travels."""

    def unwrap(self, data: bytes) -> bytes:
        """Return the message that travelled."""


class Plain:
    """Account and password, in the clear but for TLS (RFC 4616).  Nothing is wrapped."""

    name = "PLAIN"
    complete = True

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def step(self, challenge: bytes | None) -> bytes:  # noqa: ARG002 — it says all at once
        """Return account and password."""
        return f"\0{self._user}\0{self._password}".encode()

    def wrap(self, message: bytes) -> bytes:
        """Return the message."""
        return message

    def unwrap(self, data: bytes) -> bytes:
        """Return the message."""
        return data


class Frames:
    """Messages in SASL frames: four bytes of length, then the wrapped message."""

    def __init__(self, wire: Wire, mechanism: Mechanism) -> None:
        self._wire = wire
        self._mechanism = mechanism

    def begin(self) -> None:
        """Prove who we are.  Raises RefusedError, UnprotectedError, LostError."""
        mechanism = self._mechanism
        self._say(_START, mechanism.name.encode())
        self._say(_OK, mechanism.step(None))
        while True:
            status, size = _HEAD.unpack(self._wire.receive(_HEAD.size))
            if size > 2**16:
                raise LostError("a SASL message of no sensible length")
            payload = self._wire.receive(size)
            if status == _COMPLETE:
                if not mechanism.complete:
                    raise RefusedError("the server ended the mechanism early")
                return
            if status in (_BAD, _ERROR):
                raise RefusedError(payload.decode(errors="replace"))
            if status != _OK:
                raise LostError(f"a SASL message of the unknown status {status}")
            # A mechanism that has said all confirms with the status of the end.
            self._say(_OK, mechanism.step(payload))

    def send(self, message: bytes) -> None:
        """Send a call."""
        data = self._mechanism.wrap(message)
        self._wire.send(_FRAME.pack(len(data)) + data)

    def receive(self) -> bytes:
        """Return the answer to the oldest call that has none yet."""
        (size,) = _FRAME.unpack(self._wire.receive(_FRAME.size))
        if size > LARGEST_BYTES:
            raise LostError(f"an answer of {size} bytes")
        return self._mechanism.unwrap(self._wire.receive(size))

    def _say(self, status: int, payload: bytes) -> None:
        self._wire.send(_HEAD.pack(status, len(payload)) + payload)
