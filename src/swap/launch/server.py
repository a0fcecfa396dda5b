"""What a person's Jupyter server is: program, environment, places; and what it alone is told.  Closed by default."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from swap.launch.model import Launch, Places, Rules

HUB_PREFIX = "JUPYTERHUB_"
"""What JupyterHub tells its single-user server; nothing else of what it offers is passed on."""


def log(state: Path, person_id: str) -> Path:
    """Return the file a person's server writes its log to."""
    return state / "logs" / f"server-{person_id}.log"


def server(rules: Rules, person_id: str, places: Places, port: int) -> Launch:
    """Return what to start for a person: `places` are as it will see them; it answers on `port` of loopback."""
    env = {**rules.environment, "HOME": str(places.home), "SWAP_TOKEN_SOCKET": str(places.token_socket)}
    if places.group is not None:
        env["SWAP_GROUP"] = str(places.group)
    if places.own_disk:
        env["SWAP_OWN_DISK"] = "1"
    # -I: the server starts in the home, and would else import a person's httpx.py in place of its own.
    argv = (sys.executable, "-I", "-m", "swap.lab")
    return Launch(argv=argv, cwd=places.home, log=log(rules.state, person_id), port=port, env=env)


def told(name: str, credential: str, hub_environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a person's server is told on its standard input, and whoever starts it does not read.

    `credential` is the server's alone, `hub_environment` is JupyterHub's part.  An environment could be read from
    outside for as long as a process lives, by its own user and by root.
    """
    return {name: value for name, value in hub_environment.items() if name.startswith(HUB_PREFIX)} | {
        # No address of the portal's: what leads there leads to the host that was asked, and Traefik leads on to the
        # portal's host above it.
        "JUPYTERHUB_HOST": "",
        "SWAP_PERSON_NAME": name,
        "SWAP_SERVER_CREDENTIAL": credential,
    }
