"""Tell an address that a run has ended: over TLS, to a host that the settings name, without data, following nowhere.

The host's name is asked for once, and what was found is where the connection goes: a name that leads into the site's
own network is refused, unless the settings name that address too.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from swap.client.period import Interval
from swap.errors import Invalid, Problem, SwapError

LENGTH: Final = 500
"""Of an address."""
PORT: Final = 443
SECONDS: Final = 10.0
"""In which a host must have answered."""
PASSING: Final = frozenset({408, 425, 429})
"""Of what a host refuses, what it may take later; so is all from 500 on."""
# Addresses of version 6 in which one of version 4 stands, which could be anybody's.
_CARRIERS: Final = tuple(map(ip_network, ("64:ff9b::/96", "2002::/16", "2001::/32", "::/96")))
Found = Callable[[str, int], Collection[str]]
"""Host and port → addresses."""


class NotTold(SwapError):
    """The host could not be told now."""


class Refused(SwapError):
    """The host says no, or may not be told."""


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that is told, taken apart."""

    host: str
    port: int
    path: str


def read(url: str, hosts: Collection[str]) -> Hook:
    """Return an address taken apart, if it is one on these hosts, each `host` or `host:port`.  Raises Invalid.

    >>> read("https://hooks.example.org/a?b", ["hooks.example.org"])
    Hook(host='hooks.example.org', port=443, path='/a?b')
    """
    if len(url) > LENGTH or not url.isascii() or any(each.isspace() or not each.isprintable() for each in url):
        raise _no_address("It is too long, or holds what an address cannot hold.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", PORT if parts.port is None else parts.port
    except ValueError as error:
        raise _no_address("It cannot be read.") from error
    if parts.scheme != "https" or not host or "@" in parts.netloc or "\\" in url or parts.fragment:
        raise _no_address("It begins with https://, and holds no name or password before the host.")
    if _named(host, port) not in {each.lower() for each in hosts}:
        known = ", ".join(sorted(hosts))
        raise _no_address(f"SWAP tells {known} alone." if known else "SWAP tells no host.")
    return Hook(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _named(host: str, port: int) -> str:
    """Return a host and a port as the settings name them."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port == PORT else f"{shown}:{port}"


def said(report_url: str, run_url: str, event: str, period: Interval) -> bytes:
    """Return what is told: addresses, the state, and the period."""
    told = {
        "report": report_url,
        "run": run_url,
        "state": event,
        "period": {"start": period.start.isoformat(), "end": period.end.isoformat()},
    }
    return json.dumps(told).encode()


def allowed(addresses: Collection[str], hosts: Collection[str]) -> str:
    """Return the first of a host's addresses that may be spoken to, as public or named.  Raises Refused.

    >>> allowed(["10.0.0.7", "198.51.99.1"], ["hooks.example.org"])
    '198.51.99.1'
    """
    named = {each.lower() for each in hosts}
    for each in addresses:
        address = ip_address(each.partition("%")[0])
        if _is_public(address) or _bare(address) in named:
            return each
    raise Refused(Problem("Its name leads to no public address, and to none that the settings name."))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if any(address in carrier for carrier in _CARRIERS):
            return False
    return address.is_global and not address.is_multicast


def _bare(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def found(host: str, port: int) -> list[str]:
    """Return the addresses of a host.  Raises OSError."""
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Connection(http.client.HTTPSConnection):
    """Goes to one address, and believes the host by its name alone."""

    def __init__(self, hook: Hook, address: str, trusted: ssl.SSLContext) -> None:
        super().__init__(hook.host, hook.port, timeout=SECONDS, context=trusted)
        self._address = address
        self._trusted = trusted

    def connect(self) -> None:
        """Connect, with nothing of the host's name asked again."""
        plain = socket.create_connection((self._address, self.port), SECONDS)
        # Whoever ends this late finds it here also in the middle of the handshake.
        secret = self._trusted.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secret
        secret.do_handshake()


def tell(url: str, body: bytes, hosts: Collection[str], ca: Path | None = None, find: Found = found) -> int:
    """Tell an address once, and return the status it answers; a redirect is no answer.

    Raises Invalid, Refused; NotTold for what may pass.
    """
    hook = read(url, hosts)
    try:
        trusted, addresses = (
            ssl.create_default_context(cafile=None if ca is None else str(ca)),
            find(hook.host, hook.port),
        )
    except (OSError, UnicodeError) as error:
        raise NotTold(Problem(f"It, or who certifies it, is not found: {type(error).__name__}.")) from error
    connection = _Connection(hook, allowed(addresses, hosts), trusted)
    # Each step has a time; a host that answers letter by letter has one for all of it.
    late = threading.Timer(SECONDS, _end, (connection,))
    late.daemon = True
    late.start()
    try:
        connection.request("POST", hook.path, body, {"Content-Type": "application/json", "User-Agent": "SWAP"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        raise NotTold(Problem(f"{type(error).__name__}.")) from error
    finally:
        late.cancel()
        connection.close()
    if status in PASSING or status >= 500:
        raise NotTold(Problem(f"It answered {status}."))
    if not 200 <= status < 300:
        raise Refused(Problem(f"It answered {status}."))
    return status


def _end(connection: http.client.HTTPSConnection) -> None:
    """End what a connection waits for."""
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            # Below TLS, which would wait for the other side's word.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _no_address(why: str) -> Invalid:
    return Invalid(
        Problem(
            "This address cannot be told of runs.",
            why=why,
            todo="Ask those who run SWAP for a host that it may tell.",
        )
    )
