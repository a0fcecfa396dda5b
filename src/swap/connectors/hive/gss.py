"""Kerberos by the machine's own library (MIT's libgssapi_krb5): a ticket from a keytab, a context with a server.

Calls that ask a KDC block, for as long as the library likes: `Wire.aside` bounds them.  Tickets are in the memory of
this process alone.  The library's interface is fixed by RFC 2744 and its own gssapi_ext.h; PyPI's package for it would
have to be compiled at each installation.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, ClassVar

_LIBRARY = "libgssapi_krb5.so.2"
_CONTINUE = 1
_FAILED = 0xFFFF0000
_INITIATE = 1
_MAJOR_TEXT, _MINOR_TEXT = 1, 2
_MUTUAL, _REPLAY, _SEQUENCE, _SECRET, _WHOLE = 2, 4, 8, 16, 32
_WANTED = _MUTUAL | _REPLAY | _SEQUENCE | _SECRET | _WHOLE


class GssError(Exception):
    """A call failed; the library's words, which name principals and hosts, are for the log."""


class _Oid(ctypes.Structure):
    _fields_: ClassVar = [("length", c_uint32), ("elements", c_char_p)]


class _Oids(ctypes.Structure):
    _fields_: ClassVar = [("count", c_size_t), ("elements", POINTER(_Oid))]


class _Buffer(ctypes.Structure):
    _fields_: ClassVar = [("length", c_size_t), ("value", c_void_p)]
    data: bytes
    """What it points at, where that is ours."""


class _Pair(ctypes.Structure):
    _fields_: ClassVar = [("key", c_char_p), ("value", c_char_p)]


class _Store(ctypes.Structure):
    _fields_: ClassVar = [("count", c_uint32), ("elements", POINTER(_Pair))]


def _oid(elements: bytes) -> _Oid:
    return _Oid(len(elements), elements)


_KRB5 = _oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
_SPNEGO = _oid(b"\x2b\x06\x01\x05\x05\x02")
_PRINCIPAL = _oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01")
_HOST_SERVICE = _oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")

_OUT = POINTER(c_void_p)
_SIGNATURES: dict[str, list[Any]] = {
    "gss_import_name": [POINTER(_Buffer), POINTER(_Oid), _OUT],
    "gss_release_name": [_OUT],
    "gss_acquire_cred_from": [
        c_void_p, c_uint32, POINTER(_Oids), c_int, POINTER(_Store), _OUT, c_void_p, POINTER(c_uint32),
    ],
    "gss_release_cred": [_OUT],
    "gss_init_sec_context": [
        c_void_p, _OUT, c_void_p, POINTER(_Oid), c_uint32, c_uint32, c_void_p, POINTER(_Buffer), c_void_p,
        POINTER(_Buffer), POINTER(c_uint32), c_void_p,
    ],
    "gss_delete_sec_context": [_OUT, c_void_p],
    "gss_wrap": [c_void_p, c_int, c_uint32, POINTER(_Buffer), POINTER(c_int), POINTER(_Buffer)],
    "gss_unwrap": [c_void_p, POINTER(_Buffer), POINTER(_Buffer), POINTER(c_int), c_void_p],
    "gss_display_status": [c_uint32, c_int, POINTER(_Oid), POINTER(c_uint32), POINTER(_Buffer)],
    "gss_release_buffer": [POINTER(_Buffer)],
}  # fmt: skip
"""The calls, without their first argument: where the mechanism's own number of a failure goes."""


class Ticket:
    """SWAP's own ticket, from its keytab.  Made again and again: the library gets a new one before the old one ends."""

    def __init__(self, principal: str, keytab: Path, config: Path | None = None) -> None:
        """Get it, if this process has none that is good for half its time yet.  Blocks.  Raises GssError."""
        if config is not None:
            # The library knows no other way to be told.
            os.environ["KRB5_CONFIG"] = str(config)
        self.handle = c_void_p()
        pairs = (_Pair * 2)(
            _Pair(b"client_keytab", f"FILE:{keytab}".encode()), _Pair(b"ccache", f"MEMORY:{principal}".encode())
        )
        lasts = c_uint32()
        name = _Name(principal, _PRINCIPAL)
        _call(
            "gss_acquire_cred_from",
            name.handle,
            0,
            byref(_Oids(2, (_Oid * 2)(_KRB5, _SPNEGO))),
            _INITIATE,
            byref(_Store(2, pairs)),
            byref(self.handle),
            None,
            byref(lasts),
        )
        self.seconds = lasts.value
        """How long it lasts yet."""

    def __del__(self) -> None:
        if self.handle:
            _call("gss_release_cred", byref(self.handle))


