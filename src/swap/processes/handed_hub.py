"""What the hub is handed where people have walls: what it needs of settings, runtime and machine, and no more.

Only values, and two places that are made the hub's to write; `hub.warden` does what is said here.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from swap import bare, restarts
from swap.hub import sweeper
from swap.launch.rules import rules
from swap.processes import handed, seats
from swap.processes.handed import NAMES, SEEN, Files
from swap.runtime import Runtime
from swap.settings import Settings

FOLDER: Final = "hub"
"""The warden's directory in the state directory."""
STATE: Final = "/var/lib/swap"
"""What the hub takes for the state directory: in it is what it reads and writes there, and nothing else."""
_TEMPORARY: Final = "/tmp"  # noqa: S108 — in the view it is the hub's own, in memory: where it compares its schema
_OTHERS: Final = 0o1770
"""A directory in which the hub makes files of its own, and can neither replace nor remove another's."""


def over(settings: Settings, here: Runtime) -> dict[str, Any]:
    """Return a warden's plan, for JSON; routes, and when the directory last answered, are the hub's to write."""
    uid, folder = settings.launch.hub_uid, settings.state / FOLDER
    files = Files()
    known, urls = _settings(settings, files), handed.database(here, "hub", files)
    links = {name: files.copied(name) for name in NAMES}
    links[f"{STATE}/{restarts.FILE}"] = f"{SEEN}/{restarts.FILE}"
    written = [(str(_seen(settings.state, uid)), f"{STATE}/{sweeper.SEEN}"), (str(_routes(here, uid)),) * 2]
    view = handed.view(folder, "swap-hub", uid, links, handed.sockets(urls))
    return {
        "argv": bare.command("swap.processes.serving_hub", needs=("cryptography",)),
        "environment": _environment(settings, files),
        "told": {
            "uid": uid,
            "view": view | {"private": [_TEMPORARY], "home": written},
            "settings": known,
            "runtime": _runtime(here, urls),
        },
        "uid": uid,
        "folder": str(folder),
        "files": {**files.copies, restarts.FILE: str(settings.state / restarts.FILE)},
        "state": str(settings.state),
        "homes": str(here.homes),
        "known": seats.known(settings, here),
        "seats": bare.command("swap.processes.seats"),
        "rules": handed.plain(asdict(rules(settings, here))),
    }


def _seen(state: Path, uid: int) -> Path:
    """Return the file whose age says when the directory last answered; without one, it counts as answering now."""
    path = state / sweeper.SEEN
    if not path.exists():
        path.touch(mode=0o600)
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


def _routes(here: Runtime, uid: int) -> Path:
    """Return the directory of Traefik's routes: ours in it stay ours, and closed."""
    os.chown(here.traefik_directory, 0, uid, follow_symlinks=False)
    here.traefik_directory.chmod(_OTHERS)
    return here.traefik_directory


def _settings(settings: Settings, files: Files) -> dict[str, Any]:
    """Return the settings, with copies in the place of what is said of people in files."""
    told: dict[str, Any] = handed.plain(settings.model_dump(exclude_unset=True))
    return told | {"state": STATE, "people": handed.plain(settings.people.model_dump(exclude_unset=True), files)}


def _environment(settings: Settings, files: Files) -> dict[str, str]:
    """Return the hub's environment: of SWAP's own, the password of the directory's account, if it is there."""
    told = handed.variables(settings.people)
    return {**bare.ENVIRONMENT, "PYTHONUNBUFFERED": "1", **told, **handed.authorities(files)}


def _runtime(here: Runtime, urls: dict[str, str]) -> dict[str, Any]:
    """Return what of the runtime is the hub's: other processes' secrets are empty."""
    others = dict.fromkeys(("kernel_key", "portal_key"), "")
    return here.model_copy(update={**others, "database_urls": urls}).model_dump(mode="json")
