"""Go to an address as a browser does: find the name, speak TLS with whoever answers, ask who is there.

Trusts whom this machine trusts, and nobody else: not a certificate only because the settings name it.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

MARK = "X-Swap-Run"
"""The header in which /ping shows which run of SWAP answers."""
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a visit saw: the status, the mark of the SWAP that answered or "", and the certificate's end."""

    status: int
    mark: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a browser would see nothing, and what to do."""

    why: str
    todo: str


def ping(host: str, port: int) -> Seen | Failed:
    """Ask for /ping under TLS at a name, wherever it leads."""
    client = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as line,
            client.wrap_socket(line, server_hostname=host) as spoken,
        ):
            told = spoken.getpeercert()
            assert told is not None
            connection = http.client.HTTPConnection(host, port)
            connection.sock = spoken
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
            return Seen(answer.status, answer.getheader(MARK, ""), ends_at)
    except socket.gaierror:
        return Failed(f"this machine does not find {host}", "Let the name lead to SWAP, or to the proxy, in the DNS.")
    except ssl.SSLCertVerificationError as error:
        return Failed(
            f"the certificate there is refused: {error.verify_message}",
            "Browsers refuse it too, unless they know who signed it and this machine does not.",
        )
    except (OSError, http.client.HTTPException) as error:
        return Failed(
            f"nobody speaks TLS at {host}:{port}: {error or type(error).__name__}",
            "See that what listens there runs, and that this machine may reach it.",
        )