class Context:
    """A talk with one server, which has proved to be itself when the context is `complete`."""

    def __init__(self, ticket: Ticket, service: str, host: str, *, negotiate: bool = False) -> None:
        """Prepare one with `service/host`; in the manner of HTTP (SPNEGO) if told so.  Raises GssError."""
        self._ticket = ticket
        self._server = _Name(f"{service}@{host}", _HOST_SERVICE)
        self._mechanism = _SPNEGO if negotiate else _KRB5
        self._handle = c_void_p()
        self.complete = False

    def step(self, token: bytes = b"") -> bytes:
        """Return the answer to the server's token; the first has none, and blocks.  Raises GssError."""
        answer, flags = _Buffer(), c_uint32()
        major = _call(
            "gss_init_sec_context",
            self._ticket.handle,
            byref(self._handle),
            self._server.handle,
            byref(self._mechanism),
            _WANTED,
            0,
            None,
            byref(_given(token)),
            None,
            byref(answer),
            byref(flags),
            None,
        )
        said = _taken(answer)
        if not major & _CONTINUE:
            if flags.value & _WANTED != _WANTED:
                raise GssError(f"a context that can do {flags.value} only")
            self.complete = True
        return said

    def wrap(self, message: bytes, *, secret: bool) -> bytes:
        """Return a message that cannot be changed on its way, nor read if it is secret.  Raises GssError."""
        wrapped, is_secret = _Buffer(), c_int()
        _call("gss_wrap", self._handle, int(secret), 0, byref(_given(message)), byref(is_secret), byref(wrapped))
        data = _taken(wrapped)
        if secret and not is_secret.value:
            raise GssError("a message that was to be secret is not")
        return data

    def unwrap(self, data: bytes, *, secret: bool) -> bytes:
        """Return the message.  Raises GssError for one that was changed or repeated, or is not secret but should be."""
        message, is_secret = _Buffer(), c_int()
        major = _call("gss_unwrap", self._handle, byref(_given(data)), byref(message), byref(is_secret), None)
        said = _taken(message)
        if major:
            raise GssError(f"a message out of its order ({major})")
        if secret and not is_secret.value:
            raise GssError("a message that was to be secret is not")
        return said

    def __del__(self) -> None:
        if self._handle:
            _call("gss_delete_sec_context", byref(self._handle), None)


class _Name:
    def __init__(self, text: str, kind: _Oid) -> None:
        self.handle = c_void_p()
        _call("gss_import_name", byref(_given(text.encode())), byref(kind), byref(self.handle))

    def __del__(self) -> None:
        if self.handle:
            _call("gss_release_name", byref(self.handle))


def _given(data: bytes) -> _Buffer:
    """Return a buffer for the library to read."""
    buffer = _Buffer(len(data), ctypes.cast(c_char_p(data), c_void_p))
    buffer.data = data
    return buffer


def _taken(buffer: _Buffer) -> bytes:
    """Return what the library wrote, and give its memory back."""
    data = ctypes.string_at(buffer.value, buffer.length) if buffer.value else b""
    _call("gss_release_buffer", byref(buffer))
    return data


def _call(name: str, *arguments: Any) -> int:
    """Call, and return the status.  Raises GssError when it tells of a failure."""
    minor = c_uint32()
    major = int(_function(name)(byref(minor), *arguments))
    if major & _FAILED:
        raise GssError(f"{name}: {_text(major, _MAJOR_TEXT)}: {_text(minor.value, _MINOR_TEXT)}")
    return major


def _text(status: int, kind: int) -> str:
    message, more, minor = _Buffer(), c_uint32(), c_uint32()
    _function("gss_display_status")(byref(minor), status, kind, byref(_KRB5), byref(more), byref(message))
    return _taken(message).decode(errors="replace")


@functools.cache
def _function(name: str) -> Callable[..., int]:
    try:
        function = getattr(_library(), name)
    except OSError as error:
        raise GssError(f"{_LIBRARY} is not installed: {error}") from None
    function.argtypes = [POINTER(c_uint32), *_SIGNATURES[name]]
    function.restype = c_uint32
    return function  # type: ignore[no-any-return]


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(_LIBRARY)
