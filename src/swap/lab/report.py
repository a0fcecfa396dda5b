"""`python -I -m swap.lab.report`: run a notebook once, for a report.  A worker has it started.

On its standard input, a socket, it is told the notebook, its token and its limits; there it answers what became of it,
with the notebook as it was executed.  The token it gives to its kernel alone.  It ends when the worker lets go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import resource
import select
import shutil
import signal
import socket
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from swap import logs
from swap.client import period
from swap.client.failures import Unreachable
from swap.errors import Unavailable
from swap.lab import hiding, specs
from swap.lab.config import KERNEL, transport
from swap.lab.environment import PIP_NAMES, Environment
from swap.lab.kernels import ListedKernelSpecs, closed
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token
from swap.r import KERNEL as R_KERNEL

_NICE: Final = 10
"""What a run gives way to: whoever sits before a notebook."""
_STARTUP_SECONDS: Final = 120
_PASSING: Final = frozenset({Unavailable.__name__, Unreachable.__name__})
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


@dataclass(frozen=True, slots=True)
class Told:
    """What a run is told: the token, when it ends, seconds for all and for each cell, the period, the notebook."""

    token: str
    expires_at: datetime
    seconds: float
    cell_seconds: int | None
    period: tuple[str, str]
    notebook: dict[str, Any]

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return what came as JSON."""
        made = json.loads(text)
        begin, end = made["period"]
        ends = datetime.fromisoformat(made["expires_at"])
        cell = None if made["cell_seconds"] is None else math.ceil(made["cell_seconds"])
        return cls(made["token"], ends, float(made["seconds"]), cell, (begin, end), made["notebook"])


class Run:
    """One execution: the notebook, and how far it came."""

    def __init__(self, environment: Environment, told: Told) -> None:
        self._environment = environment
        self._told = told
        self._token = Token(
            value=told.token, expires_at=told.expires_at, minted_at=datetime.now(UTC), renew_at=told.expires_at
        )
        self._private = environment.token_socket.with_suffix(".d")
        self._notebook: NotebookNode = nbformat.from_dict(told.notebook)  # type: ignore[no-untyped-call]
        self._cell = 0

    async def run(self) -> dict[str, Any]:
        """Run it, and return what became of it."""
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
        # Of its children, which have ended, the largest one is the kernel.
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return {**outcome, "memory_bytes": most, "notebook": self._notebook}

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
            resources={"metadata": {"path": str(self._environment.home)}},
            startup_timeout=_STARTUP_SECONDS,
            timeout=self._told.cell_seconds,  # whole ones, as nbclient has them
            coalesce_streams=True,
            record_timing=False,
            on_cell_execute=self._begins,
        )
        executing = asyncio.create_task(client.async_execute())
        try:
            done, _ = await asyncio.wait({executing}, timeout=self._told.seconds)
            if not done:
                return self._failed("took longer than a run may", "TimeLimit")
            await executing
        except CellTimeoutError:
            return self._failed("took longer than a cell may", "CellTimeLimit")
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


def end_with(worker: socket.socket) -> None:
    """End when the worker lets go: it has ended, or the run is not its own any more."""

    def watch() -> None:
        let_go = select.poll()
        let_go.register(worker.fileno(), 0)  # whatever is waited for, the end of the other side is told
        let_go.poll()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="worker", daemon=True).start()


def heard() -> tuple[Told, socket.socket]:
    """Return what we are told, and where to answer; our standard input, which kernels inherit, then is empty."""
    worker = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with worker.makefile("rb") as file:
        return Told.read(file.read()), worker


def main() -> None:
    """Run it, answer, and end."""
    logs.install()
    hiding.seal_process()
    told, worker = heard()
    end_with(worker)
    os.nice(_NICE)
    home = Path.cwd()
    environment = Environment(
        gateway=os.environ["SWAP_GATEWAY"],
        home_url=os.environ["SWAP_HOME_URL"],
        person_name="",
        credential="",
        token_socket=Path(os.environ["SWAP_TOKEN_SOCKET"]),
        kernel_env=Path(os.environ["SWAP_KERNEL_ENV"]),
        home=home,
        root=home,
        language=os.environ.get("LANG", "C.UTF-8"),
        time_zone=os.environ.get("TZ"),
        pip=tuple((name, os.environ[name]) for name in PIP_NAMES if os.environ.get(name)),
    )
    private = environment.token_socket.with_suffix(".d")
    os.environ.update(zip((period.START, period.END), told.period, strict=True))
    os.environ.update(
        # Not of the home, where the notebook can write.
        JUPYTER_CONFIG_DIR=str(private / "configuration"),
        JUPYTER_RUNTIME_DIR=str(private / "run"),
        JUPYTER_PREFER_ENV_PATH="1",
    )
    outcome = asyncio.run(Run(environment, told).run())
    worker.sendall(json.dumps(outcome).encode())


if __name__ == "__main__":
    main()
