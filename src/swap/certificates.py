"""The certificate SWAP shows at its public address: judged as browsers do, and handed to Traefik as one file.

A certificate and its key are two files, which somebody replaces one after the other.  Traefik never looks at them: it
is given both in one file, and only when they belong together, so that a renewal never breaks what worked.
"""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from swap.errors import Problem, SettingsError

FILE = "certificate.yml"
"""The file in Traefik's directory."""
_HAS_ENDED = 10
_NOT_YET = 9
"""OpenSSL's numbers for what a clock says of a certificate."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate, with those that sign it, and of its key."""

    certificate: Path
    key: Path

    def read(self) -> tuple[str, str]:
        """Return both as text.  Raises SettingsError for what cannot be read or does not belong together."""
        texts = []
        for name, path in (("certificate", self.certificate), ("key", self.key)):
            try:
                texts.append(path.read_text(encoding="ascii"))
            except OSError as error:
                raise _unusable(name, path, str(error.strerror)) from error
            except UnicodeDecodeError as error:
                raise _unusable(name, path, "it is not PEM") from error
        self._server()
        return texts[0], texts[1]

    def ends_at(self, host: str, apart: str | None = None) -> datetime | None:
        """Return when it ends, or None when it has ended or has not begun.

        Raises SettingsError for a pair that is none, and for one that is not for the portal's host and all below it,
        and for the host on which notebooks are shown, if that is `apart`.
        """
        self.read()
        ends = None
        for name in (host, f"p234567abc.{host}", *([apart] if apart else [])):
            try:
                ends = self._ends_at(name)
            except ssl.SSLCertVerificationError as error:
                if error.verify_code in {_HAS_ENDED, _NOT_YET}:
                    return None
                raise SettingsError(
                    Problem(
                        f"The certificate of origins.certificate is not for {name}.",
                        why=f"{error.verify_message}. Each person's server has a name of its own below the portal's.",
                        todo=f"Get one for {' and '.join([host, f'*.{host}', *([apart] if apart else [])])},"
                        " or mend [origins].",
                    )
                ) from error
            except ssl.SSLError as error:
                raise _unusable(
                    "certificate", self.certificate, f"nobody could speak TLS with it ({error.reason})"
                ) from error
        return ends

    def _ends_at(self, name: str) -> datetime:
        """Shake hands with ourselves, as a browser would that trusts this certificate and asks for `name`."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        client.load_verify_locations(self.certificate)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        asks = client.wrap_bio(to_client, to_server, server_hostname=name)
        answers = self._server().wrap_bio(to_server, to_client, server_side=True)
        for end in (asks, answers, asks):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
        told = asks.getpeercert()
        assert told is not None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)

    def _server(self) -> ssl.SSLContext:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # A key that has a password is refused, and the password not asked for.
            server.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError) as error:
            if "MISMATCH" in str(error):
                raise _unusable("key", self.key, "it is the key of another certificate") from error
            raise _unusable(
                "certificate", self.certificate, "it and origins.key are no certificate and its key"
            ) from error
        return server

    def mark(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what is another when one of the files, or what a link leads to, is another."""
        return _mark(self.certificate), _mark(self.key)


def hand_over(pair: Pair, directory: Path) -> None:
    """Give Traefik the pair, in one step.  Raises SettingsError, and leaves what was there."""
    certificate, key = pair.read()
    content = {
        "tls": {
            "certificates": [{"certFile": certificate, "keyFile": key}],
            "options": {"default": {"minVersion": "VersionTLS12", "sniStrict": True}},
        }
    }
    # Beside the directory: in it the hub can lay a link, or a file of its own, under any name.
    draft = directory.parent / f"{FILE}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        json.dump(content, file)
    draft.replace(directory / FILE)


class Watch:
    """Looks whether the files changed, and hands them over when they did."""

    def __init__(self, pair: Pair, directory: Path) -> None:
        self._pair, self._directory = pair, directory
        self._seen = pair.mark()

    def look(self) -> str:
        """Hand a changed pair over; return what there is to tell, mostly nothing.  A pair that is no good is left."""
        # Before reading: what changes in between is read again.
        now = self._pair.mark()
        if now == self._seen:
            return ""
        self._seen = now
        try:
            hand_over(self._pair, self._directory)
        except SettingsError as error:
            return f"The certificate changed and cannot be used, so the former one stays. {error.problem.title}"
        except OSError as error:
            self._seen = ()
            return f"The certificate changed and cannot be handed over: {error.strerror}. SWAP tries again."
        return "The certificate changed; SWAP shows the new one."


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _unusable(name: str, path: Path, why: str) -> SettingsError:
    return SettingsError(
        Problem(
            f"origins.{name}, {path}, cannot be used: {why}.",
            todo="Both are PEM files that SWAP's own user can read: the certificate with those that sign it, and its"
            " key without a password.",
        )
    )
