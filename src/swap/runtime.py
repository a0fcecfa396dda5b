"""Where this machine's running processes find one another: written by the supervisor, read by the rest.

One private file (0600) in the state directory.  People's servers and kernels never get its path.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

ENVIRONMENT = "SWAP_RUNTIME"
"""The environment variable that names the file for SWAP's own processes."""


class Runtime(BaseModel):
    """Addresses, database roles and keys of one run of `swap up`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Path
    """swap.toml."""
    database_urls: dict[str, str]
    """Role → SQLAlchemy URL with its password: `owner` (migrations), `hub`, `web`, `gateway`."""
    gateway_port: int
    web_port: int
    hub_port: int
    traefik_api_port: int
    traefik_api_password: str
    traefik_directory: Path
    """The file provider's directory: our routes, and the hub's beside them."""
    socket_directory: Path
    """A short private directory for unix sockets: their paths may not exceed 107 bytes."""
    kernel_key: str
    """Signs kernel tokens; the gateway's alone."""
    portal_key: str
    """Signs portal tokens; shared by web (mints) and gateway (verifies)."""
    web_service_token: str
    """The portal's API token and OAuth client secret at the hub."""
    hub_cookie_secret: str
    """Hex, 32 bytes."""
    kernel_env: Path
    """The environment of notebooks."""
    homes: Path
    """One home directory for each person, by id."""
    spool: Path
    """Results of queries."""

    @property
    def mark(self) -> str:
        """What the portal shows to whoever asks, by which this run is told from another; no secret follows from it."""
        return hmac.digest(self.portal_key.encode(), b"swap-run", "sha256").hex()[:16]

    @property
    def server_key(self) -> str:
        """Signs tokens for saving, with which a person's server does nothing else; the gateway's alone."""
        return hmac.digest(self.kernel_key.encode(), b"swap-saving", "sha256").hex()

    @property
    def report_key(self) -> str:
        """Signs tokens for runs of reports: the worker mints them, the gateway verifies."""
        return hmac.digest(self.kernel_key.encode(), b"swap-report", "sha256").hex()

    @property
    def gateway_url(self) -> str:
        """The gateway's address, without a trailing slash.  An address, never a name: resolvers differ."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def web_url(self) -> str:
        """The portal's own address behind the proxy."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def hub_url(self) -> str:
        """The hub's own address behind the proxy; its API is below /hub/api."""
        return f"http://127.0.0.1:{self.hub_port}"


def read() -> Runtime:
    """Return the runtime this process was started in."""
    return Runtime.model_validate_json(Path(os.environ[ENVIRONMENT]).read_text(encoding="utf-8"))


def of_running(state: Path) -> Runtime | None:
    """Return the runtime of the SWAP that runs now on a state directory, if one does."""
    try:
        here = Runtime.model_validate_json((state / "runtime.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # pydantic's ValidationError is one
        return None
    return here if here.socket_directory.exists() and outermost(state) is not None else None


def outermost(state: Path) -> int | None:
    """Return the process id of the `swap up` that holds a state directory, if one does."""
    try:
        pid = int((state / "lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if psutil.pid_exists(pid) else None


def write(runtime: Runtime, path: Path) -> None:
    """Write the file, private from its first byte, in one step."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(runtime.model_dump_json(indent=1))
    draft.replace(path)
