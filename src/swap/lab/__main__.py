"""`python -m swap.lab`: start one person's Jupyter server.  The hub starts it; nobody types this."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from traitlets.config import Config

from swap import logs
from swap.errors import SwapError
from swap.lab import (
    ending,
    hiding,
    specs,
    unloaded,  # noqa: F401 — before what would load it
)
from swap.lab.app import SwapServer
from swap.lab.config import LABEXTENSION, PACKAGE, build
from swap.lab.environment import Environment, take


def private_directory(environment: Environment) -> Path:
    """Make this server's own directory afresh, beside its socket, and return it."""
    private = environment.token_socket.with_suffix(".d")
    shutil.rmtree(private, ignore_errors=True)
    private.mkdir(mode=0o700, parents=True)
    for part in ("run", "config"):
        (private / part).mkdir(mode=0o700)
    return private


def lay_out(environment: Environment, private: Path) -> None:
    """Write the kernelspecs and point at our built extension."""
    specs.lay_out(environment, private)
    extension = private / "labextensions" / LABEXTENSION
    extension.parent.mkdir(parents=True)
    extension.symlink_to(PACKAGE / "labextension", target_is_directory=True)


def main() -> int:
    """Seal the process, build the configuration, serve until told to stop."""
    logs.install()
    hiding.seal_process()
    os.environ.update(hiding.told())
    try:
        environment = take(os.environ)
    except SwapError as error:
        print(error, file=sys.stderr)  # noqa: T201 — the hub's log and `swap doctor` show it
        return 2
    private = private_directory(environment)
    lay_out(environment, private)
    os.environ.update(
        JUPYTER_CONFIG_DIR=str(private / "config"),
        JUPYTER_RUNTIME_DIR=str(private / "run"),
        JUPYTER_PREFER_ENV_PATH="1",
    )
    for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "PYTHONPATH", "PYTHONSTARTUP"):
        os.environ.pop(name, None)
    # Jupyter would look for configuration in the working directory.
    os.chdir(private)
    SwapServer.environment = environment
    prefix = Path(sys.prefix)
    lab_page = (prefix / "share/jupyter/lab/static/index.html").read_text(encoding="utf-8")
    SwapServer.configuration = Config(
        build(environment, private=private, prefix=prefix, lab_page=lab_page, root_user=os.geteuid() == 0)
    )
    try:
        SwapServer.launch_instance([])
    finally:
        # A kernel may have been started again while the others were ended.
        ending.kill_children()
        with contextlib.suppress(OSError):
            shutil.rmtree(private)
    return 0


if __name__ == "__main__":
    sys.exit(main())
