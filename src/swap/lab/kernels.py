"""The kernels there are, and their environment: what is on the list, and nothing else of the server's.

The server's own variables name the hub, its client and its callbacks; a kernel needs none of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import List, Unicode

from swap.lab.ends import Ends
from swap.lab.environment import KERNEL_NAMES

ALLOWED = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "JPY_PARENT_PID",
        "JPY_SESSION_NAME",
        "PYDEVD_USE_FRAME_EVAL",
        "PYTHONPATH",
        "PYTHONUTF8",
        "R_ENVIRON_USER",
        "R_LIBS_USER",
        *KERNEL_NAMES,
    }
)

PROBE_BYTES = 65_536
"""A file of this size must fit before IPython may write what it begins with."""


def closed(environ: dict[str, str]) -> dict[str, str]:
    """Return the part of an environment that a kernel may have.

    >>> closed({"PATH": "/bin", "JUPYTERHUB_API_TOKEN": "s3cret", "LC_ALL": "C"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {name: value for name, value in environ.items() if name in ALLOWED or name.startswith("LC_")}


def ipython_directory(environ: dict[str, str], other: Path) -> dict[str, str]:
    """Return what leads IPython elsewhere where it could not make its directory at home: it would not start.

    What is at home already is used, also when the disk is full.
    """
    startup = Path(environ["HOME"], ".ipython", "profile_default", "startup")
    try:
        startup.mkdir(parents=True, exist_ok=True)
        readme = startup / "README"
        if readme.exists() and readme.stat().st_size:
            # The last that IPython writes as it makes its directory.
            return {}
        with tempfile.TemporaryFile(dir=startup) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError:
        return {"IPYTHONDIR": str(other)}
    return {}


class ClosedKernelManager(ServerKernelManager):
    """Starts kernels with a closed environment, and says when one has died."""

    ends: ClassVar[Ends | None] = None
    """Told of each kernel that died, before anybody else is."""

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        command, arguments = await super()._async_pre_start_kernel(**kw)
        environ = closed(arguments["env"])
        arguments["env"] = environ | ipython_directory(environ, Path(jupyter_runtime_dir()) / "ipython")
        return command, arguments

    # Jupyter's own sub-classes replace the synchronous method in the same way.
    pre_start_kernel = _async_pre_start_kernel  # type: ignore[assignment]

    def start_restarter(self) -> None:
        """Watch the kernel, as Jupyter does; who is told first is told by us."""
        watched = self._restarter is not None
        super().start_restarter()
        if not watched and self._restarter is not None:
            for event in ("restart", "dead"):
                self._restarter.add_callback(self._say_died, event)

    def _say_died(self) -> None:
        if self.ends is not None:
            process = getattr(self.provisioner, "process", None)
            self.ends.died(self.kernel_id, getattr(process, "returncode", None))


class ListedKernelSpecs(KernelSpecManager):
    """Finds kernels where the configuration says and nowhere else; Jupyter's own would look at home first."""

    kernel_dirs = List(Unicode()).tag(config=True)
