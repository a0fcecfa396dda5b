"""Where somebody who signs in comes from, as Traefik says it; nobody else's word counts.

The hub listens on loopback, where every program of this machine can speak to it and name any address.  Traefik
deletes what a client says of itself, but for what the site's own proxies say, and shows a proof with what it says.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from swap.runtime import Runtime

PROOF = "X-Swap-Proof"
HERE = "127.0.0.1"
IPV6_PREFIX = 64
"""One household or one machine has a network of this size to itself, so it counts as one address."""


def proof(runtime: Runtime) -> str:
    """Return what Traefik shows to the hub; no other use is made of it."""
    return hmac.digest(runtime.traefik_api_password.encode(), b"swap-sign-in", "sha256").hex()


def address(request: Any, runtime: Runtime, proxies: Sequence[str]) -> str:
    """Return the address a request came from: as Traefik says, or this machine's for one that came past it."""
    shown = request.headers.get(PROOF, "")
    if not hmac.compare_digest(shown.encode(), proof(runtime).encode()):
        return HERE
    return last_stranger(request.headers.get("X-Forwarded-For", ""), proxies)


def last_stranger(hops: str, proxies: Sequence[str]) -> str:
    """Return the last hop of X-Forwarded-For that is none of the proxies, or the first when all are.

    Each hop was written by the one after it.  So what stands before a stranger is the stranger's own invention, and of
    a proxy that names no address the proxy's own stands for what is behind it.

    >>> last_stranger("203.0.113.7, 198.51.100.9, 192.0.2.1", ["192.0.2.0/28"])
    '198.51.100.9'
    """
    networks = [ip_network(proxy) for proxy in proxies]
    found = HERE
    for hop in reversed(hops.split(",")):
        told = _address(hop.strip())
        if told is None:
            break
        found = str(told)
        if not any(told in network for network in networks):
            break
    return found


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(hop.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network."""
    found = _address(address)
    if found is None:
        return HERE
    return str(ip_network((found, IPV6_PREFIX), strict=False) if isinstance(found, IPv6Address) else found)
