"""Make what one run needs: the schema, and ports, keys, addresses, written to `runtime.json`.

The supervisor does this in a process that ends: what is loaded here takes more memory than watching does.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from swap import ports, runtime, terminal
from swap import settings as settings_module
from swap.db import migrate, roles
from swap.db.embedded import EmbeddedPostgres
from swap.errors import Problem, SettingsError
from swap.runtime import Runtime
from swap.settings import Settings
from swap.supervisor import state
from swap.supervisor.model import Service, Site
from swap.supervisor.services import environment, services

Programs = Callable[[Settings, Runtime], Sequence[Service]]
"""What is kept running beside PostgreSQL; the first is ready before the others start."""


def site(config: Path) -> dict[str, Any]:
    """Return a `Site` for JSON.  Raises SettingsError."""
    settings = settings_module.load(config)
    database, origins = settings.database, settings.origins
    origins.judge_certificate()
    made = Site(
        settings.state,
        settings.site.bind,
        settings.site.port,
        settings.addresses[0].url,
        embedded=database.url is None,
        database_port=database.port,
        certificate=None if origins.pair is None else (str(origins.pair.certificate), str(origins.pair.key)),
        public_bind=origins.bind,
        public_ports=() if origins.address is None else tuple(filter(None, (origins.listens, origins.http_port))),
        mail=settings.mail is not None or bool(settings.reports.webhooks),
    )
    return asdict(made) | {"state": str(made.state)}


def everything(
    config: Path,
    runtime_file: Path,
    postgres: EmbeddedPostgres | None,
    after_database: Callable[[EmbeddedPostgres], None] | None,
    programs: Programs | None,
) -> dict[str, Any]:
    """Bring the database, which runs, to our schema, and write the runtime.

    Return the programs and their environment, for JSON.
    """
    settings = settings_module.load(config)
    if postgres is None:
        urls = external_urls(settings)
    else:
        postgres.ensure_accounts()
        urls = postgres.urls()
    with terminal.step("schema") as details:
        before, after = migrate.bring(urls["owner"])
        details.append(f"version {after}, up to date" if before == after else f"version {before or 'none'} → {after}")
    if after_database is not None and postgres is not None:
        after_database(postgres)
    here = make_runtime(config, settings, urls)
    write(runtime_file, here)
    return {
        "services": [asdict(service) for service in (programs or services)(settings, here)],
        "environment": environment(runtime_file),
    }


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


def write(path: Path, made: Runtime) -> None:
    """Write runtime.json and remove what the last one left outside the state directory."""
    state.forget_sockets(path)
    runtime.write(made, path)


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
