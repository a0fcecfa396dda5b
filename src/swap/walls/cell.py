"""Shut a program of SWAP's own in: no network, no file but programs, no power, and a user who owns nothing.

What reads what strangers wrote, such as a statement or a file, is shut in before it reads any of it.  There is no
cell less: what cannot be built ends the program.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from swap.walls import mounts, powers
from swap.walls.kernel import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUTS, call

ENVIRONMENT: Final = "SWAP_CELL"
"""The variable of a program's environment that says in which cell it goes, as JSON."""
LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo")
"""What programs load as they need it; where one is a link, it is one in the view."""
CLOSED: Final = "SWAP_CLOSED"
"""The variable that says that nobody but root may look into a program, though it is in no cell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Who a program becomes, and what is left to it."""

    uid: int
    view: str
    """A directory of SWAP's own, made if need be, over which the view is laid."""
    reads_whatever_it_is_given: bool = False
    """Whether it may read below an open directory that it is handed, whoever owns what is there."""
    becomes_whom_it_is_told: bool = False
    """Whether what is forked from it may become another user: it does so before it does anything else."""

    @classmethod
    def told(cls) -> Self | None:
        """Return the cell that this program was started for."""
        return cls(**json.loads(os.environ[ENVIRONMENT])) if ENVIRONMENT in os.environ else None

    @property
    def powers(self) -> int:
        """What it keeps of root's powers."""
        return (powers.READ_ALL if self.reads_whatever_it_is_given else powers.NONE) | (
            powers.BECOME if self.becomes_whom_it_is_told else powers.NONE
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells it to a program."""
        return {ENVIRONMENT: json.dumps(asdict(self))}


def shut_in(cell: Cell) -> None:
    """Shut this process, which is root's and has one thread, and all that it will ever fork, in.  Raises OSError."""
    Path(cell.view).mkdir(mode=0o700, parents=True, exist_ok=True)
    call("unshare", CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
    mounts.build(_view(cell))
    powers.bound()
    # From here on nobody but root can trace this process, nor what it forks: they are alike, and keep apart.
    powers.become(cell.uid, cell.powers)
    powers.refuse_calls()


def enclose(uid: int, view: Mapping[str, Any]) -> None:
    """Make this process, which is root's and has one thread, a user's with nothing but a view.  Raises OSError.

    It keeps the machine's network.  Nobody but root can trace it, and nothing that it starts can look into others.
    """
    call("unshare", CLONE_NEWNS | CLONE_NEWIPC)
    mounts.build(view)
    powers.bound()
    powers.become(uid)
    powers.close()
    powers.refuse_calls((*powers.REFUSED, *powers.LOOKING_IN))
    os.umask(0o077)


class Begun(NamedTuple):
    """A fork server that was started."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    words: socket.socket | None
    """What it and its children say, where they are in a cell; nobody can open our log through it."""


def begin(program: Sequence[str], environment: Mapping[str, str], cell: Cell | None = None) -> Begun:
    """Start a fork server, in a cell if there is one.  Raises OSError."""
    channel, theirs = socket.socketpair()
    words, said = socket.socketpair() if cell is not None else (None, None)
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 — our own program with our own arguments
                [*program, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if said is None else said.fileno(),
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={**environment, **({} if cell is None else cell.environment)},
                process_group=0,
            )
    except OSError:
        channel.close()
        if words is not None:
            words.close()
        raise
    finally:
        if said is not None:
            said.close()
    return Begun(process, channel, words)


def _view(cell: Cell) -> dict[str, object]:
    """Return what is there, to be read: what Python imports, and the libraries.

    No place where a site may keep secrets: whoever may read whatever there is has to find none.
    """
    links = {each: str(Path(each).readlink()) for each in LIBRARIES if Path(each).is_symlink()}
    shown = [Path(each) for each in LIBRARIES if each not in links]
    # Where our package lies, and what else is imported from; a relative entry would be the directory we are in.
    shown += [Path(__file__).parents[2], *(Path(each) for each in sys.path if Path(each).is_absolute())]
    return {
        "root": cell.view,
        "links": links,
        "readable": [(str(path), str(path)) for path in mounts.outermost(path for path in shown if path.is_dir())],
        "files": {},
        "scratch": [],
        "private": [],
        "home": [],
        # Who is somebody's alone sees nobody else.
        "proc": "hidepid=2" if cell.becomes_whom_it_is_told else "",
    }
