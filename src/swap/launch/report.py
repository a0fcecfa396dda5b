"""What a run of a report is, and is told: a program of its own in a directory of its own, and nothing of a home."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from swap.client import period
from swap.errors import Problem, Unavailable
from swap.launch.model import Launch, Rules, Seat
from swap.launch.process import Process
from swap.launch.spawn import spawn, telling

LOG = "log"


def socket(rules: Rules, run_id: str) -> Path:
    """Return on which socket a run's kernel asks for its token; a socket's path must be short."""
    return rules.sockets / f"r-{run_id[:20]}.sock"


def start(
    rules: Rules, seat: Seat, run_id: str, directory: Path, about: tuple[datetime, datetime], told: dict[str, str]
) -> Process:
    """Start what runs the notebook in a directory, for a person.  Raises OSError, Unavailable where they have walls."""
    if rules.walls or seat.uid is not None:
        raise Unavailable(
            Problem(
                "Reports do not run on this SWAP.",
                why="People's programs are behind walls here, and a report could not be behind them yet.",
            )
        )
    begin, end = about
    env = {
        **rules.environment,
        "HOME": str(directory),
        "SWAP_TOKEN_SOCKET": str(socket(rules, run_id)),
        period.START: begin.isoformat(),
        period.END: end.isoformat(),
    }
    argv = (sys.executable, "-I", "-m", "swap.lab.report", str(directory))
    launch = Launch(argv=argv, cwd=directory, log=directory / LOG, port=0, env=env)
    with telling(told) as heard:
        return spawn(launch, argv, heard, env=env, cwd=directory)
