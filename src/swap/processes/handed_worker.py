"""What the worker is handed where people have walls: what it needs of settings, runtime and machine, and no more.

Only values: `reports.warden` does what is said here.  The directory of data files is given to its user.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from swap import bare
from swap.launch.rules import rules
from swap.processes import handed, seats
from swap.processes.handed import NAMES, SEEN, Files
from swap.reports import writing
from swap.runtime import Runtime
from swap.settings import Settings

FOLDER: Final = "worker"
"""The warden's directory in the state directory."""


def over(settings: Settings, here: Runtime) -> dict[str, Any]:
    """Return a warden's plan, for JSON."""
    uid, folder = settings.launch.worker_uid, settings.state / FOLDER
    files = Files()
    urls = handed.database(here, "worker", files)
    links = {name: files.copied(name) for name in NAMES}
    written = settings.reports.files
    if written is not None:
        writing.hand_over(written, uid)
    return {
        "argv": bare.command("swap.processes.serving_worker"),
        "environment": {**bare.ENVIRONMENT, "PYTHONUNBUFFERED": "1", **handed.authorities(files)},
        "told": {
            "uid": uid,
            "view": handed.view(folder, "swap-worker", uid, links, handed.sockets(urls))
            | {"home": [] if written is None else [(str(written), str(written))]},
            "settings": _settings(settings),
            "runtime": _runtime(here, urls),
            # Of the key that it follows from, which signs kernels' tokens too, it hears nothing.
            "report_key": here.report_key,
        },
        "uid": uid,
        "folder": str(folder),
        "files": files.copies,
        "state": str(settings.state),
        "homes": str(here.homes),
        "known": seats.known(settings, here),
        "seats": bare.command("swap.processes.seats"),
        "rules": handed.plain(asdict(rules(settings, here))),
        "at_once": settings.reports.at_once,
    }


def _settings(settings: Settings) -> dict[str, Any]:
    """Return those settings that the worker reads."""
    told: dict[str, Any] = handed.plain(settings.model_dump(exclude_unset=True, include={"reports", "keep"}))
    return told | {"state": SEEN}


def _runtime(here: Runtime, urls: dict[str, str]) -> dict[str, Any]:
    """Return what of the runtime is the worker's: other processes' secrets are empty."""
    secrets = ("traefik_api_password", "kernel_key", "portal_key", "web_service_token", "hub_cookie_secret")
    return here.model_copy(update={**dict.fromkeys(secrets, ""), "database_urls": urls}).model_dump(mode="json")
