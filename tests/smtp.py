"""A mail server for tests: a real one, on a real socket under TLS, that keeps what it is given and fails as it is told."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from services import certificate
from swap.settings import Mail, Secret

PASSWORD = "mail s3cret"
GIVES_UP, GOES_AWAY, STALLS = "give-up", "go-away", "stall"
"""What a step may do beside answering: close before it answers; take the text, and then close; or say nothing."""


@dataclass
class MailServer:
    """Takes mail for `user` alone, after STARTTLS or from the start, and offers nothing in the clear."""

    folder: Path
    implicit: bool = False
    offers_tls: bool = True
    name: str = "localhost"
    answers: dict[str, str] = field(default_factory=dict)
    """What it says to a command, or to a whole line, instead of 250; or one of the three above."""
    at_text: Callable[[], Any] = lambda: None
    """Called when a text has come, before it is answered."""
    taken: list[EmailMessage] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.certificate, key = certificate(self.folder, self.name)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.certificate, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._begin(self._accept)

    def write_settings(self) -> Path:
        """Write what a site's file says of it beside its certificate; return the file."""
        mail, config = self.settings(), self.folder / "swap.toml"
        config.write_text(
            f'state = "."\npeople.file = "people.toml"\n[mail]\nhost = "localhost"\nport = {mail.port}\n'
            f'ca = "{mail.ca}"\nuser = "swap"\npassword = {{ file = "mail.secret" }}\n'
            'sender = "swap@example.org"\ndomain = "example.org"\n'
        )
        return config

    def settings(self, **more: Any) -> Mail:
        """Return what a site's settings say of it."""
        secret = self.folder / "mail.secret"
        secret.write_text(PASSWORD)
        values: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "tls": "implicit" if self.implicit else "starttls",
            "ca": self.certificate,
            "user": "swap",
            "password": Secret(file=secret),
            "sender": "swap@example.org",
            "domain": "example.org",
        }
        return Mail.model_validate(values | more)

    def close(self) -> None:
        """Close it, and wait for those whom it answers."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(60)

    def _begin(self, work: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                link, _ = self._listening.accept()
            except OSError:
                return
            link.settimeout(60)
            self._begin(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            if self.implicit:
                link = self._tls.wrap_socket(link, server_side=True)
            if not self._speak(link, encrypted=self.implicit):
                # Whoever has encrypted the connection greets anew, and is not greeted.
                link = self._tls.wrap_socket(link, server_side=True)
                self._speak(link, encrypted=True, greets=False)
        link.close()

    def _speak(self, link: socket.socket, *, encrypted: bool, greets: bool = True) -> bool:
        """Answer until the end; False when the connection is to be encrypted first."""
        # Unbuffered: what comes behind STARTTLS is not ours to read.
        lines = link.makefile("rb", buffering=0)
        signed_in = False
        if greets:
            _say(link, "220 test")
        while line := lines.readline():
            self.said.append(line.decode("latin-1").rstrip("\r\n"))
            verb = self.said[-1].split(" ")[0].split(":")[0].upper()
            instead = self.answers.get(self.said[-1], self.answers.get(verb, ""))
            if instead == GIVES_UP:
                return True
            if instead == STALLS:
                continue
            if instead not in {"", GOES_AWAY}:
                _say(link, instead)
            elif verb == "EHLO":
                offered = "AUTH PLAIN" if encrypted else "STARTTLS" if self.offers_tls else "HELP"
                _say(link, f"250-test\r\n250 {offered}")
            elif verb == "STARTTLS" and self.offers_tls:
                _say(link, "220 go")
                return False
            elif verb == "AUTH" and encrypted:
                given = base64.b64decode(self.said[-1].split(" ")[2]).decode().split("\0")
                signed_in = given[1:] == ["swap", PASSWORD]
                _say(link, "235 yes" if signed_in else "535 no")
            elif verb in {"MAIL", "RCPT"}:
                _say(link, "250 yes" if signed_in else "530 sign in first")
            elif verb == "DATA":
                _say(link, "354 go on")
                if not self._take(lines) or instead == GOES_AWAY:
                    return True
                _say(link, self.answers.get("TEXT", "250 taken"))
            elif verb == "QUIT":
                _say(link, "221 bye")
                return True
            else:
                _say(link, "502 no")
        return True

    def _take(self, lines: Any) -> bool:
        text = b""
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return False
            text += line.removeprefix(b".") if line.startswith(b"..") else line
        self.taken.append(message_from_bytes(text, policy=policy.default))  # type: ignore[arg-type]
        self.at_text()
        return True


def _say(link: socket.socket, text: str) -> None:
    link.sendall(f"{text}\r\n".encode())
