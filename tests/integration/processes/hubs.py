"""Hubs that were taken over, and servers that do as a test says: what tests weaken, and what they try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swap import ports
from wardens import TakenOver

ANN, BOB, NOBODY, ROOT = "pannaaaaaa", "pbobaaaaaa", "pnobodyaaa", "prootaaaaa"
UIDS = {ANN: 2_100_000_001, BOB: 2_100_000_002}
PORTS = dict(zip(UIDS, ports.free(len(UIDS)), strict=True))
"""Where ann's server would answer."""
SERVER = "s0123456789abcdef"

PRIVATE = {
    "others/database": "of the database",
    "secrets/wiki": "of the wiki",
    "secrets/ca.pem": "an authority",
    "secrets/databases": "enwiki",
    "secrets/swap.keytab": "of Hive",
    "secrets/directory.pem": "of the directory's authority",
    "logs/web.log": "of the portal",
    "lake/table": "of the lake",
    "spool/r1.arrow": "of a query",
    "tables/pannaaaaaa/readers/rows.parquet": "of a report",
    "traefik/static.yml": "entries",
}
ROUTES = {"swap.yml": "routes", "swap.pem.key": "of the certificate"}

IMPORTS = """
import asyncio
from swap.hub import servers
def ask(errands, method, *told):
    return kind_of(lambda: asyncio.run(getattr(servers.Far(errands), method)(*told)))
def raw(errands, word, name, *given):
    return kind_of(lambda: asyncio.run(servers.Far(errands)._ask(word, name, *given)))
"""
SERVES = """
import dataclasses
from swap.launch import server as launches
as_planned = launches.server
PROGRAM = '''import json, os, pwd, sys, time
print(json.dumps({"told": json.load(sys.stdin), "uid": os.getuid(), "name": pwd.getpwuid(os.getuid()).pw_name,
    "env": dict(os.environ), "home": os.path.expanduser("~"), "sees": os.listdir("/home")}), flush=True)
time.sleep(1000)'''
launches.server = lambda *about: dataclasses.replace(as_planned(*about), argv=(sys.executable, "-I", "-c", PROGRAM))
"""
"""What has a warden start, in the place of Jupyter, a program that tells what it is."""


class Hub(TakenOver):
    """A hub behind its walls that does as a test says, and its warden."""

    program, warded = "serving_hub", "hub"

    def ask(self, method: str, *told: Any) -> Any:
        """Return what an errand gives it, or what kind of error it was."""
        return self.try_(f"ask(errands, {method!r}, *{told!r})")

    def raw(self, word: str, name: str, given: str = "()") -> Any:
        """Return what a request of its own making gives it; `given` are descriptors, as Python."""
        return self.try_(f"raw(errands, {word!r}, {name!r}, *{given})")

    def start(self, person: str, name: str = "ann", server_id: str = SERVER) -> Any:
        """Return which process the server is that it has started, or what kind of error it was."""
        asked = f"ask(errands, 'start', {person!r}, {PORTS[person]}, {server_id!r}, {{'SWAP_PERSON_NAME': {name!r}, 'TOLD': 'x'}})"
        return self.try_(f"(lambda made: made if isinstance(made, str) else made.pid)({asked})")


Hubs = Callable[..., Hub]
