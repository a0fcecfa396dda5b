"""Workers that were taken over, and runs that do as a test says: what tests weaken, and what they try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wardens import TakenOver

FILES = "data files"
"""The directory of the files that reports keep."""
CLAIM = "0123456789abcdef-1"
IMPORTS = """
import dataclasses
from swap.reports import far
going = {}
def raw(errands, word, name, *given):
    return kind_of(lambda: dataclasses.asdict(far.FarRun(errands.ask(f"{word} {name}", *given)).end()))
def begin(errands, person, claim):
    ours, theirs = socket.socketpair()
    run = far.Far(errands).begin(person, claim, theirs.fileno())
    theirs.close()
    try:
        ours.sendall(b"what nobody else reads")
        ours.shutdown(socket.SHUT_WR)
        told = ours.makefile("rb").read()
    except ConnectionError:  # it was refused
        told = b""
    if not told:
        return kind_of(lambda: dataclasses.asdict(run.end()))
    going[claim] = run
    return json.loads(told)
def end(claim):
    return dataclasses.asdict(going.pop(claim).end())
"""
RUNS = """
from swap.launch import report
PROGRAM = '''import json, os, socket, sys, time
worker = socket.socket(fileno=os.dup(0))
told = worker.makefile("rb").read().decode()
print("it said this", flush=True)
home = os.path.expanduser("~")
worker.sendall(json.dumps({"told": told, "uid": os.getuid(), "env": dict(os.environ), "sees": os.listdir("/home"),
    "home": home, "there": os.listdir(home)}).encode())
worker.shutdown(socket.SHUT_WR)
time.sleep(1000)'''
report.ARGV = (sys.executable, "-I", "-c", PROGRAM)
"""
"""What has a warden begin, in the place of a notebook, a program that tells what it is."""


class Press(TakenOver):
    """A worker behind its walls that does as a test says, and its warden."""

    program, warded = "serving_worker", "worker"

    def raw(self, word: str, name: str, given: str = "()") -> Any:
        """Return what a request of its own making gives it; `given` are descriptors, as Python."""
        return self.try_(f"raw(errands, {word!r}, {name!r}, *{given})")

    def begin(self, person: str, claim: str = CLAIM) -> Any:
        """Return what a run that it has begun tells, or what kind of error it was."""
        return self.try_(f"begin(errands, {person!r}, {claim!r})")

    def end(self, claim: str = CLAIM) -> Any:
        """Return what a run left that it has ended."""
        return self.try_(f"end({claim!r})")


Presses = Callable[..., Press]
