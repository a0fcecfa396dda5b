"""A portal that was taken over, and what it is after."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import services
from integration.gateway.gateways import runtime_for
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
from swap import homes
from swap import runtime as runtimes
from swap.processes import handed_web
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
        del os.environ[name]


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
