"""What a person's Jupyter server is told: program, environment, places.  A pure function, closed by default.

Nothing is inherited from the hub's own environment, where the database's password could be found.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from swap.launch.model import Launch, Places
from swap.people.model import Person
from swap.runtime import Runtime
from swap.settings import Settings

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

HUB_SECRETS = ("JUPYTERHUB_API_TOKEN",)
HUB_PREFIX = "JUPYTERHUB_"
"""What JupyterHub tells its single-user server; nothing else of what it offers is passed on."""


def log(settings: Settings, person_id: str) -> Path:
    """Return the file a person's server writes its log to."""
    return settings.state / "logs" / f"server-{person_id}.log"


def server(
    settings: Settings,
    runtime: Runtime,
    person: Person,
    *,
    places: Places,
    port: int,
    credential: str,
    hub_environment: Mapping[str, str],
) -> Launch:
    """Return what to start for a person.

    `places` are as it will see them; it answers on `port` of loopback; `credential` is the server's alone;
    `hub_environment` is JupyterHub's part.
    """
    own_programs = str(Path(sys.executable).parent)
    env = {name: value for name, value in hub_environment.items() if name.startswith(HUB_PREFIX)}
    env |= {
        "PATH": f"{own_programs}:{SYSTEM_PATH}",
        "HOME": str(places.home),
        "LANG": "C.UTF-8",
        "TZ": settings.site.time_zone,
        "SWAP_GATEWAY": runtime.gateway_url,
        "SWAP_HOME_URL": settings.addresses[0].url,
        "SWAP_ADDRESSES": " ".join(address.url for address in settings.addresses),
        # No address of the portal's: what leads there leads to the host that was asked, and Traefik leads on to the
        # portal's host above it.
        "JUPYTERHUB_HOST": "",
        "SWAP_PERSON_NAME": person.name,
        "SWAP_TOKEN_SOCKET": str(places.token_socket),
        "SWAP_KERNEL_ENV": str(runtime.kernel_env),
        "SWAP_IDLE_HOURS": str(settings.launch.idle_hours),
        "SWAP_IDLE_TOLD_HOURS": str(settings.launch.idle_told_hours),
    }
    if settings.launch.index_url is not None:
        env["PIP_INDEX_URL"] = settings.launch.index_url
        if settings.launch.index_url.startswith("http:"):
            # Else pip does not ask it at all.
            env["PIP_TRUSTED_HOST"] = settings.launch.index_address
    if places.group is not None:
        env["SWAP_GROUP"] = str(places.group)
    if places.own_disk:
        env["SWAP_OWN_DISK"] = "1"
    secrets = {"SWAP_SERVER_CREDENTIAL": credential} | {name: env.pop(name) for name in HUB_SECRETS if name in env}
    # -I: the server starts in the home, and would else import a person's httpx.py in place of its own.
    argv = (sys.executable, "-I", "-m", "swap.lab")
    return Launch(argv=argv, cwd=places.home, log=log(settings, person.id), port=port, env=env, secrets=secrets)
