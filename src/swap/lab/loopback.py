"""How a person's server asks the gateway: in plain HTTP, at an address of its own loopback."""

from __future__ import annotations

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody and is never used.  Otherwise each of httpx's clients would read all authorities of the world, which
took half of what a forked server takes to answer."""
