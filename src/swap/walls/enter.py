"""Build one person's walls, give every power up, and become that person's server: `enter <plan>`, or after a fork.

Three processes: the *outer* one, which SWAP knows and which ends as the server ends; the *first* of the person's
own process namespace, whose end is the end of everything in it; and the server.  All three hold no capability
when the server starts, and the server is the person's own user.

Started as root; `<plan>` is the descriptor of a JSON document that `walled.py` writes.  Whatever cannot be done ends
it, with a sentence on the standard error: there is no wall less.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from swap.walls import doors, mounts, powers
from swap.walls.kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    NUMBERS,
    call,
)

FAILED: Final = 3
"""The status when a wall could not be built."""
LOG_BYTES: Final = 20_000_000
"""What a server's log holds; when more is said, it begins anew.  It lies on SWAP's disk, not on the person's."""
_PR_SET_PDEATHSIG: Final = 1
_PIECE_BYTES: Final = 65_536
_DRAIN_SECONDS: Final = 5.0


Plan = Mapping[str, Any]
Serve = Callable[[Plan], NoReturn]
"""Becomes the server, in a process that is the person's already."""


def _execute(plan: Plan) -> NoReturn:
    """Become the plan's program."""
    # Python ignores these two, and what is ignored stays so in the program that is started.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execve(plan["argv"][0], plan["argv"], plan["env"])  # noqa: S606 — the plan's own program, and no shell


def _be_the_person(plan: Plan, serve: Serve) -> NoReturn:
    powers.become(plan["uid"])
    if plan["refuse_calls"]:
        powers.refuse_calls()
    os.chdir(plan["cwd"])
    os.umask(0o077)
    serve(plan)


def _be_first(plan: Plan, outer_is_ready: int, serve: Serve) -> NoReturn:
    """Be the first process of the namespace: build the view, start the server, end with it.

    It stays root, without a capability: no process of the person's can trace it, or take its parent's end from it.
    """
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.read(outer_is_ready, 1) != b"y":  # it has ended, maybe before we asked to end with it
        os._exit(FAILED)
    call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
    mounts.build(plan)
    powers.bound()
    server = os.fork()
    if server == 0:
        _or_fail(_be_the_person, plan, serve)
    powers.drop_capabilities()
    while True:
        ended, status = os.wait()
        if ended == server:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _keep_log(said: int) -> None:
    """Write what the person's programs say into the log, our own output, until they have ended."""
    size = 0
    while piece := os.read(said, _PIECE_BYTES):
        size += len(piece)
        with contextlib.suppress(OSError):  # a full disk: what is said is lost, and the server goes on
            if size > LOG_BYTES:
                os.ftruncate(sys.stdout.fileno(), 0)
                size = len(piece)
            os.write(sys.stdout.fileno(), piece)


def _end_as(code: int) -> NoReturn:
    """End as the server ended: with its status, or by its signal."""
    number = -code if code < 0 else code - 128
    if 0 < number < signal.NSIG:
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(code if code >= 0 else FAILED)


def _or_fail(step: Any, *arguments: Any) -> None:
    try:
        step(*arguments)
    except BaseException as error:  # noqa: BLE001 — whatever it is, nothing runs behind half a wall
        print(f"The walls of this server could not be built: {error}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(FAILED)


def main() -> None:
    """Build the walls, run the server, end as it ended."""
    with os.fdopen(int(sys.argv[1]), encoding="utf-8") as file:
        plan = json.load(file)
    build(plan, _execute)


def build(plan: Plan, serve: Serve) -> None:
    """Do so in this process, which is root's, has one thread and leads a session."""
    _or_fail(_build, plan, serve)


def _end_with(parent: int) -> None:
    """End when the thread of that process ends which started us."""
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended, maybe before we asked to end with it
        os._exit(FAILED)


def _build(plan: Plan, serve: Serve) -> None:
    if platform.machine() not in NUMBERS:
        msg = f"this machine's processor, {platform.machine()}, is none of {', '.join(NUMBERS)}"
        raise OSError(msg)
    if plan["ends_with"]:
        _end_with(plan["ends_with"])
    # The first process of a namespace hears only what it listens to; Python listens to this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for joined in plan["cgroups"]:
        Path(joined).write_text("0", encoding="ascii")
    outer_is_ready, say_ready = os.pipe()
    said, say = os.pipe()
    machines_network, own_processes = (os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in ("net", "pid"))
    doors_in = doors.listen(plan["doors_in"])
    if plan["own_network"]:
        doors.enter_own_network()
    doors_out = doors.listen(plan["doors_out"])
    call("unshare", CLONE_NEWPID)
    first = os.fork()
    if first == 0:
        for output in (1, 2):
            os.dup2(say, output)
        for end in (say_ready, said, say):
            os.close(end)
        os.close(machines_network)
        os.close(own_processes)
        for listener, _ in (*doors_in, *doors_out):
            listener.close()
        _or_fail(_be_first, plan, outer_is_ready, serve)
    # No thread can be made while the next child would belong to another namespace.
    call("setns", own_processes, CLONE_NEWPID)
    # Whoever stops the server signals its process group: the server hears it, and we wait for it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    powers.bound()
    # A thread begins in the network of the one that starts it, which here is the person's.
    doors.stand_at(doors_in, lambda: None)
    doors.stand_at(doors_out, lambda: call("setns", machines_network, CLONE_NEWNET))
    powers.drop_capabilities()
    os.close(say)
    keeper = threading.Thread(target=_keep_log, args=(said,), daemon=True)
    keeper.start()
    os.write(say_ready, b"y")
    ended = os.waitpid(first, 0)[1]
    keeper.join(_DRAIN_SECONDS)
    _end_as(os.waitstatus_to_exitcode(ended))
