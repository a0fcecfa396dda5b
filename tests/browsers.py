"""The browser that tests drive: Chromium as Debian has it, which asks nobody anything by itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
# What is expected comes late while other tests run beside.
expect.set_options(timeout=60_000)
_QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def launch(playwright: Playwright, *more: str, program: Path = CHROMIUM) -> Browser:
    """Start it, by another program where that starts it.  A browser that is not there fails: `make test` installs it."""
    assert CHROMIUM.exists(), "These tests need a browser. Run: apt-get install -y chromium"
    return playwright.chromium.launch(executable_path=str(program), args=[*_QUIET, *more])


def finding(name: str, *certificates: Path) -> tuple[str, ...]:
    """Return what lets it find a name and all below it on this machine, and trust those certificates' keys."""
    keys = [x509.load_pem_x509_certificate(path.read_bytes()).public_key() for path in certificates]
    digests = [
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest() for key in keys
    ]
    return (
        f"--host-resolver-rules=MAP {name} 127.0.0.1, MAP *.{name} 127.0.0.1",
        f"--ignore-certificate-errors-spki-list={','.join(base64.b64encode(digest).decode() for digest in digests)}",
    )


@contextmanager
def running(*more: str) -> Iterator[Browser]:
    """Run one for the block."""
    with sync_playwright() as playwright:
        browser = launch(playwright, *more)
        yield browser
        browser.close()
