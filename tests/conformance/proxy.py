"""A TCP proxy that counts what passes, and can cut or swallow it; and a port that answers nothing at all."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards connections to `upstream`, both ways, on a port of its own."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.connections = 0
        self.to_server = 0
        self.from_server = 0
        self.passed: bytearray | None = None
        """All that passed, either way, once it is a bytearray."""
        self._swallow = threading.Event()
        self._stalled = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._wake_read, self._wake_write = socket.socketpair()
        self._orders: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._order("stop")
        self._thread.join(5)
        # Not by the thread: it may have read of the order before it is woken for it.
        for sock in (self._wake_read, self._wake_write):
            sock.close()

    def reset(self) -> None:
        """Count from zero."""
        self.connections = self.to_server = self.from_server = 0

    def cut(self) -> None:
        """Close every connection that is open now."""
        self._order("cut")

    def blackhole(self) -> None:
        """Forward nothing from now on; connections stay open and silent."""
        self._swallow.set()

    def stall(self) -> None:
        """Take nothing from anybody from now on: who sends waits until there is room again."""
        self._order("stall")

    def heal(self) -> None:
        """Forward again what comes from now on."""
        self._swallow.clear()
        self._order("heal")

    def _order(self, what: str) -> None:
        self._orders.append(what)
        self._wake_write.send(b"x")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._wake_read:
                        self._wake_read.recv(64)
                    else:
                        self._forward(key.fileobj)
                while self._orders:
                    order = self._orders.pop(0)
                    if order in ("stall", "heal"):
                        self._listen(stalled=order == "stall")
                        continue
                    for sock in tuple(self._pairs):
                        self._close(sock)
                    if order == "stop":
                        self._listener.close()
                        return

    def _listen(self, *, stalled: bool) -> None:
        """Look, or do not, at the connections that are there; new ones are made in any case."""
        self._stalled = stalled
        watched = self._selector.get_map()
        for sock in self._pairs:
            if stalled and sock in watched:
                self._selector.unregister(sock)
            elif not stalled and sock not in watched:
                self._selector.register(sock, selectors.EVENT_READ)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.connections += 1
        try:
            server = socket.create_connection(self.upstream, timeout=5)
        except OSError:
            client.close()
            return
        self._clients.add(client)
        for sock, other in ((client, server), (server, client)):
            # What came in two pieces goes on in two, and the second would wait 40 ms for word of the first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[sock] = other
            if not self._stalled:
                self._selector.register(sock, selectors.EVENT_READ)

    def _forward(self, sock: socket.socket) -> None:
        if sock not in self._pairs:
            return
        try:
            data = sock.recv(262_144)
        except OSError:
            data = b""
        if not data:
            self._close(sock)
            return
        if self._swallow.is_set():
            return
        if sock in self._clients:
            self.to_server += len(data)
        else:
            self.from_server += len(data)
        if self.passed is not None:
            self.passed += data
        with contextlib.suppress(OSError):
            self._pairs[sock].sendall(data)

    def _close(self, sock: socket.socket) -> None:
        other = self._pairs.pop(sock, None)
        if other is None:
            return
        self._pairs.pop(other, None)
        for each in (sock, other):
            self._clients.discard(each)
            if each in self._selector.get_map():
                self._selector.unregister(each)
            each.close()


@contextlib.contextmanager
def unanswered_port() -> Iterator[int]:
    """Return a port whose connection attempts are dropped, as behind a firewall: its queue is full for ever."""
    with socket.socket() as listener, contextlib.ExitStack() as held:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
