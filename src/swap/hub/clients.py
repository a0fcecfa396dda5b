"""Where somebody who signs in comes from, as Traefik says it; nobody else's word counts.

The hub listens on loopback, where every program of this machine can speak to it and name any address.  Traefik
deletes what a client says of itself, and shows a proof with what it says.
"""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from swap.runtime import Runtime

PROOF = "X-Swap-Proof"
HERE = "127.0.0.1"
IPV6_PREFIX = 64
"""One household or one machine has a network of this size to itself, so it counts as one address."""


def proof(runtime: Runtime) -> str:
    """Return what Traefik shows to the hub; no other use is made of it."""
    return hmac.digest(runtime.traefik_api_password.encode(), b"swap-sign-in", "sha256").hex()


def address(request: Any, runtime: Runtime) -> str:
    """Return the address a request came from: as Traefik says, or this machine's for one that came past it."""
    shown = request.headers.get(PROOF, "")
    through_traefik = hmac.compare_digest(shown.encode(), proof(runtime).encode())
    return str(request.remote_ip) if through_traefik else HERE


def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return HERE
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, IPV6_PREFIX), strict=False))
