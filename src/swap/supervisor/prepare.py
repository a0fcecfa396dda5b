"""Make what one run needs, ports, keys, addresses, and write it to `runtime.json`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from sqlalchemy.engine import make_url

from swap import ports, runtime
from swap.db import roles
from swap.errors import Problem, SettingsError
from swap.runtime import Runtime
from swap.settings import Settings


def external_urls(settings: Settings) -> dict[str, str]:
    """Return the addresses when the site brings its own PostgreSQL: one account for every process."""
    assert settings.database.url is not None
    address = make_url(settings.database.url).set(drivername="postgresql+psycopg")
    if settings.database.password is not None:
        address = address.set(password=settings.database.password.read())
    hub = address.update_query_dict({"options": f"-csearch_path={roles.HUB_SCHEMA}"})
    return {
        process: (hub if process == "hub" else address).render_as_string(hide_password=False)
        for process in roles.ACCOUNTS
    }


def make_runtime(config: Path, settings: Settings, database_urls: dict[str, str]) -> Runtime:
    """Choose ports, read or make keys, and return the runtime; `write` puts it where the processes look."""
    gateway, web, hub, api = ports.free(4)
    kept = _kept_keys(settings.state / "secrets" / "keys.json")
    traefik = settings.state / "traefik" / "dynamic"
    shutil.rmtree(traefik, ignore_errors=True)  # last run's routes lead to last run's ports
    traefik.mkdir(parents=True)
    return Runtime(
        config=config.absolute(),
        database_urls=database_urls,
        gateway_port=gateway,
        web_port=web,
        hub_port=hub,
        traefik_api_port=api,
        traefik_api_password=secrets.token_urlsafe(24),
        traefik_directory=traefik,
        socket_directory=Path(tempfile.mkdtemp(prefix="swap-")),
        kernel_key=secrets.token_hex(32),
        portal_key=secrets.token_hex(32),
        web_service_token=secrets.token_hex(32),
        hub_cookie_secret=kept["hub_cookie_secret"],
        kernel_env=_kernel_environment(settings),
        homes=settings.state / "homes",
        spool=settings.state / "spool",
    )


def write(state: Path, made: Runtime) -> Path:
    """Write runtime.json and remove what the last one left outside the state directory."""
    path = state / "runtime.json"
    forget_sockets(path)
    runtime.write(made, path)
    return path


def forget_sockets(path: Path) -> None:
    """Remove the socket directory of an ended run; only one that is certainly ours."""
    try:
        directory = Path(json.loads(path.read_text(encoding="utf-8"))["socket_directory"])
        seen = directory.lstat()
    except (OSError, ValueError, KeyError, TypeError):
        return
    if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and directory.name.startswith("swap-"):
        shutil.rmtree(directory, ignore_errors=True)


def _kept_keys(path: Path) -> dict[str, str]:
    """Return the keys that outlive a run: with the hub's cookie secret people stay signed in over a restart."""
    try:
        keys: dict[str, str] = json.loads(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        keys = {}
    if "hub_cookie_secret" not in keys:
        keys["hub_cookie_secret"] = secrets.token_hex(32)
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            json.dump(keys, file)
        draft.replace(path)
    return keys


def _kernel_environment(settings: Settings) -> Path:
    """Return the environment of notebooks: the one named, or `kernel` beside the server's own."""
    directory = settings.kernel_env or Path(sys.prefix).parent / "kernel"
    if not os.access(directory / "bin" / "python", os.X_OK):
        raise SettingsError(
            Problem(
                f"The environment of notebooks, {directory}, has no Python that can be run.",
                todo="Make it (in a checkout: make demo), or name it as kernel_env in swap.toml.",
            )
        )
    return directory
