"""What stands before a server of HTTP: it encrypts, as TLS at a site does, or proves itself with Kerberos, or says it."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable
from ctypes import byref, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import ClassVar, Self

_TICKET = re.compile(rb"\r\nAuthorization: Negotiate ([A-Za-z0-9+/=]+)\r\n")
_FAILED = 0xFFFF0000


class Front:
    """Forwards connections to a port of this machine, behind a certificate if it is given one.

    `proves` returns the token with which an answer to a ticket says who answers.
    """

    def __init__(
        self, upstream: int, shown: tuple[Path, Path] | None = None, proves: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._upstream = upstream
        self._tls: ssl.SSLContext | None = None
        if shown is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*shown)
        self._proves = proves
        self.heard = b""
        """All that clients said."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[made], daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            client = held.enter_context(made if self._tls is None else self._tls.wrap_socket(made, server_side=True))
            server = held.enter_context(socket.create_connection(("127.0.0.1", self._upstream)))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._talk(client, server)

    def _talk(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what comes until one of them goes; one thread alone, as OpenSSL wants it."""
        proof = b""
        while True:
            waits = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = [client] if waits else select.select([client, server], [], [])[0]
            if client in ready:
                if not (said := client.recv(65536)):
                    return
                self.heard += said
                if self._proves and (ticket := _TICKET.search(said)):
                    token = base64.b64encode(self._proves(base64.b64decode(ticket[1])))
                    proof = b"\r\nWWW-Authenticate: Negotiate " + token
                server.sendall(said)
            else:
                if not (said := server.recv(65536)):
                    return
                # Behind the first line of an answer.
                client.sendall(said.replace(b"\r\n", proof + b"\r\n", 1))
                proof = b""


class _Buffer(ctypes.Structure):
    _fields_: ClassVar = [("length", c_size_t), ("value", c_void_p)]


def accepted(ticket: bytes) -> bytes:
    """Return the token with which who has the service's keys, those of KRB5_KTNAME, answers a ticket."""
    library = ctypes.CDLL("libgssapi_krb5.so.2")
    minor, context, answer = c_uint32(), c_void_p(), _Buffer()
    given = ctypes.create_string_buffer(ticket, len(ticket))
    asked = _Buffer(len(ticket), ctypes.cast(given, c_void_p))
    none = c_void_p()
    major = library.gss_accept_sec_context(
        byref(minor), byref(context), none, byref(asked), none, none, none, byref(answer), none, none, none
    )
    assert not major & _FAILED, (hex(major & 0xFFFFFFFF), minor.value)
    return ctypes.string_at(answer.value, answer.length) if answer.value else b""
