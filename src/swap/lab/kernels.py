"""The kernels there are, and their environment: what is on the list, and nothing else of the server's.

The server's own variables name the hub, its client and its callbacks; a kernel needs none of them.
"""

from __future__ import annotations

from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import List, Unicode

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
        "PYTHONUTF8",
        "R_ENVIRON_USER",
        "R_LIBS_USER",
        *KERNEL_NAMES,
    }
)


def closed(environ: dict[str, str]) -> dict[str, str]:
    """Return the part of an environment that a kernel may have.

    >>> closed({"PATH": "/bin", "JUPYTERHUB_API_TOKEN": "s3cret", "LC_ALL": "C"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {name: value for name, value in environ.items() if name in ALLOWED or name.startswith("LC_")}


class ClosedKernelManager(ServerKernelManager):
    """Starts kernels with a closed environment."""

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        command, arguments = await super()._async_pre_start_kernel(**kw)
        arguments["env"] = closed(arguments["env"])
        return command, arguments

    # Jupyter's own sub-classes replace the synchronous method in the same way.
    pre_start_kernel = _async_pre_start_kernel  # type: ignore[assignment]


class ListedKernelSpecs(KernelSpecManager):
    """Finds kernels where the configuration says and nowhere else; Jupyter's own would look at home first."""

    kernel_dirs = List(Unicode()).tag(config=True)
