"""What the launcher tells the Jupyter server, read from the environment once and then forgotten.

The secrets arrive on the standard input (hiding.py) and pass through `os.environ`, where JupyterHub looks for its own;
the credential is taken out while it is read: no kernel, terminal or log can inherit it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from swap.errors import Problem, SettingsError

SECRETS = ("SWAP_SERVER_CREDENTIAL", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
"""What must not stay in `os.environ` once the server runs; the hub's two are needed until then."""

TOLD = (
    *SECRETS,
    "SWAP_PERSON_NAME",
    "JUPYTERHUB_ACTIVITY_URL",
    "JUPYTERHUB_API_URL",
    "JUPYTERHUB_BASE_URL",
    "JUPYTERHUB_CLIENT_ID",
    "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED",
    "JUPYTERHUB_COOKIE_OPTIONS",
    "JUPYTERHUB_DEFAULT_URL",
    "JUPYTERHUB_DISABLE_USER_CONFIG",
    "JUPYTERHUB_HOST",
    "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
    "JUPYTERHUB_OAUTH_CALLBACK_URL",
    "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES",
    "JUPYTERHUB_OAUTH_SCOPES",
    "JUPYTERHUB_PUBLIC_HUB_URL",
    "JUPYTERHUB_PUBLIC_URL",
    "JUPYTERHUB_SERVER_NAME",
    "JUPYTERHUB_SERVICE_PREFIX",
    "JUPYTERHUB_SERVICE_URL",
    "JUPYTERHUB_USER",
)
"""What the hub tells a server on its standard input.  Nothing else it says is heard: another variable of JupyterHub's
names a class to be loaded, a directory to be shown."""

PIP_NAMES = ("PIP_INDEX_URL", "PIP_TRUSTED_HOST")
"""What pip is told of where packages come from."""

KERNEL_NAMES = ("SWAP_GATEWAY", "SWAP_HOME_URL", "SWAP_TOKEN_SOCKET", "SWAP_KERNEL_ENV", *PIP_NAMES)
"""What a kernel and a terminal get of ours."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Addresses, names and paths of one person's server."""

    gateway: str
    """The gateway's address, without a trailing slash."""
    home_url: str
    """The portal's address, without a trailing slash: the public one, if there is one."""
    person_name: str
    credential: str = field(repr=False)
    """Renews kernel tokens and hears of the end of access; this process alone holds it."""
    token_socket: Path
    kernel_env: Path
    """The environment notebooks run in."""
    home: Path
    """The person's home directory."""
    root: Path
    """The directory Lab shows: the home, or what the hub names."""
    language: str
    time_zone: str | None
    idle_hours: float = 0.0
    """After which a server ends in which nothing has happened; 0 is never."""
    idle_told_hours: float = 0.0
    """How long before that its person is told."""
    pip: tuple[tuple[str, str], ...] = ()
    """Variables that tell pip where packages come from."""
    addresses: tuple[str, ...] = ()
    """Each address of the portal, when there is more than one."""
    group: Path | None = None
    """Where the person's control group is shown, if there is one."""
    own_disk: bool = False
    """Whether the home is on a disk of the person's own."""

    def home_of(self, host: str) -> str:
        """Return the portal's address for whoever came to this server by a Host header."""
        return self._above(host) or self.home_url

    def tls(self, host: str) -> bool:
        """Tell whether a browser that asks with this Host header speaks TLS.  Traefik keeps the addresses apart."""
        return self._above(host).startswith("https://")

    def _above(self, host: str) -> str:
        """Return the address whose host this one is directly below, or nothing; its port does not matter."""
        name = host.lower().partition(":")[0].partition(".")[2]
        return next((address for address in self.addresses if urlsplit(address).hostname == name), "")


def take(environ: MutableMapping[str, str]) -> Environment:
    """Read the environment and take the credential out of it.

    Raises SettingsError that names every variable that is missing.
    """
    needed = (
        "SWAP_GATEWAY",
        "SWAP_HOME_URL",
        "SWAP_PERSON_NAME",
        "SWAP_SERVER_CREDENTIAL",
        "SWAP_TOKEN_SOCKET",
        "SWAP_KERNEL_ENV",
        "HOME",
    )
    missing = [name for name in needed if not environ.get(name)]
    if missing:
        raise SettingsError(
            Problem(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
                why="python -m swap.lab is started by SWAP's hub, which sets them.",
                todo="Start a server from SWAP's home page.",
            )
        )
    return Environment(
        gateway=environ["SWAP_GATEWAY"].rstrip("/"),
        home_url=environ["SWAP_HOME_URL"].rstrip("/"),
        person_name=environ["SWAP_PERSON_NAME"],
        credential=environ.pop("SWAP_SERVER_CREDENTIAL"),
        token_socket=Path(environ["SWAP_TOKEN_SOCKET"]),
        kernel_env=Path(environ["SWAP_KERNEL_ENV"]),
        home=Path(environ["HOME"]),
        root=Path(environ.get("JUPYTERHUB_ROOT_DIR") or environ["HOME"]),
        language=environ.get("LANG", "C.UTF-8"),
        time_zone=environ.get("TZ"),
        idle_hours=float(environ.get("SWAP_IDLE_HOURS") or 0),
        idle_told_hours=float(environ.get("SWAP_IDLE_TOLD_HOURS") or 0),
        pip=tuple((name, environ[name]) for name in PIP_NAMES if environ.get(name)),
        addresses=tuple(environ.get("SWAP_ADDRESSES", "").split()),
        group=Path(group) if (group := environ.get("SWAP_GROUP")) else None,
        own_disk=environ.get("SWAP_OWN_DISK") == "1",
    )
