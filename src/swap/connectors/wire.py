"""A stream socket to a store on which every wait ends in time: at its deadline, or when nobody asks any more."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from swap.errors import QueryTimedOut

_Found = TypeVar("_Found")
_PIECE = 1 << 20
_REASONS = {
    errno.ECONNREFUSED: "does not listen at its address",
    errno.ENETUNREACH: "cannot be reached: its network is not known here",
    errno.EHOSTUNREACH: "cannot be reached: no way leads to its host",
}


class ConnectError(Exception):
    """No connection could be made; the message ends the sentence 'It …' and names neither host nor account."""


class LostError(Exception):
    """A connection that was made is gone."""


class Wire:
    """One connection, which belongs to one thread.

    `control` is the descriptor of a socket to whoever asks: every wait raises EOFError when nobody is there any more,
    and QueryTimedOut at `ends_at`, on `time.monotonic()`'s clock.
    """

    def __init__(self, control: int, ends_at: float) -> None:
        self.ends_at = ends_at
        self._control = control
        self._socket: socket.socket | None = None
        self._held = bytearray()

    def connect(self, host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> None:
        """Connect to the first of the host's addresses that answers.  Raises ConnectError after so many seconds."""
        gives_up_at = time.monotonic() + seconds
        late = f"did not answer within {seconds:g} s"
        why = "cannot be reached"
        addresses = self._addresses(host, port, gives_up_at, late)
        for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # An address from which nothing comes leaves time for the others.
            now = time.monotonic()
            try:
                self._socket = self._open(family, address, now + (gives_up_at - now) / left, late)
            except OSError as error:
                why = _REASONS.get(error.errno or 0, why)
                continue
            except ConnectError as error:
                why = str(error)
                continue
            if tls is not None:
                self._socket = self._encrypted(self._socket, tls, host, gives_up_at, late)
            return
        raise ConnectError(why)

    def encrypt(self, tls: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt what is said from now on, to a host of that name.  Raises ConnectError after so many seconds."""
        late = f"did not answer within {seconds:g} s"
        self._socket = self._encrypted(self._made(), tls, host, time.monotonic() + seconds, late)

    def connect_local(self, path: str, seconds: float) -> None:
        """Connect to the unix socket at a path.  Raises ConnectError after so many seconds."""
        late = f"did not answer within {seconds:g} s"
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Only a server whose queue is full keeps us waiting here.
            made.settimeout(max(0.001, min(seconds, self.ends_at - time.monotonic())))
            made.connect(path)
        except OSError as error:
            made.close()
            raise ConnectError(late if isinstance(error, TimeoutError) else _REASONS[errno.ECONNREFUSED]) from None
        made.setblocking(False)
        self._socket = made

    def through(self, speak: Callable[[socket.socket], socket.socket], seconds: float) -> None:
        """Let a library that blocks speak over the connection; the socket it returns is the connection from then on.

        The connection is shut down below it after so many seconds, at `ends_at`, and when nobody asks any more.
        Raises ConnectError, QueryTimedOut, EOFError, and what the library raises.
        """
        made = self._made()
        gives_up_at = time.monotonic() + seconds
        ended: list[Exception] = []
        over = os.eventfd(0)
        below = socket.socket(fileno=os.dup(made.fileno()))

        def guard() -> None:
            try:
                self._wait(over, select.POLLIN, gives_up_at, f"did not answer within {seconds:g} s")
            except (ConnectError, QueryTimedOut, EOFError) as error:
                ended.append(error)
                with contextlib.suppress(OSError):
                    below.shutdown(socket.SHUT_RDWR)

        watching = threading.Thread(target=guard, daemon=True, name="guard a connection")
        watching.start()
        try:
            made.setblocking(True)
            self._socket = speak(made)
            self._socket.setblocking(False)
        finally:
            os.eventfd_write(over, 1)
            watching.join()
            os.close(over)
            below.close()
            if ended:
                # Whatever the library says of it: this is why.
                raise ended[0]

    def relay(self, local: socket.socket) -> None:
        """Carry what comes from here to a socket of this process, and what is said there to here, until one hangs up.

        For a library that knows no TLS of ours.  Raises OSError when the socket takes nothing more, LostError,
        QueryTimedOut, EOFError.
        """
        made, view = self._made(), memoryview(bytearray(_PIECE))
        poll = select.poll()
        poll.register(local, select.POLLIN)
        poll.register(made, select.POLLIN)
        while (left := self.ends_at - time.monotonic()) > 0:
            decrypted = isinstance(made, ssl.SSLSocket) and made.pending() > 0
            ready = {which for which, _ in poll.poll(0 if decrypted else min(left * 1000 + 1, 2**31 - 1))}
            if local.fileno() in ready:
                said = local.recv(_PIECE)
                if not said:
                    return
                self.send(said)
            if decrypted or made.fileno() in ready:
                try:
                    got = made.recv_into(view)
                except (BlockingIOError, ssl.SSLWantReadError):  # a part of a record
                    continue
                if got == 0:
                    return
                local.settimeout(left)
                local.sendall(view[:got])
        raise QueryTimedOut

    def aside(self, work: Callable[[], _Found], seconds: float, late: str) -> _Found:
        """Let work that can be neither stopped nor waited for within limits run on a thread of its own.

        After so many seconds it is left to itself, and ConnectError raised with the words for being late.  Raises also
        QueryTimedOut, EOFError, and what the work raises.
        """
        found: list[_Found] = []
        failed: list[Exception] = []
        done = os.eventfd(0)
        waker = os.dup(done)

        def run() -> None:
            try:
                found.append(work())
            except Exception as error:  # noqa: BLE001 — it is raised where it is waited for
                failed.append(error)
            finally:
                os.eventfd_write(waker, 1)
                os.close(waker)

        threading.Thread(target=run, daemon=True, name="aside").start()
        try:
            self._wait(done, select.POLLIN, time.monotonic() + seconds, late)
        finally:
            os.close(done)
        if failed:
            raise failed[0]
        return found[0]

    @property
    def certificate_ends(self) -> datetime | None:
        """When the other side's certificate ends, where it has shown one."""
        shown = self._socket.getpeercert() if isinstance(self._socket, ssl.SSLSocket) else None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC) if shown else None

    def send(self, data: bytes) -> None:
        """Send all of it.  Raises LostError, QueryTimedOut, EOFError."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._made().send(left[:_PIECE]) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(self._made().fileno(), select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait(self._made().fileno(), select.POLLIN)
            except OSError as error:
                raise LostError(str(error)) from None

    def receive(self, size: int) -> bytes:
        """Return exactly so many bytes.  Raises LostError, QueryTimedOut, EOFError."""
        whole = bytearray(size)
        have = min(size, len(self._held))
        whole[:have] = self._held[:have]
        del self._held[:have]
        view = memoryview(whole)
        while have < size:
            have += self._receive_into(view[have:])
        view.release()
        return bytes(whole)

    def receive_some(self, view: memoryview, until: float = math.inf) -> int:
        """Receive what has come, and return how many bytes; 0 when nothing came before `until`.

        Not after `receive` or `line`, which may hold more than they gave.  Raises LostError, QueryTimedOut, EOFError.
        """
        try:
            return self._receive_into(view, until)
        except ConnectError:
            return 0

    def line(self, longest: int) -> bytes:
        """Return the bytes up to and with the next line feed.  Raises LostError also when there are more than that."""
        piece = bytearray(4096)
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > longest:
                raise LostError("a line without an end")
            got = self._receive_into(memoryview(piece))
            self._held += piece[:got]
        found = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        return found

    def pause(self, seconds: float) -> None:
        """Wait without asking for anything.  Raises QueryTimedOut, EOFError."""
        poll = select.poll()
        poll.register(self._control, select.POLLRDHUP)
        if poll.poll(max(0.0, min(seconds, self.ends_at - time.monotonic())) * 1000 + 1):
            raise EOFError
        if time.monotonic() >= self.ends_at:
            raise QueryTimedOut

    def close(self) -> None:
        """Disconnect.  Idempotent."""
        made, self._socket = self._socket, None
        self._held.clear()
        if made is not None:
            with contextlib.suppress(OSError):
                # A server that is writing notices a shutdown at once, and only later that nobody reads.
                made.shutdown(socket.SHUT_RDWR)
            made.close()

    # Below

    def _made(self) -> socket.socket:
        if self._socket is None:
            raise LostError("not connected")
        return self._socket

    def _receive_into(self, view: memoryview, until: float = math.inf) -> int:
        while True:
            try:
                got = self._made().recv_into(view[:_PIECE])
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(self._made().fileno(), select.POLLIN, until)
            except ssl.SSLWantWriteError:
                self._wait(self._made().fileno(), select.POLLOUT)
            except OSError as error:
                raise LostError(str(error)) from None
            else:
                if got == 0:
                    raise LostError("the other side has hung up")
                return got

    def _addresses(self, host: str, port: int, gives_up_at: float, late: str) -> Sequence[tuple[int, tuple[str, int]]]:
        """Look the host up aside: the resolver waits as long as it likes."""

        def look_up() -> list[tuple[int, tuple[str, int]]]:
            try:
                told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError:
                return []
            return [(family, (str(address[0]), port)) for family, _, _, _, address in told]

        found = self.aside(look_up, gives_up_at - time.monotonic(), late)
        if not found:
            raise ConnectError("has a host name that leads nowhere")
        return found

    def _open(self, family: int, address: tuple[str, int], gives_up_at: float, late: str) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            with contextlib.suppress(BlockingIOError):
                made.connect(address)
            self._wait(made.fileno(), select.POLLOUT, gives_up_at, late)
        except BaseException:
            made.close()
            raise
        if number := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            made.close()
            raise OSError(number, os.strerror(number))
        return made

    def _encrypted(
        self, made: socket.socket, tls: ssl.SSLContext, host: str, gives_up_at: float, late: str
    ) -> socket.socket:
        wrapped = tls.wrap_socket(made, server_hostname=host, do_handshake_on_connect=False)
        try:
            while True:
                try:
                    wrapped.do_handshake()
                except ssl.SSLWantReadError:
                    self._wait(wrapped.fileno(), select.POLLIN, gives_up_at, late)
                except ssl.SSLWantWriteError:
                    self._wait(wrapped.fileno(), select.POLLOUT, gives_up_at, late)
                else:
                    return wrapped
        except ssl.SSLCertVerificationError as error:
            wrapped.close()
            raise ConnectError(f"has a certificate that is not trusted: {error.verify_message}") from None
        except OSError:
            wrapped.close()
            raise ConnectError("made no encrypted connection") from None
        except BaseException:
            wrapped.close()
            raise

    def _wait(self, descriptor: int, event: int, gives_up_at: float | None = None, late: str = "") -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self._control, select.POLLRDHUP)
        until = self.ends_at if gives_up_at is None else min(gives_up_at, self.ends_at)
        left = max(0.0, until - time.monotonic())
        ready = poll.poll(min(left * 1000 + 1, 2**31 - 1))
        if any(which == self._control for which, _ in ready):
            raise EOFError
        if not ready:
            if time.monotonic() >= self.ends_at:
                raise QueryTimedOut
            raise ConnectError(late)


def context(ca: Path | None) -> ssl.SSLContext:
    """Return what verifies a store's certificate and its name, by the system's authorities or by a file of them.

    Raises OSError, ssl.SSLError when the file is none.
    """
    return ssl.create_default_context(cafile=None if ca is None else str(ca))
