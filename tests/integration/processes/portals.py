"""Portals that were taken over, and who is in a home for them: what tests weaken, and what they try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wardens import TakenOver

ANN, BOB, NOBODY, ROOT = "pannaaaaaa", "pbobaaaaaa", "pnobodyaaa", "prootaaaaa"
UIDS = {ANN: 2_100_000_001, BOB: 2_100_000_002}
PRIVATE = {
    "others/database": "of the database",
    "secrets/wiki": "of the wiki",
    "logs/hub.log": "of the hub",
    "lake/table": "of the lake",
    "spool/r1.arrow": "of a query",
    "tables/pannaaaaaa/readers/rows.parquet": "of a report",
}
NOTEBOOK = '{"cells": [], "nbformat": 4}'

IMPORTS = "from swap.notebooks import far"
DOES_AS_TOLD = """
import errno, os, socket, sys
from swap.notebooks import at_home
def serve(home, to):
    request, _ = at_home.channel.receive(to)
    try:
        value = eval(request.get("path") or request["do"], {**globals(), "home": home._directory})
    except OSError as error:
        value = errno.errorcode[error.errno]
    at_home.channel.send(to, {"value": value})
at_home.serve = serve
"""
NOT_THE_PERSON = "from swap.walls import powers\npowers.turn_into = lambda *_: None\n"
HOME_WITHOUT_VIEW = "from swap.walls import mounts\nmounts.build = lambda plan: None\n"
HOME_WITH_NETWORK = "from swap.walls import cell\ncell.CLONE_NEWNET = 0\n"


def at_home(weaken: str) -> str:
    """Return what lets the warden begin other processes in homes."""
    program = f"{weaken}\nimport sys\nfrom swap import fork_server\nsys.argv[1:] = ['swap.notebooks.at_home', sys.argv[-1]]\nfork_server.main()"
    return f"from swap.notebooks import warden as own\nown.PROGRAM = [sys.executable, '-P', '-c', {program!r}]"


class Portal(TakenOver):
    """A portal behind its walls that does as a test says, and its warden."""

    program, warded = "serving_web", "web"


Portals = Callable[..., Portal]


def outcome(portal: Portal, person: str, attempt: str) -> Any:
    """Return what an attempt in a home gives the portal, or what kind of error it was."""
    return portal.try_(f"kind_of(lambda: (lambda place: {attempt})(far.Far(errands).home({person!r})))")
