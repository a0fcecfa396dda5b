"""A notebook in the kernel environment, run as JupyterLab runs it: cell by cell, outputs collected by nbclient."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = Path(__file__).parents[3] / ".swap" / "env" / "kernel" / "bin" / "python"
PYTHON = {
    "argv": [str(KERNEL), "-E", "-s", "-m", "ipykernel_launcher", "-f", "{connection_file}", "--ext=swap"],
    "display_name": "Python (SWAP)",
    "language": "python",
}


class Notebook:
    """One notebook and its kernel."""

    def __init__(self, directory: Path, environment: Mapping[str, str], spec: Mapping[str, Any] = PYTHON) -> None:
        folder = directory / "kernels" / "swap"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        home = directory / "home"
        home.mkdir()
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **environment}
        self.document = nbformat.v4.new_notebook()
        self.manager = KernelManager(
            kernel_name="swap",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(directory / "kernels")], ensure_native_kernel=False),
        )
        # Pieces are joined: a kernel may send a print's text apart from the end of its line.
        self.client = NotebookClient(self.document, km=self.manager, timeout=60, coalesce_streams=True)

    def __enter__(self) -> Self:
        self.manager.start_kernel(env=self.environment)
        self.client.kc = self.manager.client()
        self.client.kc.start_channels()
        self.client.kc.wait_for_ready(timeout=60)
        self.client.kc.allow_stdin = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.kc.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, source: str, *, fails: bool = False) -> list[Any]:
        """Run one more cell and return its outputs; `fails` says that it must."""
        cell = nbformat.v4.new_code_cell(source)
        self.document.cells.append(cell)
        failed = None
        try:
            self.client.execute_cell(cell, len(self.document.cells) - 1)
        except CellExecutionError as error:
            failed = error
        assert (failed is not None) == fails, failed or cell.outputs
        nbformat.validate(self.document)
        return list(cell.outputs)

    def one(self, source: str, *, fails: bool = False) -> dict[str, Any]:
        """Run one more cell and return the MIME bundle of its only output."""
        outputs = self.run(source, fails=fails)
        assert len(outputs) == 1, outputs
        return dict(outputs[0]["data"])

    def value(self, expression: str) -> Any:
        """Return the value of an expression whose repr is JSON."""
        (output,) = self.run(f"import json; print(json.dumps({expression}))")
        return json.loads(output["text"])

    def interrupt_when(self, ready: Any, seconds: float = 20) -> threading.Thread:
        """Interrupt the kernel, as the ■ does, as soon as `ready()` is true."""

        def wait() -> None:
            ends = time.monotonic() + seconds
            while not ready():
                assert time.monotonic() < ends
                time.sleep(0.02)
            # As the manager does it; its own method would open an event loop in this thread.
            os.kill(self.manager.provisioner.pid, signal.SIGINT)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread
