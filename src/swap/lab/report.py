"""`python -I -m swap.lab.report <directory>`: run a notebook once, for a report.  A worker starts it.

In the directory lies `notebook.ipynb`; what is run comes back as `executed.ipynb`, and what became of it, as
`outcome.json`, last.  Its token it is told on its standard input, and gives it to its kernel alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from swap import logs
from swap.client import period
from swap.errors import Unavailable
from swap.lab import hiding, specs
from swap.lab.config import KERNEL, transport
from swap.lab.environment import PIP_NAMES, Environment
from swap.lab.kernels import ListedKernelSpecs, closed
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token
from swap.r import KERNEL as R_KERNEL

NOTEBOOK: Final = "notebook.ipynb"
EXECUTED: Final = "executed.ipynb"
OUTCOME: Final = "outcome.json"
WORK: Final = "work"
"""The directory the notebook runs in, which is its home."""
_PR_SET_PDEATHSIG: Final = 1
_STARTUP_SECONDS: Final = 120
_PASSING: Final = frozenset({Unavailable.__name__})
"""What a cell fails with where a store or the gateway is away."""


class RunKernel(AsyncKernelManager):
    """Starts the kernel with a closed environment, and the period in it."""

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        command, arguments = await super()._async_pre_start_kernel(**kw)
        about = {name: os.environ[name] for name in (period.START, period.END)}
        arguments["env"] = closed(arguments["env"]) | about
        return command, arguments

    # As Jupyter's own sub-classes do.
    pre_start_kernel = _async_pre_start_kernel


class Run:
    """One execution: the notebook, and how far it came."""

    def __init__(self, directory: Path, environment: Environment, token: Token, seconds: float) -> None:
        self._directory = directory
        self._environment = environment
        self._token = token
        self._seconds = seconds
        self._private = environment.token_socket.with_suffix(".d")
        text = (directory / NOTEBOOK).read_text(encoding="utf-8", errors="surrogatepass")
        self._notebook: NotebookNode = nbformat.from_dict(json.loads(text))  # type: ignore[no-untyped-call]
        self._cell = 0

    async def run(self) -> None:
        """Run it, and write down what became of it."""
        shutil.rmtree(self._private, ignore_errors=True)
        (self._private / "run").mkdir(mode=0o700, parents=True)
        socket = TokenSocket(self._environment.token_socket, self._give)
        await socket.start()
        try:
            specs.lay_out(self._environment, self._private)
            outcome = await self._execute()
        finally:
            await socket.stop()
            shutil.rmtree(self._private, ignore_errors=True)
        self._write(EXECUTED, self._notebook)
        self._write(OUTCOME, outcome)

    async def _give(self, _pid: int, _claimed: str) -> Token:
        return self._token

    async def _execute(self) -> dict[str, Any]:
        kernel = RunKernel(
            kernel_name=self._kernel_name(),
            kernel_spec_manager=ListedKernelSpecs(
                ensure_native_kernel=False,
                allowed_kernelspecs={KERNEL, R_KERNEL},
                kernel_dirs=[str(self._private / "kernels")],
            ),
            # Its sockets have their names from it.
            connection_file=str(self._private / "run" / f"kernel-{uuid.uuid4()}.json"),
            **transport(self._private / "run"),
        )
        client = NotebookClient(
            self._notebook,
            km=kernel,
            resources={"metadata": {"path": str(self._directory / WORK)}},
            startup_timeout=_STARTUP_SECONDS,
            coalesce_streams=True,
            record_timing=False,
            on_cell_execute=self._begins,
        )
        executing = asyncio.create_task(client.async_execute())
        try:
            done, _ = await asyncio.wait({executing}, timeout=self._seconds)
            if not done:
                return self._failed("took longer than a run may", "TimeLimit")
            await executing
        except CellExecutionError as error:
            return self._failed(f"failed: {error.ename[:100]}", error.ename)
        except DeadKernelError:
            return self._failed("ended the notebook's Python", "DeadKernel")
        finally:
            executing.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await executing
            if kernel.has_kernel:
                await kernel.shutdown_kernel(now=True)
        return {"title": "", "cell": None, "may_pass": False}

    def _kernel_name(self) -> str:
        named = self._notebook.get("metadata", {}).get("kernelspec", {}).get("name")
        return R_KERNEL if named == R_KERNEL else KERNEL

    def _begins(self, cell: NotebookNode, cell_index: int) -> None:  # noqa: ARG002 — nbclient names them
        self._cell = cell_index + 1

    def _failed(self, what: str, kind: str) -> dict[str, Any]:
        """Return what became of it.  An error's text may be of what was read, and stands in the notebook alone."""
        title = f"Cell {self._cell} of {len(self._notebook.cells)} {what}."
        return {"title": title, "cell": self._cell, "may_pass": kind in _PASSING}

    def _write(self, name: str, value: Any) -> None:
        draft = self._directory / f"{name}.new"
        draft.write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")
        draft.replace(self._directory / name)


def end_with(parent: int) -> None:
    """End when whoever started us does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it has ended, maybe before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run it, and end."""
    logs.install()
    hiding.seal_process()
    told = json.loads(sys.stdin.buffer.read())
    end_with(int(told["parent"]))
    directory, now = Path(sys.argv[1]), datetime.now(UTC)
    work = directory / WORK
    work.mkdir(mode=0o700)
    environment = Environment(
        gateway=os.environ["SWAP_GATEWAY"],
        home_url=os.environ["SWAP_HOME_URL"],
        person_name="",
        credential="",
        token_socket=Path(os.environ["SWAP_TOKEN_SOCKET"]),
        kernel_env=Path(os.environ["SWAP_KERNEL_ENV"]),
        home=work,
        root=work,
        language=os.environ.get("LANG", "C.UTF-8"),
        time_zone=os.environ.get("TZ"),
        pip=tuple((name, os.environ[name]) for name in PIP_NAMES if os.environ.get(name)),
    )
    os.environ.update(
        HOME=str(work),
        JUPYTER_CONFIG_DIR=str(directory),
        JUPYTER_RUNTIME_DIR=str(environment.token_socket.with_suffix(".d") / "run"),
        JUPYTER_PREFER_ENV_PATH="1",
    )
    ends = datetime.fromisoformat(told["expires_at"])
    token = Token(value=told["token"], expires_at=ends, minted_at=now, renew_at=ends)
    asyncio.run(Run(directory, environment, token, float(told["seconds"])).run())


if __name__ == "__main__":
    main()
