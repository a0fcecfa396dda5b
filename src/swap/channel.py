"""Messages between us and our child processes: JSON on a socket, with open descriptors beside it.

It imports nothing of ours: programs that start fast or hold little use it too.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DESCRIPTORS = 100
_HEADER = struct.Struct("!I")


def send(control: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message, with open descriptors beside it.  Raises OSError when nobody is there."""
    body = json.dumps(message).encode()
    if descriptors:
        socket.send_fds(control, [_HEADER.pack(len(body))], list(descriptors))
        control.sendall(body)
    else:
        control.sendall(_HEADER.pack(len(body)) + body)


def receive(control: socket.socket, most_bytes: int | None = None) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and the descriptors that came with it.

    Raises EOFError when there is none, or one that is larger than it may be.
    """
    header, descriptors, _, _ = socket.recv_fds(control, _HEADER.size, MAX_DESCRIPTORS)
    try:
        return _message(control, header, most_bytes), list(descriptors)
    except BaseException:
        for each in descriptors:
            os.close(each)
        raise


def _message(control: socket.socket, header: bytes, most_bytes: int | None) -> dict[str, Any]:
    if len(header) < _HEADER.size:
        raise EOFError
    (length,) = _HEADER.unpack(header)
    if most_bytes is not None and length > most_bytes:
        raise EOFError
    body = control.recv(length, socket.MSG_WAITALL)
    if len(body) < length:
        raise EOFError
    return dict(json.loads(body))
