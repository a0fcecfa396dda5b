"""A portal, a hub and a worker that were taken over, and what they are after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import services
from integration.gateway.gateways import runtime_for
from integration.processes import hubs as hub
from integration.processes import presses as press
from integration.processes.portals import (
    IMPORTS,
    NOTEBOOK,
    PRIVATE,
    ROOT,
    UIDS,
    Portal,
    Portals,
    at_home,
)
from integration.processes.test_warded import SETTINGS
from swap import homes, ports
from swap import runtime as runtimes
from swap.launch import running
from swap.launch.limits import find, whose
from swap.processes import handed_hub, handed_web, handed_worker
from swap.runtime import Runtime
from swap.settings import load


@pytest.fixture(scope="module")
def state(module_database: services.Database) -> Iterator[Path]:
    """A state directory as root's SWAP has it: others may pass through, and read nothing."""
    with tempfile.TemporaryDirectory(prefix="swap-state-") as made:
        state = Path(made)
        state.chmod(0o711)
        for name, content in PRIVATE.items():
            (state / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (state / name).touch(mode=0o600)
            (state / name).write_text(content, encoding="utf-8")
        (state / "examples").mkdir(mode=0o700)
        (state / "examples" / "first.ipynb").write_text(NOTEBOOK, encoding="utf-8")
        (state / "socket").mkdir(mode=0o755)
        (state / "swap.toml").touch(mode=0o600)
        (state / "swap.toml").write_text(
            'examples = "examples"\n' + SETTINGS.format(socket=state / "socket"), encoding="utf-8"
        )
        for person, uid in UIDS.items():
            home = homes.make(state / "homes", person, uid)
            for name in ("mine.ipynb", ".hidden.ipynb", "notes.txt"):
                (home / name).write_text(f"{name} of {person}", encoding="utf-8")
                (home / name).chmod(0o600)
                os.chown(home / name, uid, uid)
        yield state


@pytest.fixture(scope="module")
def made(state: Path, module_database: services.Database) -> Iterator[dict[str, Any]]:
    """What its warden is planned to do."""
    here = runtime_for(module_database, state).model_copy(update={"homes": state / "homes"})
    runtimes.write(here, state / "runtime.json")
    told = {
        "SWAP_TEST_LDAP": "of the directory",
        "SWAP_TEST_STORE": "of the store",
        runtimes.ENVIRONMENT: str(state / "runtime.json"),
    }
    os.environ.update(told)
    yield handed_web.over(load(state / "swap.toml"), here) | {"known": {**UIDS, ROOT: 0}}
    for name in told:
        os.environ.pop(name, None)


@pytest.fixture(scope="module")
def portals(made: dict[str, Any]) -> Iterator[Portals]:
    """Portals that were taken over, each with some of its walls down, or those of who is in a home."""
    known: dict[tuple[str, str], Portal] = {}

    def one(*weaken: str, home: str = "") -> Portal:
        key = "\n".join((IMPORTS, *weaken)), at_home(home) if home else ""
        if key not in known:
            known[key] = Portal(made, *key)
        return known[key]

    yield one
    for each in known.values():
        each.close()


@pytest.fixture(scope="module")
def taken(portals: Portals) -> Portal:
    """One with all of them."""
    return portals()


@pytest.fixture(scope="module")
def victim() -> Iterator[int]:
    """A process of the machine's, root's."""
    with subprocess.Popen(["sleep", "1000"], env={"SECRET": "of root"}) as process:
        yield process.pid
        process.kill()


# ── hubs ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def hub_state() -> Iterator[Path]:
    """A state directory as root's SWAP has it: others may pass through, and read nothing."""
    with tempfile.TemporaryDirectory(prefix="swap-state-") as made:
        state = Path(made)
        state.chmod(0o711)
        private = hub.PRIVATE | {f"traefik/dynamic/{name}": content for name, content in hub.ROUTES.items()}
        for name, content in private.items():
            (state / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (state / name).touch(mode=0o600)
            (state / name).write_text(content, encoding="utf-8")
        (state / "socket").mkdir(mode=0o755)
        (state / "swap.toml").touch(mode=0o600)
        ldap = 'base = "dc=example"\nca = "secrets/directory.pem"'
        settings = SETTINGS.format(socket=state / "socket").replace('base = "dc=example"', ldap)
        (state / "swap.toml").write_text(settings, encoding="utf-8")
        for person, uid in hub.UIDS.items():
            home = homes.make(state / "homes", person, uid)
            (home / "notes").write_text(f"of {person}", encoding="utf-8")
            (home / "notes").chmod(0o600)
            os.chown(home / "notes", uid, uid)
        yield state
        groups = find()
        for person in hub.UIDS:
            groups.remove(whose(state, person))


@pytest.fixture(scope="module")
def hub_here(hub_state: Path, module_database: services.Database) -> Iterator[Runtime]:
    """Where their processes would find one another."""
    gateway_port, hub_port = ports.free(2)
    here = runtime_for(module_database, hub_state, gateway_port).model_copy(
        update={
            "hub_port": hub_port,
            "homes": hub_state / "homes",
            "traefik_directory": hub_state / "traefik" / "dynamic",
            "kernel_env": Path(sys.prefix).parent / "kernel",
        }
    )
    runtimes.write(here, hub_state / "runtime.json")
    told = {
        "SWAP_TEST_LDAP": "of the directory",
        "SWAP_TEST_STORE": "of the store",
        runtimes.ENVIRONMENT: str(hub_state / "runtime.json"),
    }
    os.environ.update(told)
    yield here
    for name in told:
        os.environ.pop(name, None)


@pytest.fixture(scope="module")
def hub_made(hub_state: Path, hub_here: Runtime) -> dict[str, Any]:
    """What their warden is planned to do."""
    return handed_hub.over(load(hub_state / "swap.toml"), hub_here) | {"known": {**hub.UIDS, hub.ROOT: 0}}


@pytest.fixture(scope="module")
def hubs(hub_made: dict[str, Any], hub_state: Path) -> Iterator[hub.Hubs]:
    """Hubs that were taken over, each with some of its walls down."""
    known: dict[str, hub.Hub] = {}

    def one(*weaken: str) -> hub.Hub:
        key = "\n".join((hub.IMPORTS, *weaken))
        if key not in known:
            known[key] = hub.Hub(hub_made, key, hub.SERVES)
        return known[key]

    yield one
    for person in hub.UIDS:
        if (server := running.find(hub_state, person)) is not None:
            running.send(server, signal.SIGKILL)
    for each in known.values():
        each.close()


# ── workers ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def press_made(hub_state: Path, hub_here: Runtime) -> dict[str, Any]:
    """What their warden is planned to do."""
    settings = load(hub_state / "swap.toml")
    files = settings.reports.model_copy(update={"files": hub_state / press.FILES})
    made = handed_worker.over(settings.model_copy(update={"reports": files}), hub_here)
    return made | {"known": {**hub.UIDS, hub.ROOT: 0}}


@pytest.fixture(scope="module")
def presses(press_made: dict[str, Any]) -> Iterator[press.Presses]:
    """Workers that were taken over, each with some of its walls down."""
    known: dict[str, press.Press] = {}

    def one(*weaken: str) -> press.Press:
        key = "\n".join((press.IMPORTS, *weaken))
        if key not in known:
            known[key] = press.Press(press_made, key, press.RUNS)
        return known[key]

    yield one
    for each in known.values():
        each.close()
