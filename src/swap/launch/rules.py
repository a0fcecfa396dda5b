"""What of settings and runtime people's servers are started by."""

from __future__ import annotations

import sys
from pathlib import Path

from swap.launch.model import Rules
from swap.runtime import Runtime
from swap.settings import Settings

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def rules(settings: Settings, runtime: Runtime) -> Rules:
    """Return them in plain values."""
    launch = settings.launch
    return Rules(
        state=settings.state,
        homes=runtime.homes,
        sockets=runtime.socket_directory,
        kernel_env=runtime.kernel_env,
        gateway_port=runtime.gateway_port,
        hub_port=runtime.hub_port,
        environment=environment(settings, runtime),
        walls=launch.isolation == "user",
        memory_bytes=launch.memory_bytes,
        cpus=launch.cpus,
        processes=launch.processes,
        disk_bytes=launch.disk_bytes,
        reach=launch.reach,
    )


def environment(settings: Settings, runtime: Runtime) -> dict[str, str]:
    """Return what every server is told.

    Nothing is inherited from our own environment, where the database's password could be found.
    """
    env = {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "TZ": settings.site.time_zone,
        "SWAP_GATEWAY": runtime.gateway_url,
        "SWAP_HOME_URL": settings.addresses[0].url,
        "SWAP_ADDRESSES": " ".join(address.url for address in settings.addresses),
        "SWAP_KERNEL_ENV": str(runtime.kernel_env),
        "SWAP_IDLE_HOURS": str(settings.launch.idle_hours),
        "SWAP_IDLE_TOLD_HOURS": str(settings.launch.idle_told_hours),
    }
    if settings.launch.index_url is not None:
        env["PIP_INDEX_URL"] = settings.launch.index_url
        if settings.launch.index_url.startswith("http:"):
            # Else pip does not ask it at all.
            env["PIP_TRUSTED_HOST"] = settings.launch.index_address
    return env
