"""TCP ports: whether one is free, who holds it, and a few that nobody holds."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from typing import Final

import psutil

from swap.errors import Conflict, Problem, Unavailable


def require_free(address: str, port: int, table: str = "site") -> None:
    """Raise Conflict that says who holds the port and which setting of `table`, site or origins, chooses another.

    For 127.0.0.1 also when somebody has it on ::1: browsers try that first for `localhost`.
    """
    _require_loopback()
    _require(socket.AF_INET6 if ":" in address else socket.AF_INET, address, port, table)
    if address == "127.0.0.1" and socket.has_ipv6:
        _require(socket.AF_INET6, "::1", port, table)


def _require_loopback() -> None:
    """SWAP's processes speak to one another over 127.0.0.1.

    Say so at once where that is not there, as in a bare network namespace.
    """
    with socket.create_server(("127.0.0.1", 0)) as here:
        try:
            socket.create_connection(here.getsockname(), timeout=5.0).close()
        except OSError as error:
            raise Unavailable(
                Problem(
                    "This machine does not reach itself at 127.0.0.1.",
                    why=f"{error.strerror or error}.",
                    todo="Bring its loopback interface up: ip link set lo up",
                )
            ) from error


def _require(family: socket.AddressFamily, address: str, port: int, table: str) -> None:
    other = _OTHER[table]
    with contextlib.ExitStack() as stack:
        try:
            probe = stack.enter_context(socket.socket(family))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
        except PermissionError as error:
            raise Conflict(
                Problem(f"SWAP may not listen on port {port}.", why="Ports below 1024 need root.", todo=other)
            ) from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                if family == socket.AF_INET6 and address == "::1":
                    return  # this machine has no IPv6
                raise Conflict(
                    Problem(
                        f"SWAP cannot listen on {address}:{port}: {error.strerror}.",
                        todo=f"Set {table}.bind in swap.toml to an address of this machine.",
                    )
                ) from error
            raise Conflict(
                Problem(
                    f"Port {port} is taken by {holder(port) or 'a program of another user'}.",
                    todo=f"Stop that program, or {other[0].lower()}{other[1:]}",
                    extra={"port": port},
                )
            ) from error


_OTHER: Final = {
    "site": "Choose another port: make demo PORT=8001, or site.port in swap.toml.",
    "origins": "Choose another port: origins.port or origins.http_port in swap.toml.",
}


def holder(port: int) -> str:
    """Return who listens on a TCP port, as `name (process id)`; empty when we may not know."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def free(count: int) -> list[int]:
    """Return different ports that nobody listens on just now.

    From below those that Linux gives to outgoing connections (32768 and up, ip_local_port_range), so that
    none takes a port between this moment and the one at which its program listens.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            found.append(port)
        if len(found) == count:
            return found
    raise Conflict(
        Problem(
            "No free port was found.",
            why="A thousand ports between 20000 and 32000 are taken.",
            todo="Stop programs that listen.",
        )
    )


def answers(port: int) -> bool:
    """Tell whether something accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
