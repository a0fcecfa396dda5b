"""What the portal is handed where people have walls: what it needs of settings, runtime and machine, and no more.

Only values: `notebooks.warden` does what is said here.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from swap import bare, r, restarts
from swap.processes import handed, seats
from swap.processes.handed import NAMES, SEEN, Files
from swap.reading.program import PROGRAM, READING
from swap.runtime import Runtime
from swap.settings import Launch, Settings
from swap.walls.cell import Cell
from swap.walls.copies import NOTEBOOKS
from swap.walls.warden import VIEW
from swap.web import shelf

FOLDER: Final = "portal"
"""The warden's directory in the state directory."""
_TEMPORARY: Final = "/tmp"  # noqa: S108 — in the view it is the portal's own, in memory: what comes in as a file


def over(settings: Settings, here: Runtime) -> dict[str, Any]:
    """Return a warden's plan, for JSON."""
    launch, folder = settings.launch, settings.state / FOLDER
    files = Files()
    urls = handed.database(here, "web", files)
    links = {name: files.copied(name) for name in NAMES}
    shown = [*handed.sockets(urls), shelf.docs(), shelf.news(), *_of_r()]
    view = handed.view(folder, "swap-portal", launch.portal_uid, links, shown) | {"private": [_TEMPORARY]}
    return {
        "argv": bare.command("swap.processes.serving_web", needs=("pygments",)),
        "environment": {**bare.ENVIRONMENT, "PYTHONUNBUFFERED": "1", **handed.authorities(files)},
        "told": {
            "uid": launch.portal_uid,
            "view": view,
            "settings": _settings(settings),
            "runtime": _runtime(here, urls),
        },
        "uid": launch.portal_uid,
        "folder": str(folder),
        "files": {**files.copies, restarts.FILE: str(settings.state / restarts.FILE)},
        "notebooks": str(settings.examples or ""),
        "state": str(settings.state),
        "homes": str(here.homes),
        "known": seats.known(settings, here),
        "disk_bytes": launch.disk_bytes,
        "cells": cells(launch, folder),
        "seats": bare.command("swap.processes.seats"),
    }


def cells(launch: Launch, folder: Path) -> dict[str, Any]:
    """Return what is in cells: its program, its environment, the cell."""
    return {READING: (PROGRAM, bare.ENVIRONMENT, asdict(Cell(launch.notebooks_uid, str(folder / VIEW))))}


def _settings(settings: Settings) -> dict[str, Any]:
    """Return the settings; of their files the portal has the copies of those that it reads."""
    told: dict[str, Any] = handed.plain(settings.model_dump(exclude_unset=True))
    told["state"] = SEEN
    if settings.examples is not None:
        told["examples"] = f"{SEEN}/{NOTEBOOKS}"
    return told


def _runtime(here: Runtime, urls: dict[str, str]) -> dict[str, Any]:
    """Return what of the runtime is the portal's: other processes' secrets are empty."""
    others = dict.fromkeys(("traefik_api_password", "kernel_key", "hub_cookie_secret"), "")
    return here.model_copy(update={**others, "database_urls": urls}).model_dump(mode="json")


def _of_r() -> list[Path]:
    """Return by what the portal sees whether notebooks can be in R."""
    program = r.program()
    return [] if program is None else [Path(program), *(each for each in r.LIBRARIES if each.is_dir())]
