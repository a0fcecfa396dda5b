"""Which servers run on this machine, kept as one small file for each, so that none is ever lost.

A person's server outlives the hub that started it; a restarted hub finds it here, also one that its
predecessor had no time to remember.  A number of a process that was given to another process meanwhile is
recognised by the moment the process started, and left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

from swap import child
from swap.launch.model import Running

STOP_SECONDS = 5.0
KILL_SECONDS = 5.0
_LOOK_SECONDS = 0.05


def folder(state: Path) -> Path:
    """Return where the files are."""
    return state / "servers"


def note(state: Path, server: Running) -> None:
    """Write down a server, in one step."""
    folder(state).mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder(state) / f"{server.person_id}.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(server)), encoding="utf-8")
    draft.replace(path)
    _end(state, server.person_id).unlink(missing_ok=True)


def note_end(state: Path, person_id: str, why: str) -> None:
    """Write down why a person's server ended, until the next one is started."""
    _end(state, person_id).write_text(why, encoding="utf-8")


def ended(state: Path, person_id: str) -> str:
    """Return why a person's last server ended, if it is known and none was started since."""
    try:
        return _end(state, person_id).read_text(encoding="utf-8")
    except OSError:
        return ""


def _end(state: Path, person_id: str) -> Path:
    return folder(state) / f"{person_id}.ended"


def forget(state: Path, person_id: str) -> None:
    """Remove what was written down for a person."""
    (folder(state) / f"{person_id}.json").unlink(missing_ok=True)


def find(state: Path, person_id: str) -> Running | None:
    """Return a person's server if it still runs."""
    try:
        found = Running(**json.loads((folder(state) / f"{person_id}.json").read_text(encoding="utf-8")))
        return found if is_alive(found) else None
    except (OSError, ValueError, TypeError):
        return None


def is_alive(server: Running) -> bool:
    """Tell whether exactly this process still runs."""
    seen = child.look(server.pid)
    return seen is not None and seen.started == server.started


def send(server: Running, number: signal.Signals) -> None:
    """Signal a server's process group, if it is still that process."""
    if is_alive(server):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, number)


def end(server: Running) -> bool:
    """End a server: ask, wait, kill; tell whether it has ended.  One that does not listen is killed after a while."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        send(server, number)
        until = time.monotonic() + seconds
        while is_alive(server):
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False
