"""The program that people's servers are forked from: it has loaded what a server runs, and read nothing of anybody's.

It has one thread, no secret and no descriptor but its channel, and nobody but root may look into it.  Whose server a
child is, and what that is told, arrives in the child: it builds its walls, becomes the person, and is then what
`python -I -m swap.lab` would be.  `python -I -m swap.launch.loaded <channel>`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import random
import runpy
import signal
import site
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from swap import channel, fork_server, logs
from swap.walls import enter, powers, title

_PARTS: Final = (
    "swap.lab.__main__",
    # What Jupyter loads by a name, as it begins.
    "jupyter_server.kernelspecs.handlers",
    "jupyter_server.nbconvert.handlers",
    "jupyter_server.services.api.handlers",
    "jupyter_server.services.config.handlers",
    "jupyter_server.services.contents.handlers",
    "jupyter_server.services.events.handlers",
    "jupyter_server.services.kernels.handlers",
    "jupyter_server.services.kernelspecs.handlers",
    "jupyter_server.services.nbconvert.handlers",
    "jupyter_server.services.security.handlers",
    "jupyter_server.services.sessions.handlers",
    "jupyter_server.services.shutdown",
    "jupyter_server.view.handlers",
    "jupyter_server_terminals.app",
    "jupyterlab.extensions.readonly",
    "jupyterlab.labapp",
    "tornado.platform.asyncio",
    # What httpx loads with its first question.
    "anyio._backends._asyncio",
    "certifi",
    "httpcore",
)
"""What a server has loaded when it answers first."""

_FIRST_OTHER: Final = 3
"""The first descriptor that is none of the standard ones."""

_INTERRUPT: Final = signal.getsignal(signal.SIGINT)
"""What Ctrl-C does in a program that is started as this one was: nothing, where whoever started it ignores it."""
_generators: list[random.Random] = []
"""Whoever made one as it was loaded would draw the same numbers in every server."""


def main() -> None:
    """Load, then fork when asked to."""
    logs.install()
    for name in _PARTS:
        importlib.import_module(name)
    powers.close()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 — names alone
    if threads != 1:
        sys.exit(f"What servers run has {threads} threads as it is loaded: nothing can be forked from it.")
    _generators.extend(each for each in gc.get_objects() if type(each) is random.Random)
    fork_server.run(_begin)


def _begin(control: socket.socket) -> None:
    """Become a server, behind the walls of its plan if there are any."""
    with control:
        try:
            order, (told, log) = channel.receive(control)
        except EOFError:  # nobody's: we were asked whether we can
            return
    for descriptor, place in ((told, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    for descriptor in (told, log):
        os.close(descriptor)
    os.umask(0o077)
    if order["walls"]:
        title.show((sys.executable, "-m", "swap.walls.enter"))
        enter.build(order["plan"], _be)
    signal.signal(signal.SIGINT, _INTERRUPT)
    os.chdir(order["plan"]["cwd"])
    _be(order["plan"])


def _be(plan: Mapping[str, Any]) -> NoReturn:
    """Be the plan's program, as a new Python would be."""
    argv, environment = plan["argv"], plan["env"]
    os.closerange(_FIRST_OTHER, os.sysconf("SC_OPEN_MAX"))
    title.show(argv, environment)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    # JupyterLab asks for these as it is loaded; they follow from the home.
    site.USER_BASE = site.USER_SITE = None
    for each in _generators:
        each.seed()
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    *_, kind, told = argv
    sys.argv[:] = [told if kind == "-m" else kind]
    status = _status(kind, told)
    # As multiprocessing ends its children: a forked process does not come to the end of the program's own file.
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _status(kind: str, told: str) -> int:
    """Run a module or a text to its end, and return the status that Python would end with."""
    try:
        if kind == "-m":
            runpy.run_module(told, run_name="__main__", alter_sys=True)
        else:
            exec(compile(told, "<string>", "exec"), vars(sys.modules["__main__"]))  # noqa: S102 — the plan's own program
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return int(end.code or 0)
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001 — as Python itself does
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


if __name__ == "__main__":
    main()
