"""How the portal speaks to the hub and the gateway: plain HTTP on this machine, never TLS."""

from __future__ import annotations

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody.  A client without it reads the system's certificates first: 40 ms of the processor for each."""
